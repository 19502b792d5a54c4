package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// dbServer is a database server, at the address that a source's secret holds.
type dbServer interface {
	// connect opens a connection; errDBBusy is in the chain when the server has none left.
	connect(ctx context.Context) (dbSession, error)
	// where names host and database, without credentials.
	where() string
	close()
}

// dbSession is a connection. What it returns shows no credential. It is used by one goroutine at a time.
type dbSession interface {
	dbDialect
	// now is the database's clock.
	now(ctx context.Context) (time.Time, error)
	// unfinished names a transaction that began before an instant and may still write; empty for none that can be seen.
	unfinished(ctx context.Context, before time.Time) (string, error)
	// hold keeps others from writing until release; what needs no such thing does nothing.
	hold(ctx context.Context) error
	release(ctx context.Context) error
	// begin starts a read-only transaction that sees one state to its end: the present one, or that of an exported snapshot.
	begin(ctx context.Context, snapshot string) error
	// export names the transaction's snapshot for begin.
	export(ctx context.Context) (string, error)
	// describe says what a table is made of.
	describe(ctx context.Context, name dbName) (dbTable, error)
	query(ctx context.Context, statement string, args []any) (dbRows, error)
	close()
}

// dbRows are rows in the server's own text, null as nil. A row is valid until the next one is asked for; the end is io.EOF.
type dbRows interface {
	next() ([][]byte, error)
	close() error
}

// errDBBusy says that the server has no connection left.
var errDBBusy = errors.New("the server has no connection left")

// dbRead is one fetch of a table's day.
type dbRead struct {
	Request
	server  dbServer
	sink    Sink
	table   dbTable
	columns []dbColumn // that are read
	key     []dbColumn // chunks follow each other by it
	window  dbWindow
	splits  []string // of the key's first column: where one strand ends and the next begins
	taken   string   // when the snapshot was, for sources that hold one
	mixed   []string // what the result has to say about its snapshots
	put     atomic.Int64
	rows    atomic.Int64
}

// fetchDatabase is Fetch of the kinds that are databases.
func fetchDatabase(ctx context.Context, r Request, sink Sink, open func(dsn string) (dbServer, error)) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	dsn, err := r.Secret(ctx, r.Source.Database.URL)
	if err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	server, err := open(dsn)
	if err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	defer server.close()
	read := &dbRead{Request: r, server: server, sink: sink}
	if err := read.fetch(ctx); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	return Result{Missing: read.mixed}, nil
}

func (r *dbRead) fetch(ctx context.Context) error {
	first, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer first.close()
	// Before the snapshot: what is committed by then is in it.
	if err := r.over(ctx, first); err != nil {
		return err
	}
	sessions, err := r.sessions(ctx, first)
	for _, s := range sessions {
		defer s.close()
	}
	if err != nil {
		return err
	}
	first = sessions[0]
	if err := r.plan(ctx, first); err != nil {
		return err
	}
	strands, err := r.strands(ctx, first)
	if err != nil {
		return err
	}
	if err := r.work(ctx, sessions, strands); err != nil {
		return err
	}
	r.Log("info", "%s gave %d rows in %d objects", r.table.said, r.rows.Load(), r.put.Load())
	if r.put.Load() == 0 && len(r.Kept) == 0 {
		return r.emptyOrMissing(ctx, first)
	}
	return nil
}

// connect opens a connection and is patient with a server that has none left.
func (r *dbRead) connect(ctx context.Context) (dbSession, error) {
	const patience = 5 * time.Minute
	var waited time.Duration
	for try := 1; ; try++ {
		wait := backoff(try, time.Second, 30*time.Second)
		s, err := r.server.connect(ctx)
		if err == nil || !errors.Is(err, errDBBusy) || waited >= patience {
			return s, err
		}
		r.Log("info", "%s has no connection left, trying again in %s", r.server.where(), wait)
		if err := r.Wait(ctx, wait); err != nil {
			return nil, err
		}
		waited += wait
	}
}

