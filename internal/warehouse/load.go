package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/internal/fault"
)

// incoming is the session's name for the SELECT's rows before they are put in place.
const incoming = "_incoming"

// loading is one load on its connection, within its transaction.
type loading struct {
	Load
	conn   *sql.Conn
	day    sql.NamedArg
	singly bool // ask the checks one by one
}

// Load implements Warehouse.
func (w *DuckDB) Load(ctx context.Context, load Load) (Loaded, error) {
	begin := time.Now()
	var done Loaded
	if err := w.one(ctx, load.SQL); err != nil {
		return done, err
	}
	l := loading{Load: load, day: sql.Named("day", date(load.Asked))}
	run := func(conn *sql.Conn) error {
		l.conn, done = conn, Loaded{}
		return l.run(ctx, &done)
	}
	err := w.write(ctx, load.Node, "load "+load.Node, run)
	if errors.Is(err, errTogether) {
		l.singly = true
		err = w.write(ctx, load.Node, "load "+load.Node, run)
	}
	done.Took = time.Since(begin)
	return done, err
}

func (l loading) run(ctx context.Context, done *Loaded) error {
	if err := l.stand(ctx); err != nil {
		return err
	}
	had, err := tableColumns(ctx, l.conn, "main."+name(l.Node))
	if err != nil {
		return err
	}
	columns, dated := l.known(ctx, had)
	if columns == nil {
		err = l.bring(ctx, had, done)
	} else {
		done.Columns = columns
		err = l.put(ctx, had, done, dated)
	}
	if err != nil {
		return err
	}
	if done.Checks, err = l.check(ctx); err != nil {
		return err
	}
	return l.finish(ctx, *done)
}

// put has the engine put the rows in place as it computes them.
func (l loading) put(ctx context.Context, had []Column, done *Loaded, dated bool) error {
	came, err := l.insert(ctx, had, done.Columns, dated)
	if err != nil {
		return err
	}
	if done.Rows, done.Output, err = l.checksum(ctx, done.Columns); err != nil || done.Rows == came {
		return err
	}
	// Some are of another day.
	if _, err := l.compute(ctx); err != nil {
		return err
	}
	return fmt.Errorf("load %s: %d rows came and %d are there", l.Node, came, done.Rows)
}

// bring computes the rows before it looks at what they replace.
func (l loading) bring(ctx context.Context, had []Column, done *Loaded) error {
	var err error
	if done.Columns, err = l.compute(ctx); err != nil {
		return err
	}
	if l.Diff {
		if done.Diff, err = l.compare(ctx, had, done.Columns); err != nil {
			return err
		}
	}
	if err := l.replace(ctx, had, done.Columns); err != nil {
		return err
	}
	if err := l.exec(ctx, "DROP TABLE "+incoming); err != nil {
		return err
	}
	done.Rows, done.Output, err = l.checksum(ctx, done.Columns)
	return err
}

// stand makes the staged sources readable under their names, for this session only.
func (l loading) stand(ctx context.Context) error {
	for source, files := range l.Staged {
		if len(files) == 0 {
			return fmt.Errorf("load %s: the source %s stands for no file", l.Node, source)
		}
		list := make([]string, len(files))
		for i, f := range files {
			list[i] = text(f)
		}
		view := "CREATE OR REPLACE TEMP VIEW " + name(source) + " AS SELECT * FROM read_parquet([" + strings.Join(list, ", ") + "], union_by_name = true, hive_partitioning = false)" // the lake's paths name days
		if err := l.exec(ctx, view); err != nil {
			return err
		}
	}
	return nil
}

// compute runs the SELECT into the incoming table, adds day, and says what columns came.
func (l loading) compute(ctx context.Context) ([]Column, error) {
	const prefix = "CREATE OR REPLACE TEMP TABLE " + incoming + " AS "
	if _, err := l.conn.ExecContext(ctx, prefix+l.SQL, l.day); err != nil {
		return nil, engineFault(ctx, "run the SQL of "+l.Node, l.SQL, len(prefix), err)
	}
	columns, err := tableColumns(ctx, l.conn, "temp."+incoming)
	if err != nil || l.Full {
		return columns, err
	}
	at := slices.IndexFunc(columns, func(c Column) bool { return strings.EqualFold(c.Name, "day") })
	if at < 0 {
		if err := l.exec(ctx, "ALTER TABLE "+incoming+" ADD COLUMN day DATE DEFAULT "+text(l.Asked.String())); err != nil {
			return nil, err
		}
		return append(columns, Column{Name: "day", Type: "DATE"}), nil
	}
	if columns[at].Type != "DATE" {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("the column day of %s is %s, not DATE", l.Node, columns[at].Type), "write CAST(… AS DATE) AS day, or leave the column out")
	}
	var wrong int64
	var example sql.NullString
	err = l.conn.QueryRowContext(ctx, "SELECT count(*), min(coalesce(day::VARCHAR, 'null')) FROM "+incoming+" WHERE day IS DISTINCT FROM $day", l.day).Scan(&wrong, &example)
	if err != nil {
		return nil, engineFault(ctx, "load "+l.Node, "", 0, err)
	}
	if wrong > 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("%d rows of %s are of another day than %s, such as %s", wrong, l.Node, l.Asked, example.String), "add WHERE day = $day to its SQL")
	}
	return columns, nil
}

// finish writes the load record and clears the session.
func (l loading) finish(ctx context.Context, done Loaded) error {
	day := sql.Named("day", date(l.Day))
	node := sql.Named("node", l.Node)
	if _, err := l.conn.ExecContext(ctx, "DELETE FROM _daybook.load WHERE node = $node AND day = $day", node, day); err != nil {
		return engineFault(ctx, "record the load of "+l.Node, "", 0, err)
	}
	_, err := l.conn.ExecContext(ctx, "INSERT INTO _daybook.load VALUES ($kind, $node, $day, $fingerprint, $output, $rows, $run, $at)", sql.Named("kind", l.Kind), node, day,
		sql.Named("fingerprint", l.Fingerprint), sql.Named("output", done.Output), sql.Named("rows", done.Rows), sql.Named("run", l.Run), sql.Named("at", l.At.UTC()))
	if err != nil {
		return engineFault(ctx, "record the load of "+l.Node, "", 0, err)
	}
	for source := range l.Staged {
		if err := l.exec(ctx, "DROP VIEW temp."+name(source)); err != nil {
			return err
		}
	}
	return nil
}

func (l loading) exec(ctx context.Context, statement string) error {
	if _, err := l.conn.ExecContext(ctx, statement); err != nil {
		return engineFault(ctx, "load "+l.Node, "", 0, err)
	}
	return nil
}
