package project

import (
	"bytes"
	"errors"
	"fmt"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"daybook/internal/fault"
)

// Filename is the file that makes a directory a project.
const Filename = "daybook.yaml"

// Load reads and checks the project in dir; ${NAME} is looked up with env. Every problem found is in the returned error,
// each a *fault.Error "file:line:column: what is wrong; what to write instead".
func Load(dir string, env func(string) (string, bool)) (*Project, error) {
	text, err := os.ReadFile(filepath.Join(dir, Filename))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("no %s in %s", Filename, dir), "name the project with -C DIR, or make one with daybook init")
	}
	if err != nil {
		return nil, fmt.Errorf("read project: %w", err)
	}
	l := &loader{dir: dir, env: env, project: &Project{Dir: dir, Zone: time.UTC, Locale: "en"}}
	if text, ok := l.plain(Filename, text); ok {
		l.settings(text)
	}
	l.folder("sources", ".yaml", l.source)
	l.folder("tables", ".sql", func(file, name string, text []byte) { l.query(KindTable, file, name, text) })
	l.folder("marts", ".sql", func(file, name string, text []byte) { l.query(KindMart, file, name, text) })
	l.folder("reports", ".yaml", l.report)
	l.folder("publish", ".yaml", l.publication)
	l.references()
	l.places()
	l.names()
	if err := errors.Join(l.errs...); err != nil {
		return nil, err
	}
	return l.project, nil
}

type loader struct {
	dir     string
	env     func(string) (string, bool)
	project *Project
	errs    []error
	exec    map[string]Exec // the programs that sources may name
	settled bool            // the settings were read, so that what they do not name is not there
	home    error           // the complaint to make when there is no such report
}

func (l *loader) document(file string, offset int) *document {
	return &document{file: file, offset: offset, env: l.env, broken: map[ast.Node]bool{}}
}

func (l *loader) done(d *document) { l.errs = append(l.errs, d.problems()) }

var nodeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// folder reads the files of one kind in name order. Other files are a mistake that would otherwise be silently ignored.
func (l *loader) folder(folder, ext string, read func(file, name string, text []byte)) {
	entries, err := os.ReadDir(filepath.Join(l.dir, folder))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("read %s: %w", folder, err))
		return
	}
	for _, e := range entries {
		file := folder + "/" + e.Name()
		name, ok := strings.CutSuffix(e.Name(), ext)
		switch {
		case strings.HasPrefix(e.Name(), ".") || e.IsDir():
			continue
		case !ok:
			l.errs = append(l.errs, fault.At(file, 0, 0, "not a "+ext+" file", fmt.Sprintf("name it NAME%s or move it out of %s", ext, folder)))
			continue
		case name == "all":
			l.errs = append(l.errs, fault.At(file, 0, 0, "all cannot be a node's name, it means every node", "give the file another name"))
			continue
		case !nodeName.MatchString(name):
			l.errs = append(l.errs, fault.At(file, 0, 0, fmt.Sprintf("%q cannot be a node's name", name), "use a-z, 0-9 and _, beginning with a letter"))
			continue
		}
		text, err := os.ReadFile(filepath.Join(l.dir, folder, e.Name()))
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("read %s: %w", file, err))
			continue
		}
		if text, ok := l.plain(file, text); ok {
			read(file, name, text)
		}
	}
}

// plain takes away what editors add without showing it, a byte order mark and carriage returns, so that the same text is
// the same definition on every machine.
func (l *loader) plain(file string, text []byte) ([]byte, bool) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n")) // YAML counts a lone one as a line
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			l.errs = append(l.errs, fault.At(file, i+1, 0, "this line is not UTF-8 text", "save the file as UTF-8"))
			return nil, false
		}
	}
	return text, true
}

// names holds that a name means one node.
func (l *loader) names() {
	seen := map[string]string{}
	add := func(name, file string) {
		if first, ok := seen[name]; ok {
			l.errs = append(l.errs, fault.At(file, 0, 0, fmt.Sprintf("the name %s is taken by %s", name, first), "rename one of the two files"))
		}
		seen[name] = file
	}
	for _, s := range l.project.Sources {
		add(s.Name, s.File)
	}
	for _, q := range slices.Concat(l.project.Tables, l.project.Marts) {
		add(q.Name, q.File)
	}
	for _, r := range l.project.Reports {
		add(r.Name, r.File)
	}
	for _, p := range l.project.Publications {
		add(p.Name, p.File)
	}
	if home := l.project.Home; home == "" && len(l.project.Reports) > 0 {
		l.project.Home = l.project.Reports[0].Name
	} else if l.settled && home != "" && !slices.ContainsFunc(l.project.Reports, func(r Report) bool { return r.Name == home }) {
		l.errs = append(l.errs, l.home)
	}
}

