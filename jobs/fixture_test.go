package jobs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/store"
	"daybook/internal/warehouse"
)

// monday is the day that most tests ask for.
var monday = calendar.MustDay("2026-11-16")

// files is a project: text by path.
type files map[string]string

// with is the project with some files written differently; an empty text takes a file away.
func (f files) with(changes files) files {
	out := maps.Clone(f)
	for name, text := range changes {
		if out[name] = text; text == "" {
			delete(out, name)
		}
	}
	return out
}

// shop is a project with a node of every kind, and a mart that looks back.
func shop() files {
	return files{
		"daybook.yaml": "name: shop\nattempts: 1\nwarehouse: {memory: 256MB, threads: 1}\n",
		"sources/orders.yaml": `from: files
path: "data/{day}.ndjson"
key: [id]
columns:
  id: {type: text, required: true}
  item: text
  amount: double
`,
		"tables/sales.sql":  "SELECT id, item, amount FROM orders\n",
		"marts/daily.sql":   "SELECT day, count(*) AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n",
		"marts/items.sql":   "SELECT day, item, count(*) AS orders FROM sales WHERE day = $day GROUP BY day, item\n",
		"marts/rolling.sql": "/*\nlookback: 2d\n*/\nSELECT $day AS day, count(*) AS orders FROM sales WHERE day BETWEEN $day - 2 AND $day\n",
		"reports/usage.yaml": `title: Usage
sections:
  - {kind: kpi, mart: daily, value: orders, headline: true}
  - {kind: table, mart: items, columns: {item: {title: Item}, orders: {title: Orders, format: number}}}
`,
		"data/2026-11-14.ndjson": orders("a1", "b1"),
		"data/2026-11-15.ndjson": orders("a2", "b2", "c2"),
		"data/2026-11-16.ndjson": orders("a3", "b3", "c3", "d3"),
		"data/2026-11-17.ndjson": orders("a4"),
		"data/2026-11-18.ndjson": orders("a5", "b5"),
	}
}

// orders is a file of records with the ids; an id's first letter is its item.
func orders(ids ...string) string {
	var b strings.Builder
	for i, id := range ids {
		fmt.Fprintf(&b, `{"id":%q,"item":%q,"amount":%d.5}`+"\n", id, id[:1], i+1)
	}
	return b.String()
}

// house is a project that is open, as the program opens one.
type house struct {
	*Runner
	t     testing.TB
	dir   string
	env   map[string]string
	log   *bytes.Buffer
	close func()
}

// open writes a project into a new directory and opens it.
func open(t testing.TB, f files, set ...func(*Runner)) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), env: map[string]string{}}
	h.write(f)
	h.reopen(set...)
	return h
}

func (h *house) write(f files) {
	h.t.Helper()
	for name, text := range f {
		file := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) remove(names ...string) {
	h.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(h.dir, name)); err != nil {
			h.t.Fatal(err)
		}
	}
}

// reopen ends the process that has the project, if there is one, and starts the next.
func (h *house) reopen(set ...func(*Runner)) {
	h.t.Helper()
	if h.close != nil {
		h.close()
	}
	if err := h.start(set...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) start(set ...func(*Runner)) error {
	ctx := context.Background()
	p, g, parser, err := proven(h.dir, h.env)
	if err != nil {
		return err
	}
	data := filepath.Join(h.dir, ".daybook")
	temp := filepath.Join(data, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	l, err := lake.OpenDir(filepath.Join(data, "lake"))
	if err != nil {
		return err
	}
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: filepath.Join(data, "warehouse.duckdb"), Memory: p.Engine.Memory, Threads: p.Engine.Threads,
		Readers: p.Engine.Readers, Zone: p.Zone, Temp: filepath.Join(temp, "warehouse")})
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "app.db"))
	if err != nil {
		return err
	}
	h.log = &bytes.Buffer{}
	h.Runner = &Runner{Project: p, Graph: g, Store: s, Lake: l, Warehouse: w, Now: time.Now, Temp: temp,
		Log: slog.New(slog.NewTextHandler(h.log, nil)), Backoff: func(int) time.Duration { return time.Millisecond }}
	for _, f := range set {
		f(h.Runner)
	}
	if err := h.Runner.Open(ctx); err != nil {
		return err
	}
	r := h.Runner
	h.close = func() {
		r.Close()
		for _, c := range []func() error{s.Close, w.Close, parser.Close} {
			if err := c(); err != nil {
				h.t.Error(err)
			}
		}
		h.close = nil
	}
	if h.t != nil {
		h.t.Cleanup(func() {
			if h.close != nil {
				h.close()
			}
		})
	}
	return nil
}

