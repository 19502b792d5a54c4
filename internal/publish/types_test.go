package publish_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/internal/fault"
)

// every is a row of every engine type with what PostgreSQL and MySQL make of it in a made table.
func every() (columns []string, row []any, postgres, mysql []string) {
	at := time.Date(2026, 11, 19, 23, 59, 59, 999999000, time.UTC)
	for i, c := range []struct {
		kind            string
		value           any
		postgres, mysql string
	}{
		{"BIGINT", int64(1), "1", "1"},
		{"BOOLEAN", true, "true", "1"},
		{"BIGINT", int64(-9223372036854775808), "-9223372036854775808", "-9223372036854775808"},
		{"HUGEINT", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
		{"UBIGINT", "18446744073709551615", "18446744073709551615", "18446744073709551615"},
		{"DECIMAL(38,10)", "-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789"},
		{"DOUBLE", 0.1, "0.1", "0.1"},
		{"DOUBLE", 1e6, "1000000", "1000000"},
		{"VARCHAR", "한국어 😀 ' \\ \"", "한국어 😀 ' \\ \"", "한국어 😀 ' \\ \""},
		{"DATE", day, "2026-11-19", "2026-11-19"},
		{"TIME", "23:59:59.5", "23:59:59.5", "23:59:59.500000"},
		{"TIMESTAMP", at, "2026-11-19 23:59:59.999999", "2026-11-19 23:59:59.999999"},
		{"TIMESTAMP WITH TIME ZONE", at.In(time.FixedZone("", 9*3600)), "2026-11-19 23:59:59.999999+00", "2026-11-19 23:59:59.999999"},
		{"UUID", "00000000-0000-4000-8000-00000000abcd", "00000000-0000-4000-8000-00000000abcd", "00000000-0000-4000-8000-00000000abcd"},
		{"JSON", `{"a": [1, "x"]}`, `{"a": [1, "x"]}`, `{"a": [1, "x"]}`},
		{"STRUCT(a INTEGER)", `{"a":1}`, `{"a": 1}`, `{"a":1}`},
		{"BLOB", "00ff27", `\x00ff27`, "\x00\xff'"},
		{"VARCHAR[]", []any{`a,"b\`, nil, "{}", ""}, `{"a,\"b\\",NULL,"{}",""}`, `["a,\"b\\",null,"{}",""]`},
		{"BIGINT[][]", []any{[]any{int64(1), int64(2)}, []any{int64(3), nil}}, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"},
		{"ENUM('a', 'b')", "b", "b", "b"},
		{"VARCHAR", nil, "", ""},
	} {
		columns, row = append(columns, fmt.Sprintf("c%d %s", i, c.kind)), append(row, c.value)
		postgres, mysql = append(postgres, c.postgres), append(mysql, c.mysql)
	}
	return columns, row, postgres, mysql
}

func TestEveryTypeArrivesInAMadeTable(t *testing.T) {
	onDatabases(t, func(t *testing.T, db database) {
		columns, row, postgres, mysql := every()
		want := map[string][]string{"postgres": postgres, "mysql": mysql}[db.to]
		r := db.table("things", columns...)
		r.Publication.Create = true
		for range 2 {
			got := must(t, with(r, row))
			if got.Sent != 1 {
				t.Errorf("%+v", got)
			}
		}
		cast := map[string]string{"postgres": "coalesce(%s::text, '')", "mysql": "coalesce(%s, '')"}[db.to]
		for i := range columns {
			if got := db.strings(t, fmt.Sprintf("SELECT "+cast+" FROM things", fmt.Sprintf("c%d", i))); len(got) != 1 || got[0] != want[i] {
				t.Errorf("%s: %q, want %q", columns[i], got, want[i])
			}
		}
	})
}

func TestPostgresOwnTypesAreReadByTheServer(t *testing.T) {
	p := postgresWorld(t)
	db := database{"postgres", p.World, p.exec, p.strings}
	db.exec(t, "CREATE TYPE mood AS ENUM ('good', 'bad')")
	db.exec(t, "CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
	db.exec(t, "CREATE TABLE things (id bigint PRIMARY KEY, mood mood, n positive, raw json, tags jsonb, whole numeric(10,0), seq int GENERATED ALWAYS AS (1) STORED)")
	r := db.table("things", "id BIGINT", "mood VARCHAR", "n BIGINT", "raw VARCHAR", "tags VARCHAR[]", "whole DOUBLE")
	for _, written := range []int64{1, 0} {
		if got := must(t, with(r, []any{int64(1), "good", int64(5), `{"b":1,"a":2}`, []any{"x", "y"}, 3.0})); got.Written != written {
			t.Errorf("%+v", got)
		}
	}
	db.holds(t, "SELECT concat_ws(' ', mood, n, raw, tags, whole) FROM things", `good 5 {"b":1,"a":2} ["x", "y"] 3`)
	refused(t, with(r, []any{int64(1), "angry", int64(5), nil, nil, 3.0}), fault.Invalid, "angry", "mood")
	refused(t, with(r, []any{int64(1), "good", int64(-5), nil, nil, 3.0}), fault.CheckFailed, "positive")
}

func TestRowBeyondThePacketIsNamedAndManyRowsFitBelowIt(t *testing.T) {
	p := mysqlWorld(t)
	db := database{"mysql", p.World, p.exec, p.strings}
	r := db.table("things", "id BIGINT", "body VARCHAR")
	r.Publication.Create = true
	var rows [][]any
	for i := range 40 {
		rows = append(rows, []any{int64(i), strings.Repeat("'", 700_000)}) // twice as long when escaped
	}
	must(t, with(r, rows...))
	db.holds(t, "SELECT concat(count(*), ' ', sum(length(body))) FROM things", "40 28000000")
	refused(t, with(r, []any{int64(1), strings.Repeat("x", 20<<20)}), fault.Invalid, "max_allowed_packet")
}

func TestMySQLTableWithoutTransactionsIsRefused(t *testing.T) {
	p := mysqlWorld(t)
	db := database{"mysql", p.World, p.exec, p.strings}
	db.exec(t, "CREATE TABLE things (id bigint PRIMARY KEY) ENGINE=MyISAM")
	refused(t, with(db.table("things", "id BIGINT"), []any{int64(1)}), fault.Invalid, "MyISAM", "InnoDB")
}

func TestMySQLTableMayBeNamedWithItsDatabase(t *testing.T) {
	p := mysqlWorld(t)
	db := database{"mysql", p.World, p.exec, p.strings}
	schema := db.strings(t, "SELECT database()")[0]
	db.exec(t, "CREATE TABLE owners (id bigint PRIMARY KEY)")
	db.exec(t, "CREATE TABLE things (id bigint PRIMARY KEY, FOREIGN KEY (id) REFERENCES owners (id))")
	r := db.table("owners", "id BIGINT")
	r.Publication.Table = schema + ".owners"
	must(t, with(r, []any{int64(1)}, []any{int64(2)}))
	db.exec(t, "INSERT INTO things VALUES (1)")
	if got := must(t, with(r, []any{int64(3)})); got.Kept != 1 || got.Removed != 1 || got.Written != 1 {
		t.Errorf("%+v", got)
	}
	db.holds(t, "SELECT concat(id, '') FROM owners", "1", "3")
}

func TestPostgresWritersGoOnWhileTheMartIsRead(t *testing.T) {
	p := postgresWorld(t)
	db := database{"postgres", p.World, p.exec, p.strings}
	r := db.table("books", "isbn VARCHAR")
	r.Publication.Create = true
	must(t, with(r, []any{"a"}))
	r = with(r, []any{"a"}, []any{"b"})
	inner := r.Rows
	r.Rows = func(yield func([]any, error) bool) {
		db.exec(t, "INSERT INTO books VALUES ('written meanwhile')")
		inner(yield)
	}
	if got := must(t, r); got.Removed != 1 || got.Written != 1 {
		t.Errorf("%+v", got)
	}
	db.holds(t, "SELECT isbn FROM books", "a", "b")
}