// over makes sure that the day is over and settled by the database's clock.
func (r *dbRead) over(ctx context.Context, s dbSession) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	if snapshot(r.Source) {
		r.taken = now.UTC().Format(time.RFC3339Nano)
		return nil
	}
	end := r.Day.End(r.Source.Zone)
	if until := end.Add(r.Source.Database.Lag); now.Before(until) {
		return fault.New(fault.Unavailable, fmt.Sprintf("%s is not over before %s, its end and a lag of %s; the database's clock says %s", r.Day,
			until.Format(time.RFC3339), r.Source.Database.Lag, now.In(r.Source.Zone).Format(time.RFC3339)), "run the day again then, or write a shorter lag:")
	}
	open, err := s.unfinished(ctx, end)
	if err != nil {
		return err
	}
	if open != "" {
		return fault.New(fault.Unavailable, fmt.Sprintf("%s may still get rows: %s", r.Day, open), "run the day again when that transaction is done, or end it")
	}
	return nil
}

// sessions are the connections that share one snapshot, with first among them: as many as are wanted, or as the server allows.
func (r *dbRead) sessions(ctx context.Context, first dbSession) ([]dbSession, error) {
	all := []dbSession{first}
	for len(all) < r.Source.Database.Parallel {
		s, err := r.server.connect(ctx)
		if errors.Is(err, errDBBusy) {
			r.Log("info", "%s has connections for %d of %d readers", r.server.where(), len(all), r.Source.Database.Parallel)
			break
		}
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	if len(all) > 1 {
		err := r.together(ctx, all)
		if err == nil || ctx.Err() != nil {
			return all, err
		}
		r.Log("warn", "reading with one connection, as several cannot share a snapshot: %v", err)
		for _, s := range all {
			s.close()
		}
		alone, err := r.connect(ctx)
		if err != nil {
			return nil, err
		}
		all = []dbSession{alone}
	}
	return all, all[0].begin(ctx, "")
}

// together begins the same snapshot in all sessions.
func (r *dbRead) together(ctx context.Context, all []dbSession) (err error) {
	if err := all[0].hold(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all[0].release(ctx)) }()
	if err := all[0].begin(ctx, ""); err != nil {
		return err
	}
	name, err := all[0].export(ctx)
	if err != nil {
		return err
	}
	for _, s := range all[1:] {
		if err := s.begin(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// work reads the strands, each by the next session that is free.
func (r *dbRead) work(ctx context.Context, sessions []dbSession, strands []dbStrand) error {
	var mu sync.Mutex
	next := func() (dbStrand, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(strands) == 0 {
			return dbStrand{}, false
		}
		s := strands[0]
		strands = strands[1:]
		return s, true
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range sessions {
		group.Go(func() error {
			for {
				if err := ctx.Err(); err != nil {
					return err
				}
				strand, ok := next()
				if !ok {
					return nil
				}
				if err := r.strand(ctx, s, strand); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// emptyOrMissing tells, of a day without a row, whether it passed without one or has not come.
func (r *dbRead) emptyOrMissing(ctx context.Context, s dbSession) error {
	if snapshot(r.Source) || r.Source.Empty == "ok" {
		return nil
	}
	q := newDBQuery(s)
	q.add("SELECT 1 FROM ", r.table.sql, " WHERE ", r.window.since(q), " LIMIT 1")
	found, err := q.all(ctx, s)
	if err != nil || len(found) > 0 {
		return err
	}
	return fault.New(fault.Missing, fmt.Sprintf("%s has no row of %s, nor a later one", r.table.said, r.Day),
		"run the day again when its rows are there, or write empty: ok where days without rows are right")
}

func validateDatabase(s project.Source) error {
	d := s.Database
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	switch {
	case d.URL == "":
		return invalid("the source has no url", "write url: env:NAME, a secret that holds the address with user and password")
	case d.Table == "":
		return invalid("the source has no table", "write table: NAME or table: SCHEMA.NAME")
	case len(d.Order) == 0 && len(s.Key) == 0:
		return invalid("the source has neither key nor order", "write key: with the columns that name a row")
	case d.Chunk < 1 || d.Parallel < 1 || d.Lag < 0:
		return invalid("chunk and parallel are at least 1, and lag is not negative", "leave them out for the defaults")
	case snapshot(s) && d.Created+d.Modified+d.Deleted != "":
		return invalid("a snapshot is read whole, and cannot have created, modified or deleted", "take them out, or write holds: day")
	case !snapshot(s) && d.Created+d.Modified == "":
		return invalid("nothing tells the rows of a day", "write created: or modified: with a column of times, or holds: snapshot for a table that is read whole")
	}
	_, err := parseDBName(d.Table)
	if err != nil {
		return place(s, err)
	}
	return nil
}
