package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/jobs"
)

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what would keep reports from being made or from arriving",
		Long: `Looks at the project, its records, lake, warehouse and clock, and at everything that its mail needs: the account, its quota, the
verified domain, DKIM, SPF and DMARC, and the way back of bounces. Each line is ok, warn or fail, with what was found and what to do.
It changes nothing, sends nothing, and may run beside a server. The exit code is 1 when something failed.`,
		Example: "  daybook doctor -C library\n  daybook doctor -C library --format json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d := &doctor{program: p, now: time.Now, dns: net.DefaultResolver, web: &http.Client{}}
			return p.showFindings(d.examine(c.Context()))
		},
	}
}

// finding is a line of the doctor's.
type finding struct {
	state        string // healthy, worrying or failing
	group, check string
	found, fix   string
}

const (
	healthy  = "ok"
	worrying = "warn"
	failing  = "fail"
)

func good(check, found string) finding      { return finding{healthy, "", check, found, ""} }
func warn(check, found, fix string) finding { return finding{worrying, "", check, found, fix} }
func bad(check, found, fix string) finding  { return finding{failing, "", check, found, fix} }

// because is a finding made of an error.
func because(state, check string, err error) finding {
	return finding{state, "", check, withoutHint(err), fault.Hint(err)}
}

// showFindings writes the lines, and ends with 1 when one of them failed.
func (p *program) showFindings(list []finding) error {
	rows := make([][]string, len(list))
	failed := false
	for i, f := range list {
		rows[i] = []string{f.state, f.group, f.check, f.found, f.fix}
		failed = failed || f.state == failing
	}
	if err := p.table([]string{"state", "group", "check", "found", "fix"}, rows); err != nil {
		return err
	}
	if failed {
		return silentError{}
	}
	return nil
}

// doctor looks at a project from outside: it takes no lock for longer than a look, and changes nothing.
type doctor struct {
	program *program
	now     func() time.Time
	dns     resolver
	web     *http.Client

	project *project.Project
	graph   *jobs.Graph
	data    string
	records *store.Store // nil where they cannot be read
}

// patience bounds every look.
const patience = 5 * time.Second

// look is one examination; the lines come in the order in which looks are listed.
type look func(ctx context.Context) []finding

// examine looks at everything, one group after the other. Where the project does not load, that is all there is to say.
func (d *doctor) examine(ctx context.Context) []finding {
	list := d.group(ctx, "config", d.files)
	if d.project == nil {
		return list
	}
	store := d.group(ctx, "store", d.schema)
	if d.records != nil {
		defer d.records.Close()
	}
	list = append(list, d.group(ctx, "config", d.baseURL, d.people, d.owners, d.secrets)...)
	list = append(list, store...)
	list = append(list, d.group(ctx, "lake", d.writable, d.space)...)
	list = append(list, d.group(ctx, "warehouse", d.warehouse)...)
	list = append(list, d.group(ctx, "clock", d.clock)...)
	return append(list, d.group(ctx, "mail", d.mailLooks()...)...)
}

func (d *doctor) group(ctx context.Context, name string, looks ...look) []finding {
	found := make([][]finding, len(looks))
	var wg sync.WaitGroup
	for i, look := range looks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			found[i] = look(ctx)
		})
	}
	wg.Wait()
	var list []finding
	for _, lines := range found {
		for _, f := range lines {
			f.group = name
			list = append(list, f)
		}
	}
	return list
}
