package examples_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/stage"
	"daybook/internal/store"
	"daybook/jobs"
)

// Contracts for published data, which lies beside the repository and is never part of it. Each test proves that what the files hold is in the
// warehouse or named: records = staged + rejected + deduplicated.
const publishedData = "../../shared/data"

// published is where a folder of the data is; without it the test is skipped.
func published(t *testing.T, folder string) string {
	t.Helper()
	dir, err := filepath.Abs(publishedData)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, folder)); err != nil {
		t.Skipf("needs ../shared/data/%s", folder)
	}
	return dir
}

// contracted opens a project of testdata/contracts over data, after the edits to its files: file, text, and what stands there instead.
func contracted(t *testing.T, project, data string, edits ...[3]string) *house {
	t.Helper()
	dir := copyOf(t, filepath.Join("testdata/contracts", project))
	for _, e := range edits {
		editFile(t, filepath.Join(dir, e[0]), e[1], e[2])
	}
	return live(t, dir, map[string]string{"DATA": data})
}

// reopened is the house with its project as its files are now.
func (h *house) reopened(variables map[string]string) *house {
	h.t.Helper()
	h.Runner.Close()
	if err := errors.Join(h.Warehouse.Close(), h.Store.Close()); err != nil {
		h.t.Fatal(err)
	}
	return live(h.t, h.dir, variables)
}

// counts are what a source's build says became of its records.
type counts struct{ Records, Staged, Rejected, Deduplicated int64 }

// counted reads the counts of a source's build, and holds that every record is accounted for.
func (h *house) counted(node string, day calendar.Day) counts {
	h.t.Helper()
	b := h.made(node, day)
	if b.RowsIn != b.Rows+b.Rejected+b.Deduplicated {
		h.t.Errorf("%s of %s: %d records are not %d staged + %d rejected + %d deduplicated", node, day, b.RowsIn, b.Rows, b.Rejected, b.Deduplicated)
	}
	return counts{b.RowsIn, b.Rows, b.Rejected, b.Deduplicated}
}

func (h *house) cell(node string, day calendar.Day) jobs.Cell {
	h.t.Helper()
	n, err := h.Graph.Node(node)
	if err != nil {
		h.t.Fatal(err)
	}
	return n.Key(day)
}

func (h *house) made(node string, day calendar.Day) store.Build {
	h.t.Helper()
	cell := h.cell(node, day)
	b, made, err := h.Store.Build(context.Background(), cell.Node, cell.Day)
	if err != nil || !made {
		h.t.Fatalf("%s has no build: %v", cell, err)
	}
	return b
}

// rejects reads back, as "object|line|reason", what the lake keeps of a source's rejected records.
func (h *house) rejects(node string, day calendar.Day) []string {
	h.t.Helper()
	ctx := context.Background()
	m, err := h.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: jobs.RejectsNode(node), Day: h.cell(node, day).Day})
	if err != nil {
		h.t.Fatal(err)
	}
	var list []string
	for _, o := range m.Objects {
		path, err := h.Lake.Local(ctx, m, o.Name)
		if err != nil {
			h.t.Fatal(err)
		}
		columns, rows, err := stage.Peek(ctx, path, 10)
		if err != nil {
			h.t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"object", "line", "reason", "column", "text"}, columns); diff != "" {
			h.t.Errorf("rejects have (-want +got):\n%s", diff)
		}
		for _, r := range rows {
			list = append(list, fmt.Sprintf("%v|%v|%v", r[0], r[1], r[2]))
		}
	}
	return list
}

// last is the newest task of a node's day.
func (h *house) last(node string, day calendar.Day) store.Task {
	h.t.Helper()
	tasks, err := h.Store.NodeTasks(context.Background(), node, h.cell(node, day).Day, 1)
	if err != nil || len(tasks) == 0 {
		h.t.Fatalf("%s has no task: %v", node, err)
	}
	return tasks[0]
}

// logged holds that the newest task of a node's day has a line in its log.
func (h *house) logged(node string, day calendar.Day, want string) {
	h.t.Helper()
	lines, err := h.Store.Logs(context.Background(), h.last(node, day).ID, 0, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for _, l := range lines {
		if strings.Contains(l.Text, want) {
			return
		}
		all = append(all, l.Level+" "+l.Text)
	}
	h.t.Errorf("the log of %s does not say %q:\n%s", node, want, strings.Join(all, "\n"))
}

// fails builds, and holds that a node's task ends with an error that says all of want.
func (h *house) fails(req jobs.Request, node string, want ...string) {
	h.t.Helper()
	var built []string
	run, err := h.try(req, &built)
	if err != nil || run.State != store.StateFailed {
		h.t.Fatalf("the run ended %s, not failed: %v", run.State, err)
	}
	task := h.last(node, req.Day)
	if task.State != store.StateFailed {
		h.t.Errorf("%s ended %s", node, task.State)
	}
	for _, w := range want {
		if !strings.Contains(task.Error, w) {
			h.t.Errorf("%q does not say %q", task.Error, w)
		}
	}
}

// warned are the checks of a node's build that did not pass, with their examples.
func (h *house) warned(node string, day calendar.Day) []string {
	h.t.Helper()
	at := h.cell(node, day).Day
	checks, err := h.Store.Checks(context.Background(), node, at, at)
	if err != nil {
		h.t.Fatal(err)
	}
	var list []string
	for _, c := range checks {
		if c.State != "passed" {
			list = append(list, c.Name+" "+c.State+" "+strings.Join(c.Examples, ","))
		}
	}
	return list
}

// wants compares anything that can be.
func (h *house) wants(want, got any) {
	h.t.Helper()
	if diff := cmp.Diff(want, got, same); diff != "" {
		h.t.Errorf("(-want +got):\n%s", diff)
	}
}

// copied puts files of the data into a directory of the test, where it can damage them: the name there, and that of the original.
func copied(t *testing.T, data string, names [][2]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range names {
		content, err := os.ReadFile(filepath.Join(data, n[1]))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, n[0]), string(content))
	}
	return dir
}
