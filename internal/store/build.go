package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// Build is what is true now of one node for one day: what it was made from and what came out.
type Build struct {
	Node, Kind                           string
	Day                                  calendar.Day
	AsOf                                 calendar.Day // the day it was made for; a current state has it without a Day
	Fingerprint, Output                  string       // of what it was made from; hash of what it gave
	Rows, RowsIn, Rejected, Deduplicated int64
	Inputs                               []Input
	Definition                           string // hash of the definition part of the fingerprint
	State                                string // a State constant
	Run, Task                            string
	At                                   time.Time
	Note                                 string
}

// Input is another build that went into a build, by its output hash.
type Input struct {
	Node string       `json:"node"`
	Day  calendar.Day `json:"day"`
	Hash string       `json:"hash"`
}

const buildColumns = "node, day, kind, as_of, fingerprint, output, row_count, rows_in, rejected, deduplicated, inputs, definition, state, run, task, at, note"

func (b *Build) fields() []any {
	return []any{&b.Node, (*date)(&b.Day), &b.Kind, (*date)(&b.AsOf), &b.Fingerprint, &b.Output, &b.Rows, &b.RowsIn, &b.Rejected, &b.Deduplicated,
		(*list[Input])(&b.Inputs), &b.Definition, &b.State, &b.Run, &b.Task, (*instant)(&b.At), (*prose)(&b.Note)}
}

// SaveBuild records a build, or overwrites the one of its node and day.
func (s *Store) SaveBuild(ctx context.Context, b Build) error { return saveBuild(ctx, s.write, b) }

func saveBuild(ctx context.Context, q querier, b Build) error {
	if _, err := q.ExecContext(ctx, upsert("build", buildColumns, 2), b.fields()...); err != nil {
		return fmt.Errorf("save build %s of %s: %w", b.Node, b.Day, err)
	}
	return nil
}

// Done is the end of a task: the task, its build unless it has no Node (it failed and what was true stays true), its checks in
// place of the recorded ones (nil leaves those as they are; Node and Day of a check are the task's), its last log lines, and the
// run with its counts, nil to leave that alone.
type Done struct {
	Task   Task
	Build  Build
	Checks []CheckResult
	Lines  []Line
	Run    *Run
}

// SaveDone records the end of a task in one transaction.
func (s *Store) SaveDone(ctx context.Context, d Done) error {
	err := s.inTx(ctx, func(t *tx) error {
		if len(d.Lines) > 0 {
			if err := s.appendLines(ctx, t, d.Lines); err != nil {
				return err
			}
		}
		if err := t.updateTask(ctx, d.Task); err != nil {
			return err
		}
		if d.Run != nil {
			if err := t.updateRun(ctx, *d.Run); err != nil {
				return err
			}
		}
		if d.Build.Node != "" {
			if err := saveBuild(ctx, t, d.Build); err != nil {
				return err
			}
		}
		if d.Checks == nil {
			return nil
		}
		return replaceChecks(ctx, t, d.Task.Node, d.Task.Day, d.Checks)
	})
	if err != nil {
		return asFault(err, "end", "task "+d.Task.ID)
	}
	return nil
}

// Build returns the build of a node for a day, and whether there is one.
func (s *Store) Build(ctx context.Context, node string, day calendar.Day) (Build, bool, error) {
	b, err := one[Build](ctx, s.read, "SELECT "+buildColumns+" FROM build WHERE node = $1 AND day = $2", node, dayText(day))
	if errors.Is(err, sql.ErrNoRows) {
		return Build{}, false, nil
	}
	if err != nil {
		return Build{}, false, fmt.Errorf("read build %s of %s: %w", node, day, err)
	}
	return b, true, nil
}

// Builds returns the builds of the days from..to, by day, then node. From the zero Day, builds without a day are among them.
func (s *Store) Builds(ctx context.Context, from, to calendar.Day) ([]Build, error) {
	builds, err := all[Build](ctx, s.read, "SELECT "+buildColumns+" FROM build WHERE day BETWEEN $1 AND $2 ORDER BY day, node", dayText(from), dayText(to))
	if err != nil {
		return nil, fmt.Errorf("read the builds of %s to %s: %w", from, to, err)
	}
	return builds, nil
}

// NodeBuilds returns up to limit builds of a node, newest day first.
func (s *Store) NodeBuilds(ctx context.Context, node string, limit int) ([]Build, error) {
	builds, err := all[Build](ctx, s.read, "SELECT "+buildColumns+" FROM build WHERE node = $1 ORDER BY day DESC"+limited(limit), node)
	if err != nil {
		return nil, fmt.Errorf("read the builds of %s: %w", node, err)
	}
	return builds, nil
}

// LatestDay returns the newest day that a node has a build for, and whether there is one.
func (s *Store) LatestDay(ctx context.Context, node string) (calendar.Day, bool, error) {
	builds, err := s.NodeBuilds(ctx, node, 1)
	if err != nil || len(builds) == 0 {
		return calendar.Day{}, false, err
	}
	return builds[0].Day, true, nil
}
