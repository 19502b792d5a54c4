package warehouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"

	"github.com/duckdb/duckdb-go/v2"
)

// Options of the embedded warehouse. Memory (such as 1GB), Threads, Readers and Temp (the directory for what does not fit in memory) have
// the engine's defaults, 2 readers and PATH.tmp when empty. Zone is the session time zone, a name of the tz database; UTC when nil.
type Options struct {
	Path    string
	Memory  string
	Threads int
	Readers int
	Zone    *time.Location
	Temp    string
	Guard   func(ctx context.Context, sql string) error // asked before every Query; its error is returned as it is
}

// DuckDB is the embedded warehouse: one file, a writer for each core, one of them at a node at a time, and a bounded number of readers
// that never wait for them.
type DuckDB struct {
	options Options
	db      *sql.DB
	writers chan struct{} // a token for each that writes
	nodes   sync.Map      // node → chan struct{} of one token: the right to write to it
	readers chan struct{}
}

var _ Warehouse = (*DuckDB)(nil)

// Duck opens the file, making it when there is none. A file that another process holds is a fault of code busy that names the process; one that
// is no database is a fault of code damaged.
func Duck(ctx context.Context, options Options) (*DuckDB, error) {
	if options.Readers < 1 {
		options.Readers = 2
	}
	if options.Zone == nil {
		options.Zone = time.UTC
	}
	dsn, err := options.dsn()
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(dsn, options.session)
	if err != nil {
		return nil, openFault(options.Path, err)
	}
	w := &DuckDB{options: options, db: sql.OpenDB(connector), writers: make(chan struct{}, writers), readers: make(chan struct{}, options.Readers)}
	w.db.SetMaxIdleConns(options.Readers + writers)
	if err := w.prepare(ctx); err != nil {
		w.db.Close()
		return nil, openFault(options.Path, err)
	}
	return w, nil
}

// dsn sets what belongs to the whole engine; temp_directory, once used, cannot be set again by later sessions.
func (o Options) dsn() (string, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return "", fmt.Errorf("open the warehouse: %w", err)
	}
	if strings.ContainsAny(path, "?#%") {
		return "", fault.New(fault.Invalid, fmt.Sprintf("a warehouse cannot live at %s", path), "move it to a directory without ?, # and % in its path")
	}
	settings := url.Values{"autoinstall_known_extensions": {"false"}, "autoload_known_extensions": {"false"}}
	if o.Memory != "" {
		settings.Set("memory_limit", o.Memory)
	}
	if o.Threads > 0 {
		settings.Set("threads", strconv.Itoa(o.Threads))
	}
	if o.Temp != "" {
		settings.Set("temp_directory", o.Temp)
	}
	return path + "?" + settings.Encode(), nil
}

// session sets what belongs to one connection.
func (o Options) session(execer driver.ExecerContext) error {
	_, err := execer.ExecContext(context.Background(), "SET errors_as_json = true; SET TimeZone = "+text(o.Zone.String()), nil)
	return err
}

