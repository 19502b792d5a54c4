package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"daybook/internal/collect"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/notify"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/store"
	"daybook/internal/warehouse"
	"daybook/jobs"
)

// dataDir is where a project keeps everything that is not written by its people.
const dataDir = ".daybook"

// scratchStore is what holds the records beside a scratch data directory, whatever the project says: a rehearsal must not touch
// those that people read.
const scratchStore = "sqlite:app.db"

// house is a project with its rooms open.
type house struct {
	project   *project.Project
	runner    *jobs.Runner
	parser    *sqlparse.Parser
	press     *press // nil until openPress
	env       func(string) (string, bool)
	alerter   *jobs.Alerter
	collected *collect.Log
	data      string // the directory of what the project has made
	log       *slog.Logger
	closers   []func() error
}

// readProject parses and proves a project without opening its data.
func readProject(ctx context.Context, dir string, env func(string) (string, bool)) (*project.Project, *jobs.Graph, *sqlparse.Parser, error) {
	p, err := project.Load(dir, env)
	if err != nil {
		return nil, nil, nil, err
	}
	parser, err := sqlparse.Open(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	g, err := jobs.NewGraph(ctx, p, parser)
	if err != nil {
		parser.Close()
		return nil, nil, nil, err
	}
	return p, g, parser, nil
}

// openHouse takes the project's lock and opens every room. What it opened is closed by Close, also after an error.
func (p *program) openHouse(ctx context.Context, command string) (_ *house, err error) {
	h := &house{env: p.env, log: slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	var graph *jobs.Graph
	if h.project, graph, h.parser, err = readProject(ctx, p.dir, p.env); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, h.parser.Close)
	data := cmp.Or(p.scratch, filepath.Join(p.dir, dataDir))
	h.data = data
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the project's data directory: %w", err)
	}
	release, err := lockProject(data, command)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, func() error { release(); return nil })
	temp := filepath.Join(data, "tmp")
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o700)); err != nil {
		return nil, fmt.Errorf("empty the scratch directory: %w", err)
	}
	l, err := p.openLake(ctx, h.project, data)
	if err != nil {
		return nil, err
	}
	giveBack, err := ownLake(ctx, l, command, data)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, giveBack)
	w, err := warehouse.Duck(ctx, warehouse.Options{Path: filepath.Join(data, "warehouse.duckdb"), Memory: h.project.Engine.Memory,
		Threads: h.project.Engine.Threads, Readers: h.project.Engine.Readers, Zone: h.project.Zone, Temp: filepath.Join(temp, "warehouse"), Guard: guard(h.parser)})
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, w.Close)
	address := storeAddress(h.project.Store, data)
	if p.scratch != "" {
		address = storeAddress(scratchStore, data)
	}
	s, err := store.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, s.Close)
	h.runner = &jobs.Runner{Project: h.project, Graph: graph, Store: s, Lake: l, Warehouse: w, Now: time.Now, Log: h.log, Temp: temp, Secret: h.secret}
	h.alerter = &jobs.Alerter{Runner: h.runner, Base: h.project.Mail.BaseURL, Channels: map[string]notify.Channel{}}
	h.runner.Ended = h.ended
	if err := h.openCollect(); err != nil {
		return nil, err
	}
	if err := h.runner.Open(ctx); err != nil {
		return nil, err
	}
	h.closers = append(h.closers, func() error { h.runner.Close(); return nil })
	h.tidyCollected(ctx)
	return h, nil
}

// openLake opens the project's lake, in a bucket for reading, or a scratch one, which is always a directory: a rehearsal must not touch the one that people read.
func (p *program) openLake(ctx context.Context, pr *project.Project, data string) (lake.Lake, error) {
	l := pr.Lake
	if l.Bucket == "" || p.scratch != "" {
		return lake.OpenDir(filepath.Join(data, "lake"))
	}
	access, accessErr := resolve(ctx, l.AWS.AccessKey, p.env, pr.Dir)
	key, keyErr := resolve(ctx, l.AWS.SecretKey, p.env, pr.Dir)
	if err := errors.Join(accessErr, keyErr); err != nil {
		return nil, fmt.Errorf("credentials of the lake: %w", err)
	}
	return lake.OpenS3(ctx, lake.S3Options{Address: l.Bucket, Region: l.AWS.Region, Endpoint: l.AWS.Endpoint, AccessKey: access, SecretKey: key,
		Cache: filepath.Join(data, "lake-cache"), CacheBytes: l.Cache})
}

// ownLake makes this process the one that writes to a lake in a bucket; one in a directory is the project's, whose lock is held.
func ownLake(ctx context.Context, l lake.Lake, command, data string) (giveBack func() error, err error) {
	bucket, ok := l.(*lake.S3)
	if !ok {
		return func() error { return nil }, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name the owner of the lake: %w", err)
	}
	home, err := lakeHome(host, data)
	if err != nil {
		return nil, fmt.Errorf("name the owner of the lake: %w", err)
	}
	return bucket.Own(ctx, lake.Owner{Name: fmt.Sprintf("daybook %s on %s (process %d)", command, host, os.Getpid()), Home: home})
}

// lakeHome is the same for all processes that hold the lock of a data directory, one after the other, and different for a copy of the
// directory elsewhere: who finds its own home as the lake's owner knows that this process has ended.
func lakeHome(host, data string) (string, error) {
	at, err := filepath.Abs(data)
	if err != nil {
		return "", err
	}
	file := filepath.Join(data, "lake-home")
	id, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(id) == 0 {
		id = []byte(rand.Text())
		if err := os.WriteFile(file, id, 0o600); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s %s %s", host, at, id), nil
}

// guard lets only a plain SELECT over named tables through to the warehouse.
func guard(parser *sqlparse.Parser) func(context.Context, string) error {
	return func(ctx context.Context, sql string) error {
		_, err := parser.Parse(ctx, sql)
		return err
	}
}

// storeAddress puts a relative SQLite file into the data directory.
func storeAddress(dsn, data string) string {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && !filepath.IsAbs(path) {
		return "sqlite:" + filepath.Join(data, path)
	}
	return dsn
}

// Close closes the rooms in the opposite order.
func (h *house) Close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	h.closers = nil
	return errors.Join(errs...)
}

// isBusy reports that another process owns the project.
func isBusy(err error) bool { return fault.Is(err, fault.Busy) }

var _ io.Closer = (*house)(nil)
