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
	conn *sql.Conn
	day  sql.NamedArg
}

// Load implements Warehouse.
func (w *DuckDB) Load(ctx context.Context, load Load) (Loaded, error) {
	begin := time.Now()
	var done Loaded
	if err := w.one(ctx, load.SQL); err != nil {
		return done, err
	}
	err := w.write(ctx, "load "+load.Node, func(conn *sql.Conn) error {
		l := loading{Load: load, conn: conn, day: sql.Named("day", date(load.Asked))}
		return l.run(ctx, &done)
	})
	done.Took = time.Since(begin)
	return done, err
}

func (l loading) run(ctx context.Context, done *Loaded) error {
	if err := l.stand(ctx); err != nil {
		return err
	}
	columns, err := l.compute(ctx)
	if err != nil {
		return err
	}
	done.Columns = columns
	had, err := tableColumns(ctx, l.conn, l.Node, false)
	if err != nil {
		return err
	}
	if l.Diff {
		if done.Diff, err = l.compare(ctx, had, columns); err != nil {
			return err
		}
	}
	if err := l.replace(ctx, had, columns); err != nil {
		return err
	}
	if done.Rows, done.Output, err = l.checksum(ctx, columns); err != nil {
		return err
	}
	if done.Checks, err = l.check(ctx); err != nil {
		return err
	}
	return l.finish(ctx, *done)
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
		view := "CREATE OR REPLACE TEMP VIEW " + name(source) + " AS SELECT * FROM read_parquet([" + strings.Join(list, ", ") + "], union_by_name = true)"
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
	columns, err := tableColumns(ctx, l.conn, incoming, true)
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

// check asks every check and keeps all answers; the error says which blocking ones said no.
func (l loading) check(ctx context.Context) ([]Result, error) {
	results := make([]Result, 0, len(l.Checks))
	var failed []string
	for _, c := range l.Checks {
		r, err := l.ask(ctx, c)
		if err != nil {
			return results, err
		}
		if results = append(results, r); !r.OK && !r.Warning {
			failed = append(failed, fmt.Sprintf("%s is %s, not %s", r.Name, r.Value, r.Want))
		}
	}
	if len(failed) > 0 {
		return results, fault.New(fault.CheckFailed, fmt.Sprintf("%s of %s: %s", l.Node, l.Asked, strings.Join(failed, "; ")),
			"mend the source or the SQL and run it again; readers keep the rows from before")
	}
	return results, nil
}

func (l loading) ask(ctx context.Context, c Check) (Result, error) {
	r := Result{Name: c.Name, Warning: c.Warning}
	var ok sql.NullBool
	var value, want sql.NullString
	var examples any
	err := l.conn.QueryRowContext(ctx, c.SQL, l.day).Scan(&ok, &value, &want, &examples)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.New(fault.Invalid, fmt.Sprintf("check %s of %s gives no row", c.Name, l.Node), "")
	}
	if err != nil {
		err = engineFault(ctx, fmt.Sprintf("check %s of %s", c.Name, l.Node), c.SQL, 0, err)
		// The check's SQL is made by the program, so a place in it is none in the user's file.
		var f *fault.Error
		if errors.As(err, &f) {
			f.Line, f.Column = 0, 0
		}
		return r, err
	}
	r.OK, r.Value, r.Want = ok.Bool, value.String, want.String
	if list, is := examples.([]any); is {
		for _, e := range list {
			if e == nil {
				e = "null"
			}
			r.Examples = append(r.Examples, fmt.Sprint(e))
		}
	}
	return r, nil
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
	drop := "DROP TABLE " + incoming
	for source := range l.Staged {
		drop += "; DROP VIEW temp." + name(source)
	}
	return l.exec(ctx, drop)
}

func (l loading) exec(ctx context.Context, statement string) error {
	if _, err := l.conn.ExecContext(ctx, statement); err != nil {
		return engineFault(ctx, "load "+l.Node, "", 0, err)
	}
	return nil
}
