package examples_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/store"
	"daybook/internal/warehouse"
	"daybook/jobs"
)

// house is a copy of an example with its rooms open. Its data is in dir/.daybook.
type house struct {
	*jobs.Runner
	t   *testing.T
	dir string
}

// same compares rows of the warehouse: days as the values they are, doubles to twelve digits.
var same = cmp.Options{cmpopts.EquateComparable(calendar.Day{}), cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateEmpty()}

// copyOf puts an example's files into a directory of the test.
func copyOf(t *testing.T, example string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{".daybook", "data"} {
		if err := os.RemoveAll(filepath.Join(dir, made)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// live opens the project in dir until the test ends or it is closed; variables stand for its ${NAME}.
func live(t *testing.T, dir string, variables map[string]string) *house {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(dir, func(name string) (string, bool) { v, ok := variables[name]; return v, ok })
	must(err)
	parser, err := sqlparse.Open(ctx)
	must(err)
	t.Cleanup(func() { parser.Close() })
	graph, err := jobs.NewGraph(ctx, p, parser)
	must(err)
	data := filepath.Join(dir, ".daybook")
	temp := filepath.Join(data, "tmp")
	must(os.MkdirAll(temp, 0o700))
	l, err := lake.OpenDir(filepath.Join(data, "lake"))
	must(err)
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: filepath.Join(data, "warehouse.duckdb"), Memory: "512MB", Threads: 2, Readers: 1,
		Zone: p.Zone, Temp: filepath.Join(temp, "warehouse"), Guard: func(ctx context.Context, sql string) error { _, err := parser.Parse(ctx, sql); return err }})
	must(err)
	t.Cleanup(func() { w.Close() })
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "app.db"))
	must(err)
	t.Cleanup(func() { s.Close() })
	r := &jobs.Runner{Project: p, Graph: graph, Store: s, Lake: l, Warehouse: w, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Temp: temp}
	must(r.Open(ctx))
	h := &house{Runner: r, t: t, dir: dir}
	t.Cleanup(r.Close)
	return h
}

// again closes the house and opens the project as its files are now.
func (h *house) again() *house {
	h.t.Helper()
	h.Runner.Close()
	if err := errors.Join(h.Warehouse.Close(), h.Store.Close()); err != nil {
		h.t.Fatal(err)
	}
	return live(h.t, h.dir, nil)
}

// build brings nodes up to date, all when none are named, and returns what was built. Anything but success ends the test.
func (h *house) build(req jobs.Request) []string {
	h.t.Helper()
	var built []string
	run, err := h.try(req, &built)
	if err != nil || run.State != store.StateDone {
		h.t.Fatalf("the run ended %s: %s %v", run.State, run.Error, err)
	}
	return built
}

func (h *house) try(req jobs.Request, built *[]string) (store.Run, error) {
	req.Cause, req.By = "cli", "test"
	req.Observe = func(task store.Task) {
		if task.State == store.StateDone && jobs.ParseWhy(task.Why).Code != "unchanged" {
			*built = append(*built, task.Node)
		}
	}
	return h.Run(context.Background(), req)
}

// upToDate holds that nothing is left to build.
func (h *house) upToDate(from, through calendar.Day) {
	h.t.Helper()
	plan, err := h.Plan(context.Background(), jobs.Request{Day: from, Through: through})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range plan.Steps {
		h.t.Errorf("%s is not up to date: %v", s.Cell, s.Why)
	}
}

// rows reads the warehouse.
func (h *house) rows(day calendar.Day, sql string) [][]any {
	h.t.Helper()
	_, rows, err := h.Query(context.Background(), sql, day)
	if err != nil {
		h.t.Fatalf("%v in %s", err, sql)
	}
	return rows
}

// holds compares rows of the warehouse with those that were counted.
func (h *house) holds(day calendar.Day, sql string, want [][]any) {
	h.t.Helper()
	if diff := cmp.Diff(want, h.rows(day, sql), same); diff != "" {
		h.t.Errorf("%s: %s (-counted +warehouse)\n%s", day, sql, diff)
	}
}

// one reads a single whole number.
func (h *house) one(day calendar.Day, sql string) int64 {
	h.t.Helper()
	rows := h.rows(day, sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		h.t.Fatalf("%s gives %v, not one value", sql, rows)
	}
	n, ok := rows[0][0].(int64)
	if !ok {
		h.t.Fatalf("%s gives %T %v, not a whole number", sql, rows[0][0], rows[0][0])
	}
	return n
}

// outputs lists the output hash of every build of a day, and of every current state.
func (h *house) outputs(day calendar.Day) map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for _, n := range h.Graph.Order {
		cell := n.Key(day)
		b, made, err := h.Store.Build(context.Background(), cell.Node, cell.Day)
		if err != nil || !made {
			h.t.Fatalf("%s has no build: %v", cell, err)
		}
		out[n.Name] = b.Output
	}
	return out
}

// write makes a file of the project, with its directory.
func (h *house) write(name, text string) { writeFile(h.t, filepath.Join(h.dir, name), text) }

// edit replaces a text that a file of the project has once.
func (h *house) edit(name, from, to string) { editFile(h.t, filepath.Join(h.dir, name), from, to) }

func editFile(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), from) != 1 {
		t.Fatalf("%s has %q %d times", path, from, strings.Count(string(text), from))
	}
	writeFile(t, path, strings.Replace(string(text), from, to, 1))
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
