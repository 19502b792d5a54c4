package stage

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"daybook/internal/fault"

	"github.com/duckdb/duckdb-go/v2"
)

// batchBytes is how much raw text waits before it is typed: enough to make a statement worth while, and little enough for the engine to type
// one batch while the next is read.
const batchBytes = 8 << 20

// manyRecords are worth more than one thread when all of them are settled and written.
const manyRecords = 1 << 20

// run is one Job at work, on one connection of its own engine.
type run struct {
	job     Job
	db      *sql.DB
	conn    *sql.Conn
	temp    string
	columns []column
	records int64
	bytes   int64 // of their text
	done    int64 // raw bytes read
	total   int64
	// inferring asks readers for records as they are, whatever is declared.
	inferring bool
	// undeclared holds the names of columns that the project does not declare.
	undeclared map[string]bool
	shape      shape
}

func start(ctx context.Context, job Job) (*run, error) {
	zone := job.Source.Zone
	if zone == nil {
		zone = job.Zone
	}
	if zone == nil {
		zone = time.UTC
	}
	r := &run{job: job, temp: filepath.Join(job.Dir, "stage.tmp"), columns: columnsOf(job.Source), undeclared: map[string]bool{}}
	for _, o := range job.Objects {
		info, err := os.Stat(o.Path)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", o.Name, err)
		}
		r.total += info.Size()
	}
	dsn := "?autoinstall_known_extensions=false&autoload_known_extensions=false"
	if job.Memory != "" {
		dsn += "&memory_limit=" + job.Memory
	}
	threads := job.Threads
	if job.Source.Format != "parquet" {
		threads = 1 // types a batch of text; more would only get in its way
	}
	if threads > 0 {
		dsn += fmt.Sprintf("&threads=%d", threads)
	}
	connector, err := duckdb.NewConnector(dsn, func(driver.ExecerContext) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", job.Source.Name, err)
	}
	r.db = sql.OpenDB(connector)
	if r.conn, err = r.db.Conn(ctx); err != nil {
		r.db.Close()
		return nil, fmt.Errorf("stage %s: %w", job.Source.Name, err)
	}
	if err := r.exec(ctx, "SET temp_directory = "+text(r.temp)+"; SET TimeZone = "+text(zone.String())+"; "+r.tables()+"; "+r.objects()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *run) close() {
	r.conn.Close()
	r.db.Close()
	os.RemoveAll(r.temp)
}

// groupRows is how many rows a row group of Parquet has: as the engine likes it, but not more than fit into a fraction of its memory.
func (r *run) groupRows() int64 {
	const most, least, groupBytes = 122_880, 512, 16 << 20
	if r.records == 0 || r.bytes == 0 {
		return most
	}
	return min(most, max(least, groupBytes/max(1, r.bytes/r.records)/least*least))
}

// tables: raw holds the batch as text; typed holds all records, with a mark in bad, and text and the
// value in question for those that do not fit.
func (r *run) tables() string {
	var values strings.Builder
	for i, c := range r.columns {
		fmt.Fprintf(&values, ", v%d %s", i, c.sql)
	}
	return fmt.Sprintf(`CREATE TABLE typed (object INTEGER, line BIGINT, bad INTEGER, text VARCHAR, found VARCHAR%s);
CREATE TABLE reject (object INTEGER, line BIGINT, reason VARCHAR, "column" VARCHAR, text VARCHAR); `, values.String()) + rawTable
}

// objects numbers the objects, as tables refer to them by number.
func (r *run) objects() string {
	rows := "CREATE TABLE objects (object INTEGER, name VARCHAR)"
	for i, o := range r.job.Objects {
		rows += fmt.Sprintf("; INSERT INTO objects VALUES (%d, %s)", i, text(o.Name))
	}
	return rows
}

func (r *run) exec(ctx context.Context, statement string, args ...any) error {
	if _, err := r.conn.ExecContext(ctx, statement, args...); err != nil {
		return r.explain(ctx, err)
	}
	return nil
}

func (r *run) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stage %s: %w", r.job.Source.Name, ctx.Err())
	}
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		return fmt.Errorf("stage %s: %w", r.job.Source.Name, err)
	}
	switch {
	case strings.Contains(engine.Msg, "No space left on device"), strings.Contains(engine.Msg, "max_temp_directory_size"):
		return fault.Wrap(fault.NoSpace, err, "the disk is full", "free some space on the disk of the project's data and run again")
	case engine.Type == duckdb.ErrorTypeOutOfMemory:
		return fault.Wrap("memory", err, "staging "+r.job.Source.Name+" used up its memory", "raise warehouse memory in daybook.yaml")
	}
	return fmt.Errorf("stage %s: %w", r.job.Source.Name, err)
}

func (r *run) readAll(ctx context.Context) error {
	b := &batch{run: r}
	var err error
	for i, o := range r.job.Objects {
		if err = r.readOne(ctx, b, i, o); err != nil {
			break
		}
	}
	if err == nil {
		err = b.flush(ctx)
	}
	if end := b.wait(); err == nil {
		err = end
	}
	if err != nil || r.records < manyRecords {
		return err
	}
	return r.exec(ctx, fmt.Sprintf("SET threads = %d", cmp.Or(r.job.Threads, runtime.NumCPU())))
}

func (r *run) readOne(ctx context.Context, b *batch, i int, o Object) error {
	if r.job.Source.Format == "parquet" {
		return r.parquet(ctx, i, o)
	}
	in, err := r.open(o)
	if err != nil {
		return err
	}
	defer in.close()
	text, err := decoded(r.job.Source.Encoding, o, in)
	switch {
	case err != nil:
	case r.job.Source.Format == "csv":
		err = r.csv(ctx, b, o, i, text)
	default:
		err = r.textRecords(ctx, r.takes(b), i, o, text)
	}
	return in.explain(err)
}

// textRecords hands the records of JSON text in an object to a taker.
func (r *run) textRecords(ctx context.Context, to taker, i int, o Object, in io.Reader) error {
	switch r.job.Source.Format {
	case "json":
		return r.document(ctx, to, o, i, in)
	case "dynamodb":
		return r.document(ctx, &dynamo{taker: to, run: r}, o, i, in)
	case "xml":
		return r.xml(ctx, to, o, i, in)
	}
	return r.lines(ctx, to, i, in)
}

func (r *run) read(n int64) {
	r.done += n
	if r.job.Progress != nil {
		r.job.Progress(r.done, r.total)
	}
}

func name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