// proven reads and proves the project in dir.
func proven(dir string, env map[string]string) (*project.Project, *Graph, *sqlparse.Parser, error) {
	p, err := project.Load(dir, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return nil, nil, nil, err
	}
	parser, err := sqlparse.Open(context.Background())
	if err != nil {
		return nil, nil, nil, err
	}
	g, err := NewGraph(context.Background(), p, parser)
	if err != nil {
		parser.Close()
		return nil, nil, nil, err
	}
	return p, g, parser, nil
}

// run brings a day, or a range of days, up to date and wants the state.
func (h *house) run(want string, req Request) store.Run {
	h.t.Helper()
	if req.Day.IsZero() {
		req.Day = monday
	}
	run, err := h.Run(context.Background(), req)
	if err != nil {
		h.t.Fatal(err)
	}
	if run.State != want {
		h.t.Fatalf("run %d is %s (%s), want %s\n%s", run.Number, run.State, run.Error, want, h.log)
	}
	return run
}

// tasks says what became of each task of a run: "sales of 2026-11-16: up to date (never_built)".
func (h *house) tasks(run store.Run) []string {
	h.t.Helper()
	tasks, err := h.Store.Tasks(context.Background(), run.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	out := make([]string, len(tasks))
	for i, task := range tasks {
		out[i] = fmt.Sprintf("%s: %s (%s)", Cell{task.Node, task.Day}, task.State, task.Why)
	}
	slices.Sort(out)
	return out
}

// task is the newest task of a node for a day; the zero day for a current state.
func (h *house) task(node string, day calendar.Day) store.Task {
	h.t.Helper()
	tasks, err := h.Store.NodeTasks(context.Background(), node, day, 1)
	if err != nil || len(tasks) == 0 {
		h.t.Fatalf("no task of %s of %s: %v", node, day, err)
	}
	return tasks[0]
}

// stale says what a plan would build and why: "sales of 2026-11-16: definition_changed"; a "?" is for a maybe.
func (h *house) stale(req Request) []string {
	h.t.Helper()
	if req.Day.IsZero() {
		req.Day = monday
	}
	plan, err := h.Plan(context.Background(), req)
	if err != nil {
		h.t.Fatal(err)
	}
	out := []string{}
	for _, s := range plan.Steps {
		line := fmt.Sprintf("%s: %s", s.Cell, s.Why)
		if s.Maybe {
			line += "?"
		}
		out = append(out, line)
	}
	return out
}

// rows is the answer to a query, a line for each row.
func (h *house) rows(sql string) []string {
	h.t.Helper()
	_, rows, err := h.Query(context.Background(), sql, monday)
	if err != nil {
		h.t.Fatal(err)
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		cells := make([]string, len(r))
		for j, v := range r {
			cells[j] = fmt.Sprint(v)
		}
		out[i] = strings.Join(cells, " ")
	}
	return out
}

// build is what is true now of a node for a day.
func (h *house) build(node string, day calendar.Day) store.Build {
	h.t.Helper()
	b, ok, err := h.Store.Build(context.Background(), node, day)
	if err != nil || !ok {
		h.t.Fatalf("there is no build of %s of %s: %v", node, day, err)
	}
	return b
}

// outputs is everything that is built, by what it gave.
func (h *house) outputs() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for _, n := range h.Graph.Order {
		for _, d := range h.ledger.days(n.Name) {
			b, _ := h.ledger.at(Cell{n.Name, d})
			out[Cell{n.Name, d}.String()] = b.Output
		}
	}
	return out
}

// contents is every table of the warehouse, row by row.
func (h *house) contents() map[string][]string {
	h.t.Helper()
	out := map[string][]string{}
	for _, n := range h.Graph.Order {
		if n.Query != nil {
			out[n.Name] = h.rows("SELECT * FROM " + n.Name + " ORDER BY ALL")
		}
	}
	return out
}

// copyFrom takes a directory over from another project.
func (h *house) copyFrom(other *house, name string) {
	h.t.Helper()
	if err := os.CopyFS(filepath.Join(h.dir, name), os.DirFS(filepath.Join(other.dir, name))); err != nil {
		h.t.Fatal(err)
	}
}
