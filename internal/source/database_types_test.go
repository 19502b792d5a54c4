package source_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/project"
)

// value is a column of a type, a value of it as SQL, and the JSON that it becomes.
type value struct{ kind, sql, want string }

func readsAs(t *testing.T, b *base, values []value) {
	t.Helper()
	columns, given := []string{"id int PRIMARY KEY"}, []string{"1"}
	names := strings.Split("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
	for i, v := range values {
		name := "c" + names[i/26] + "_" + names[i%26]
		columns, given = append(columns, name+" "+v.kind), append(given, v.sql)
	}
	do(t, b.db, "CREATE TABLE events ("+strings.Join(columns, ", ")+")", "INSERT INTO events VALUES ("+strings.Join(given, ", ")+")")
	r := b.request("2026-11-19", project.Database{})
	r.Source.Holds = "snapshot"
	parts, err := b.fetch(t, r)
	if err != nil || len(parts) != 1 || len(parts[0].lines) != 1 {
		t.Fatalf("%v, %v", parts, err)
	}
	row := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(parts[0].lines[0]), &row); err != nil {
		t.Fatalf("%s: %v", parts[0].lines[0], err)
	}
	for i, v := range values {
		if got := string(row["c"+names[i/26]+"_"+names[i%26]]); got != v.want {
			t.Errorf("%s %s is %s, want %s", v.kind, v.sql, got, v.want)
		}
	}
}

