package examples_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/sqlparse"
	"daybook/internal/testenv"
	"daybook/jobs"
)

// column spells a column so that both engines give the same Go value for it, and names PostgreSQL's type for it.
func column(c sqlparse.Column) (expression, kind string) {
	switch c.Type {
	case "DOUBLE":
		return fmt.Sprintf(`CAST("%s" AS DOUBLE PRECISION)`, c.Name), "DOUBLE PRECISION"
	case "BIGINT", "INTEGER":
		return fmt.Sprintf(`CAST("%s" AS BIGINT)`, c.Name), "BIGINT"
	case "VARCHAR":
		return fmt.Sprintf(`CAST("%s" AS VARCHAR)`, c.Name), "VARCHAR"
	}
	return fmt.Sprintf(`CAST("%s" AS VARCHAR)`, c.Name), c.Type
}

// columns lists a node's columns as expressions, and as what a CREATE TABLE says of them.
func columns(n *jobs.Node) (expressions, definitions string) {
	var e, d []string
	for _, c := range n.Columns {
		expression, kind := column(c)
		e, d = append(e, expression), append(d, fmt.Sprintf(`"%s" %s`, c.Name, kind))
	}
	return strings.Join(e, ", "), strings.Join(d, ", ")
}

// sorted puts rows into an order that no engine chooses.
func sorted(rows [][]any) [][]any {
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(fmt.Sprint(a...), fmt.Sprint(b...)) })
	return rows
}

func TestMartsGiveTheSameRowsInPostgreSQL(t *testing.T) {
	h := library(t, 15, 120)
	first := thursday.Add(-14)
	h.build(jobs.Request{Day: first, Through: thursday})
	portable(t, h, first, thursday, same)
}

// portable copies the tables of built days into a PostgreSQL, has it compute every mart, and compares.
func portable(t *testing.T, h *house, first, last calendar.Day, equal cmp.Options) {
	t.Helper()
	_, conn := database(t)
	for _, n := range h.Graph.Order {
		if n.Query == nil {
			continue
		}
		expressions, definitions := columns(n)
		execute(t, conn, "CREATE TABLE "+n.Name+" ("+definitions+")")
		all := sorted(h.rows(last, "SELECT "+expressions+" FROM "+n.Name))
		if len(all) == 0 {
			t.Fatalf("%s has no rows to try", n.Name)
		}
		if n.Kind != project.KindMart {
			copyRows(t, conn, n, all)
			continue
		}
		days := calendar.Range(first, last)
		if n.Current {
			days = days[:1]
		}
		for _, day := range days {
			execute(t, conn, "INSERT INTO "+n.Name+" SELECT "+names(n)+" FROM ("+strings.ReplaceAll(n.Query.SQL, "$day", fmt.Sprintf("DATE '%s'", day))+") AS mart")
		}
		if diff := cmp.Diff(all, sorted(read(t, conn, "SELECT "+expressions+" FROM "+n.Name)), equal); diff != "" {
			t.Errorf("%s (-DuckDB +PostgreSQL)\n%s", n.Name, diff)
		}
	}
}

func names(n *jobs.Node) string {
	var list []string
	for _, c := range n.Columns {
		list = append(list, `"`+c.Name+`"`)
	}
	return strings.Join(list, ", ")
}

// copyRows puts a table's rows into PostgreSQL; values come as texts, which its casts read.
func copyRows(t *testing.T, conn *pgx.Conn, n *jobs.Node, rows [][]any) {
	t.Helper()
	var marks []string
	for i, c := range n.Columns {
		_, kind := column(c)
		marks = append(marks, fmt.Sprintf("CAST(CAST($%d AS VARCHAR) AS %s)", i+1, kind))
	}
	sql := "INSERT INTO " + n.Name + " VALUES (" + strings.Join(marks, ", ") + ")"
	batch := &pgx.Batch{}
	for _, r := range rows {
		values := make([]any, len(r))
		for i, v := range r {
			if v != nil {
				values[i] = fmt.Sprint(v)
			}
		}
		batch.Queue(sql, values...)
	}
	if err := conn.SendBatch(context.Background(), batch).Close(); err != nil {
		t.Fatalf("copy %s: %v", n.Name, err)
	}
}

// database is an empty PostgreSQL whose sessions are in Seoul.
func database(t *testing.T) (url string, conn *pgx.Conn) {
	t.Helper()
	url = testenv.Postgres(t)
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(context.Background(), "SET TimeZone = 'Asia/Seoul'"); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

func read(t *testing.T, conn *pgx.Conn, sql string) [][]any {
	t.Helper()
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	return got
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
}
