package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"daybook/examples"
	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/store"
	"daybook/internal/warehouse"
	"daybook/jobs"
)

// house is a project with its rooms open, as the command line opens them.
type house struct {
	runner  *jobs.Runner
	closers []func() error
}

func openHouse(ctx context.Context, dir string) (_ *house, err error) {
	h := &house{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	p, err := project.Load(dir, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	parser, err := sqlparse.Open(ctx)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, parser.Close)
	graph, err := jobs.NewGraph(ctx, p, parser)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, ".daybook")
	temp := filepath.Join(data, "tmp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, err
	}
	l, err := lake.OpenDir(filepath.Join(data, "lake"))
	if err != nil {
		return nil, err
	}
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: filepath.Join(data, "warehouse.duckdb"), Memory: p.Engine.Memory, Threads: p.Engine.Threads,
		Readers: p.Engine.Readers, Zone: p.Zone, Temp: filepath.Join(temp, "warehouse")})
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, w.Close)
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "daybook.sqlite"))
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, s.Close)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.runner = &jobs.Runner{Project: p, Graph: graph, Store: s, Lake: l, Warehouse: w, Now: time.Now, Log: log, Temp: temp}
	if err := h.runner.Open(ctx); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, func() error { h.runner.Close(); return nil })
	return h, nil
}

func (h *house) close() error {
	var errs []error
	for _, c := range slices.Backward(h.closers) {
		errs = append(errs, c())
	}
	h.closers = nil
	return errors.Join(errs...)
}

// build brings nodes up to date, all of them when none is named.
func (h *house) build(ctx context.Context, from, to calendar.Day, observe func(store.Task), nodes ...string) error {
	run, err := h.runner.Run(ctx, jobs.Request{Nodes: nodes, Day: from, Through: to, Cause: "cli", By: "bench", Observe: observe})
	if err == nil && run.State != store.StateDone {
		err = fmt.Errorf("the run ended as %s: %s", run.State, run.Error)
	}
	return err
}

// marts are the names of the project's marts.
func (h *house) marts() []string {
	var names []string
	for _, n := range h.runner.Graph.Order {
		if n.Kind == project.KindMart {
			names = append(names, n.Name)
		}
	}
	return names
}

// makeProject writes the library example without data.
func makeProject(dir string) error {
	files, err := fs.Sub(examples.Library, "library")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, files)
}