// settings reads daybook.yaml.
func (l *loader) settings(text []byte) {
	d := l.document(Filename, 0)
	defer l.done(d)
	p := l.project
	m := d.parse(text)
	if m == nil {
		return
	}
	l.settled = true
	if p.Name = m.str("name", ""); p.Name == "" {
		d.fail(m.at("name"), "the project has no name", "write name: followed by what people call it")
	}
	p.Zone = m.zone("timezone", time.UTC)
	p.Locale = m.one("locale", "en", "ko", "en")
	p.Home = m.str("home", "")
	line, column := d.place(m.at("home"))
	l.home = fault.At(Filename, line, column, fmt.Sprintf("home names %s, which is not a report", p.Home), "name a file of reports/ without .yaml")
	p.Store = m.str("store", "sqlite:app.db")
	p.Catchup = int(m.integer("catchup", 7, 0))
	p.Attempts = int(m.integer("attempts", 3, 1))
	p.Timeout = m.duration("timeout", 30*time.Minute)
	l.refresh(m)
	p.Engine = engine(m)
	l.lake(m)
	l.mail(m)
	p.Groups = groups(m)
	l.allowed()
	l.alerts(m)
	p.Pools = map[string]int{"default": runtime.NumCPU()}
	if sub := m.sub("pools"); sub != nil {
		for _, k := range sub.keys {
			p.Pools[keyName(k)] = int(sub.integer(keyName(k), 1, 1))
		}
	}
	l.programs(m)
	m.finish()
}

func (m *mapping) duration(key string, fallback time.Duration) time.Duration {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, _ := m.doc.scalar(n, key)
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), "write a duration such as 90s, 30m or 2h")
		return fallback
	}
	return d
}

func (l *loader) refresh(m *mapping) {
	m.each("refresh", func(e *mapping) {
		r := Refresh{Schedule: e.schedule(l.project.Zone), Nodes: e.list("nodes")}
		r.Name = e.str("name", strings.Join(r.Nodes, "-"))
		if len(r.Nodes) == 0 {
			e.doc.fail(e.node, "a refresh without nodes", "write nodes: all, or a list of names")
		}
		if slices.ContainsFunc(l.project.Refresh, func(o Refresh) bool { return o.Name == r.Name }) {
			e.doc.fail(e.node, fmt.Sprintf("two refreshes are named %s", r.Name), "give each a name:")
		}
		e.finish()
		l.project.Refresh = append(l.project.Refresh, r)
	})
}

func engine(m *mapping) Engine {
	e := Engine{Memory: "1GB", Threads: runtime.NumCPU(), Readers: 2}
	if sub := m.sub("warehouse"); sub != nil {
		e.Memory = sub.str("memory", e.Memory)
		if n := sub.value("memory"); n != nil && !memorySize.MatchString(e.Memory) {
			m.doc.fail(n, fmt.Sprintf("%q is not an amount of memory", e.Memory), "write 512MB, 1GB or 4GiB")
		}
		e.Threads = int(sub.integer("threads", int64(e.Threads), 1))
		e.Readers = int(sub.integer("readers", int64(e.Readers), 1))
		sub.finish()
	}
	return e
}

var memorySize = regexp.MustCompile(`^\d+(\.\d+)?\s?([KMGT]i?B)$`)

func groups(m *mapping) map[string][]Member {
	sub := m.sub("groups")
	if sub == nil {
		return nil
	}
	out := map[string][]Member{}
	for _, k := range sub.keys {
		name := keyName(k)
		out[name] = []Member{} // an empty one has its members on the pages
		sub.each(name, func(e *mapping) {
			p := Member{Address: e.str("address", ""), Name: e.str("name", ""), Locale: e.one("locale", "", "", "ko", "en")}
			if a, err := netmail.ParseAddress(p.Address); err != nil || a.Address != p.Address {
				e.doc.fail(e.at("address"), fmt.Sprintf("%q is not a mail address", p.Address), "write address: name@example.com")
			}
			e.finish()
			p.Address = strings.ToLower(p.Address) // as the records keep it
			out[name] = append(out[name], p)
		})
	}
	return out
}
