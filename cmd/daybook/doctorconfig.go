package main

import (
	"context"
	"fmt"
	netmail "net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/secret"
	"daybook/internal/text"
)

// withoutHint is an error in one line; the hint has its own place.
func withoutHint(err error) string { return strings.Replace(oneLine(err), "; "+fault.Hint(err), "", 1) }

func (d *doctor) files(ctx context.Context) []finding {
	p, graph, parser, err := readProject(ctx, d.program.dir, d.program.env)
	if err != nil {
		var list []finding
		for _, e := range problems(err) {
			list = append(list, because(failing, "files", e))
		}
		return list
	}
	parser.Close()
	d.project, d.graph, d.data = p, graph, filepath.Join(d.program.dir, dataDir)
	return []finding{good("files", fmt.Sprintf("%s: %d nodes, all proven", p.Name, len(graph.Order)))}
}

// problems takes a join apart.
func problems(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range many.Unwrap() {
			list = append(list, problems(e)...)
		}
		return list
	}
	return []error{err}
}

// leaves reports whether mail leaves this machine.
func (d *doctor) leaves() bool { return d.project.Mail.Sender != "outbox" }

func (d *doctor) baseURL(context.Context) []finding {
	const check = "base_url"
	base := d.project.Mail.BaseURL
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "":
		return []finding{bad(check, fmt.Sprintf("%q is no URL", base), "write base_url: https://reports.example.com below mail:")}
	case !d.leaves():
		return []finding{good(check, base+"; no mail leaves this machine")}
	case local(u.Hostname()):
		return []finding{bad(check, base+" is this machine, and the links of mails lead there", "write the address by which readers reach the server: base_url: below mail:")}
	case u.Scheme != "https":
		return []finding{warn(check, base+" is not https: links that sign people in can be read on the way", "put a proxy with TLS in front of the server, and write https here")}
	}
	return []finding{good(check, base)}
}

func local(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "127.") || host == "::1" || host == "0.0.0.0"
}

// people looks for reports that nobody gets.
func (d *doctor) people(ctx context.Context) []finding {
	var list []finding
	for _, r := range d.project.Reports {
		if len(r.To) == 0 {
			if r.Schedule != nil {
				list = append(list, warn("people", r.Name+" has a schedule and goes to nobody", "name groups in its to:, or leave out its schedule:"))
			}
			continue
		}
		empty := slices.DeleteFunc(slices.Clone(r.To), func(g string) bool { return d.members(ctx, g) > 0 })
		if len(empty) > 0 {
			list = append(list, warn("people", fmt.Sprintf("%s goes to %s, which has nobody", r.Name, strings.Join(empty, ", ")), "add people to the group, in daybook.yaml or on the page People"))
		}
	}
	if list == nil {
		list = append(list, good("people", fmt.Sprintf("every report that goes out has somebody to read it; mails a day: %s", text.English.Count(int64(d.mailsADay(ctx))))))
	}
	return list
}

// members counts the people of a group: those in the records, or in the file where the records do not know them yet.
func (d *doctor) members(ctx context.Context, group string) int {
	n := len(d.project.Groups[group])
	if d.records != nil {
		if people, err := d.records.PeopleIn(ctx, []string{group}); err == nil {
			n = max(n, len(people))
		}
	}
	return n
}

// mailsADay is how many mails go out where every report is released once.
func (d *doctor) mailsADay(ctx context.Context) int {
	n := 0
	for _, r := range d.project.Reports {
		reached := map[string]bool{}
		for _, g := range r.To {
			for _, m := range d.project.Groups[g] {
				reached[strings.ToLower(m.Address)] = true
			}
		}
		if d.records != nil {
			people, err := d.records.PeopleIn(ctx, r.To)
			if err == nil {
				for _, p := range people {
					reached[p.Address] = true
				}
			}
		}
		n += len(reached)
	}
	return n
}

// owners looks for nodes whose owner cannot be told that they failed.
func (d *doctor) owners(context.Context) []finding {
	const check = "owners"
	if !slices.ContainsFunc(d.project.Alerts, func(c project.Channel) bool { return c.Mail == "owner" }) {
		return []finding{good(check, "no alert goes to owners")}
	}
	var without []string
	for _, n := range d.graph.Order {
		_, err := netmail.ParseAddress(n.Owner)
		if _, group := d.project.Groups[n.Owner]; err != nil && !group {
			without = append(without, n.Name)
		}
	}
	if len(without) > 0 {
		return []finding{warn(check, fmt.Sprintf("alerts go to owners, and %s has none that is an address or a group", strings.Join(without, ", ")), "write owner: name@example.com, or the name of a group")}
	}
	return []finding{good(check, "every node has an owner who can be told")}
}

// secrets resolves every reference of the project.
func (d *doctor) secrets(ctx context.Context) []finding {
	const check = "secrets"
	refs := d.project.Secrets()
	var list []finding
	for _, ref := range refs {
		if _, err := secret.Resolve(ctx, ref, d.program.env, d.project.Dir); err != nil {
			list = append(list, because(failing, check, err))
		} else if file, exposed := secret.Exposed(ref, d.project.Dir); exposed {
			list = append(list, warn(check, "every account of this machine may read "+file, "chmod 600 "+file))
		}
	}
	if list == nil {
		list = []finding{good(check, fmt.Sprintf("%d named, all found", len(refs)))}
	}
	return list
}