func TestPostgresValuesKeepWhatTheyAre(t *testing.T) {
	t.Parallel()
	b := postgresBase(t)
	do(t, b.db, "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN cents AS numeric(20,2)", "CREATE DOMAIN moods AS mood[]")
	readsAs(t, b, []value{
		{"boolean", "true", "true"},
		{"smallint", "-3", "-3"},
		{"bigint", "9007199254740992", "9007199254740992"},
		{"bigint", "9007199254740993", `"9007199254740993"`},
		{"bigint", "-9223372036854775808", `"-9223372036854775808"`},
		{"numeric", "12345678901234567890.123456789012345678", `"12345678901234567890.123456789012345678"`},
		{"numeric(10,2)", "1.50", `"1.50"`},
		{"numeric", "'NaN'", `"NaN"`},
		{"double precision", "0.1::float8 + 0.2::float8", "0.30000000000000004"},
		{"double precision", "'Infinity'", `"Infinity"`},
		{"double precision", "1e300", "1e+300"},
		{"real", "0.1", "0.1"},
		{"text", `E'a "quoted" \\ line\nand\ttab \u0001 한국어 '`, `"a \"quoted\" \\ line\nand\u0009tab \u0001 한국어 "`},
		{"char(5)", "'ab'", `"ab   "`},
		{"text", "NULL", "null"},
		{"date", "'2026-11-19'", `"2026-11-19"`},
		{"date", "'infinity'", `"infinity"`},
		{"date", "'0044-03-15 BC'", `"0044-03-15 (BC)"`},
		{"time", "'23:59:59.000001'", `"23:59:59.000001"`},
		{"timestamp", "'2026-11-19 01:02:03.000004'", `"2026-11-19 01:02:03.000004"`},
		{"timestamptz", "'2026-11-19 01:02:03.000004+09'", `"2026-11-18T16:02:03.000004Z"`},
		{"timestamptz", "'2026-11-19 01:02:03+00'", `"2026-11-19T01:02:03Z"`},
		{"timestamptz", "'-infinity'", `"-infinity"`},
		{"interval", "'1 year 2 days 03:04:05.6'", `"1 year 2 days 03:04:05.6"`},
		{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
		{"json", `'{"b": 12345678901234567890, ` + "\n" + `"a": [1, null]}'`, `{"b":12345678901234567890,"a":[1,null]}`},
		{"jsonb", `'"text"'`, `"text"`},
		{"jsonb", `'null'`, `null`},
		{"bytea", `'\x00ff10'`, `"AP8Q"`},
		{"bytea", `''`, `""`},
		{"inet", "'192.0.2.1/24'", `"192.0.2.1/24"`},
		{"bit(4)", "B'0101'", `"0101"`},
		{"mood", "'sad'", `"sad"`},
		{"cents", "1.5", `"1.50"`},
		{"int4range", "'[1,5)'", `"[1,5)"`},
		{"int[]", "'{1,NULL,3}'", "[1,null,3]"},
		{"int[]", "'{}'", "[]"},
		{"int[]", "'[0:1]={7,8}'", "[7,8]"},
		{"bigint[]", "'{{1,2},{3,9007199254740993}}'", `[[1,2],[3,"9007199254740993"]]`},
		{"text[]", `ARRAY['a,b', 'c"d\e', 'NULL', NULL, '', '{x}', ' ']`, `["a,b","c\"d\\e","NULL",null,"","{x}"," "]`},
		{"mood[]", "'{sad,ok}'", `["sad","ok"]`},
		{"moods", "'{ok}'", `["ok"]`},
		{"cents[]", "'{1.5}'", `["1.50"]`},
		{"timestamptz[]", "ARRAY['2026-11-19 09:00:00+09'::timestamptz]", `["2026-11-19T00:00:00Z"]`},
		{"jsonb[]", `ARRAY['{"a":"x,y"}'::jsonb]`, `[{"a":"x,y"}]`},
		{"bytea[]", `ARRAY['\x00ff'::bytea]`, `["AP8="]`},
		{"box[]", "ARRAY[box '((0,0),(1,1))', box '((2,2),(3,3))']", `["(1,1),(0,0)","(3,3),(2,2)"]`},
	})
}

func TestMySQLValuesKeepWhatTheyAre(t *testing.T) {
	t.Parallel()
	b := mysqlBase(t)
	readsAs(t, b, []value{
		{"boolean", "true", "1"},
		{"tinyint unsigned", "255", "255"},
		{"int", "-3", "-3"},
		{"bigint", "9007199254740993", `"9007199254740993"`},
		{"bigint", "-9223372036854775808", `"-9223372036854775808"`},
		{"bigint unsigned", "18446744073709551615", `"18446744073709551615"`},
		{"bigint unsigned", "9007199254740992", "9007199254740992"},
		{"decimal(38,18)", "12345678901234567890.123456789012345678", `"12345678901234567890.123456789012345678"`},
		{"double", "0.1e0 + 0.2e0", "0.30000000000000004"},
		{"double", "1e300", "1e+300"},
		{"float", "0.1", "0.1"},
		{"float", "16777217.0", "16777216"},
		{"float", "1234567.0", "1234567"},
		{"char(5)", "'ab'", `"ab"`},
		{"varchar(40)", `'a "q" \\ b\n한국어 '`, `"a \"q\" \\ b\n한국어 "`},
		{"varchar(40) CHARACTER SET latin1", `'\u00e9é'`, `"u00e9é"`},
		{"longtext", "NULL", "null"},
		{"date", "'2026-11-19'", `"2026-11-19"`},
		{"date", "'0000-00-00'", `"0000-00-00"`},
		{"datetime(6)", "'2026-11-19 01:02:03.000004'", `"2026-11-19 01:02:03.000004"`},
		{"datetime", "'0000-00-00 00:00:00'", `"0000-00-00 00:00:00"`},
		{"timestamp(6) NULL", "'2026-11-19 01:02:03.000004'", `"2026-11-19T01:02:03.000004Z"`},
		{"timestamp NULL", "'0000-00-00 00:00:00'", `"0000-00-00 00:00:00"`},
		{"time(3)", "'-838:59:59.123'", `"-838:59:59.123"`},
		{"year", "2026", "2026"},
		{"year", "0", "0"},
		{"int(8) zerofill", "42", "42"},
		{"bigint zerofill", "42", "42"},
		{"double zerofill", "0.5", "0.5"},
		{"bit(1)", "b'1'", "1"},
		{"bit(64)", "b'1111111111111111111111111111111111111111111111111111111111111111'", `"18446744073709551615"`},
		{"enum('sad', 'ok')", "'ok'", `"ok"`},
		{"set('a', 'b')", "'a,b'", `"a,b"`},
		{"json", `'{"b": 12345678901234567890, ` + `\n` + `"a": [1, null]}'`, `{"b":12345678901234567890,"a":[1,null]}`},
		{"text", `'{"a": 1}'`, `"{\"a\": 1}"`},
		{"varbinary(10)", "x'00ff10'", `"AP8Q"`},
		{"blob", "x''", `""`},
		{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
		{"inet6", "'::1'", `"::1"`},
	})
}

func TestColumnsThatAreNotDeclaredAreReadUnlessNewOnesAreIgnored(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, payload JSON, brand_new INT)", `INSERT INTO events VALUES (1, '{"a":{"b":2}}', 3)`)
		r := b.request("2026-11-19", project.Database{})
		r.Source.Holds = "snapshot"
		r.Source.Columns = []project.Column{{Name: "number", From: "id"}, {Name: "b", From: "payload.a.b"}}
		r.Source.Key = []string{"number"}
		for setting, want := range map[string]string{"keep": `{"id":1,"payload":{"a":{"b":2}},"brand_new":3}`, "ignore": `{"id":1,"payload":{"a":{"b":2}}}`} {
			r.Source.NewColumns = setting
			parts, err := b.fetch(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{want}, parts[0].lines); d != "" {
				t.Errorf("%s (-want +got):\n%s", setting, d)
			}
		}
	})
}