func (w *DuckDB) prepare(ctx context.Context) error {
	_, err := w.db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS _daybook;
CREATE TABLE IF NOT EXISTS _daybook.load (kind VARCHAR, node VARCHAR, day DATE, fingerprint VARCHAR, output VARCHAR, rows BIGINT, run VARCHAR, loaded_at TIMESTAMPTZ)`)
	return err
}

// Close ends all connections and frees the file.
func (w *DuckDB) Close() error {
	if err := w.db.Close(); err != nil {
		return fmt.Errorf("close the warehouse: %w", err)
	}
	return nil
}

// Record implements Warehouse.
func (w *DuckDB) Record(ctx context.Context, node string, day calendar.Day) (Record, bool, error) {
	records, err := w.records(ctx, "WHERE node = $node AND day = $day", sql.Named("node", node), sql.Named("day", date(day)))
	if err != nil || len(records) == 0 {
		return Record{}, false, err
	}
	return records[0], true, nil
}

// Records implements Warehouse.
func (w *DuckDB) Records(ctx context.Context) ([]Record, error) { return w.records(ctx, "") }

func (w *DuckDB) records(ctx context.Context, where string, args ...any) ([]Record, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT kind, node, day, fingerprint, output, rows, run, loaded_at FROM _daybook.load "+where+" ORDER BY node, day", args...)
	if err != nil {
		return nil, engineFault(ctx, "read the load records", "", 0, err)
	}
	defer rows.Close()
	var records []Record
	for rows.Next() {
		var r Record
		var day time.Time
		if err := rows.Scan(&r.Kind, &r.Node, &day, &r.Fingerprint, &r.Output, &r.Rows, &r.Run, &r.At); err != nil {
			return nil, fmt.Errorf("read the load records: %w", err)
		}
		r.Day, r.At = calendar.DayOf(day, time.UTC), r.At.UTC()
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		return nil, engineFault(ctx, "read the load records", "", 0, err)
	}
	return records, nil
}

// Columns implements Warehouse.
func (w *DuckDB) Columns(ctx context.Context, node string) ([]Column, error) {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return nil, engineFault(ctx, "read the columns of "+node, "", 0, err)
	}
	defer conn.Close()
	columns, err := tableColumns(ctx, conn, "main."+name(node))
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("%s is not in the warehouse", node), "run it for a day first")
	}
	return columns, nil
}

// Drop implements Warehouse.
func (w *DuckDB) Drop(ctx context.Context, node string) error {
	return w.write(ctx, node, "drop "+node, func(conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, "DROP TABLE IF EXISTS main."+name(node)); err != nil {
			return engineFault(ctx, "drop "+node, "", 0, err)
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM _daybook.load WHERE node = $node", sql.Named("node", node)); err != nil {
			return engineFault(ctx, "drop "+node, "", 0, err)
		}
		return nil
	})
}

// writers is how many loads run at once. A load below a row group of 122,880 rows uses one core, so two loads use two.
const writers = 2

// write runs do in a transaction, the only one at the node: transactions of different nodes in the one process that may hold the file
// never conflict, as each writes to its own table and to records of its own.
func (w *DuckDB) write(ctx context.Context, node, what string, do func(*sql.Conn) error) error {
	alone, _ := w.nodes.LoadOrStore(node, make(chan struct{}, 1))
	for _, token := range []chan struct{}{alone.(chan struct{}), w.writers} {
		select {
		case token <- struct{}{}:
			defer func() { <-token }()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return engineFault(ctx, what, "", 0, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return engineFault(ctx, what, "", 0, err)
	}
	if err := do(conn); err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		return errors.Join(engineFault(ctx, what, "", 0, err), rollback(ctx, conn))
	}
	return nil
}

// rollback runs after the caller's context ended, too, so that the connection goes back clean.
func rollback(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// tableColumns are those of a table; none when there is no such table.
func tableColumns(ctx context.Context, conn *sql.Conn, table string) ([]Column, error) {
	columns, err := describe(ctx, conn, table)
	var engine *duckdb.Error
	if errors.As(err, &engine) && explained(engine).Kind == "Catalog" {
		return nil, nil
	}
	if err != nil {
		return nil, engineFault(ctx, "read the columns of "+table, "", 0, err)
	}
	return columns, nil
}

// describe gives the columns of a table or of a SELECT.
func describe(ctx context.Context, conn *sql.Conn, what string, args ...any) ([]Column, error) {
	rows, err := conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+what+"\n)", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns []Column
	for rows.Next() {
		var c Column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return nil, err
		}
		c.Type = strings.ReplaceAll(c.Type, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// date is a day as a DATE parameter; without the type the engine takes it for a TIMESTAMP.
func date(d calendar.Day) duckdb.TypedValue {
	y, m, dd := d.Date()
	return duckdb.Typed(time.Date(y, m, dd, 0, 0, 0, 0, time.UTC), duckdb.TYPE_DATE)
}

func name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
