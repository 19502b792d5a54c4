package sqlparse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"daybook/internal/fault"
	"daybook/internal/project"

	"github.com/google/go-cmp/cmp"
)

func parser(t testing.TB) *Parser {
	t.Helper()
	p, err := Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func tables(s Statement) string {
	var out []string
	for _, r := range s.Tables {
		out = append(out, fmt.Sprintf("%s@%d:%d", r.Name, r.Line, r.Column))
	}
	return strings.Join(out, " ")
}

func TestTablesAreFoundWhereverTheyStand(t *testing.T) {
	p := parser(t)
	for text, want := range map[string]string{
		"SELECT 1":   "",
		"FROM a":     "a@1:6",
		"TABLE a":    "a@1:7",
		"VALUES (1)": "",
		"SELECT '한글', x\nFROM 표 t, \"Big Name\"":                                                   "표@2:6 Big Name@2:11",
		"SELECT * FROM a JOIN b USING (x) LEFT JOIN c ON true":                                     "a@1:15 b@1:22 c@1:44",
		"SELECT (SELECT max(x) FROM a) FROM b WHERE y IN (SELECT y FROM c) AND EXISTS (FROM d)":    "a@1:28 b@1:36 c@1:64 d@1:84",
		"SELECT * FROM a UNION ALL SELECT * FROM a EXCEPT SELECT * FROM b":                         "a@1:15 a@1:41 b@1:64",
		"SELECT * FROM (SELECT * FROM a) s, LATERAL (SELECT * FROM b WHERE b.x = s.x)":             "a@1:30 b@1:59",
		"SELECT sum(x) OVER (PARTITION BY (SELECT y FROM a)) FROM b ORDER BY (SELECT z FROM c)":    "a@1:49 b@1:58 c@1:84",
		"SELECT * FROM a, unnest(a.list) u(x), range(3), generate_series(1, 2)":                    "a@1:15",
		"WITH a AS (SELECT * FROM b) SELECT * FROM a":                                              "b@1:26",
		"WITH a AS (SELECT * FROM a) SELECT * FROM A":                                              "a@1:26",
		"WITH a AS (SELECT 1), b AS (SELECT * FROM a, c) SELECT * FROM b, c":                       "c@1:46 c@1:66",
		"WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM a, b":                          "a@1:26",
		"SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a":                                "a@1:57",
		"WITH a AS (SELECT 1) SELECT * FROM (WITH c AS (SELECT * FROM a) SELECT * FROM c) x, c":    "c@1:85",
		"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, a) SELECT * FROM r":     "a@1:67",
		"WITH a AS MATERIALIZED (SELECT * FROM b) SELECT * FROM a UNION ALL SELECT * FROM a":       "b@1:39",
		"SELECT a.x, a.b.c FROM a -- FROM comment\n/* FROM c */ WHERE s = 'FROM d'":                "a@1:24",
		"SELECT * FROM a PIVOT (sum(x) FOR y IN ('u', 'v'))":                                       "a@1:15",
		"SELECT * FROM a TABLESAMPLE 10%":                                                          "a@1:15",
		"SELECT * FROM a ASOF JOIN b ON a.t >= b.t WHERE list_filter(l, lambda x: x > 1) IS NULL;": "a@1:15 b@1:27",
	} {
		s, err := p.Parse(context.Background(), text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, tables(s)); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestTheDayIsTheOnlyParameter(t *testing.T) {
	p := parser(t)
	for text, want := range map[string]Statement{
		"SELECT 1 AS n":         {},
		"SELECT $day, $day - 1": {UsesDay: true, Params: []string{"day"}},
		"SELECT '$day', \"$x\" FROM (SELECT 1 AS \"$x\") -- $day": {Columns: []Ref{{"$x", 1, 16}}},
	} {
		got, err := p.Parse(context.Background(), text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
	for text, place := range map[string]string{
		"SELECT $day,\n $to": "2:2", "SELECT $1": "1:8", "SELECT ?": "1:8", "SELECT $day, ?": "1:14",
	} {
		mustFail(t, p, text, place, "is not a parameter here; $day")
	}
}

func mustFail(t *testing.T, p *Parser, text, place, says string) {
	t.Helper()
	_, err := p.Parse(context.Background(), text)
	isFault(t, text, err, place, says)
}

func isFault(t *testing.T, text string, err error, place, says string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid {
		t.Errorf("%s: got %v, want a fault", text, err)
		return
	}
	if got := fmt.Sprintf("%d:%d", f.Line, f.Column); got != place || !strings.Contains(f.Error(), says) {
		t.Errorf("%s: got %s %v, want %s %s", text, got, f, place, says)
	}
}

func TestWhatIsNoPlainSelectIsRefusedAtItsPlace(t *testing.T) {
	p := parser(t)
	for text, want := range map[string][2]string{
		"SELECT '한글',\n  x FROMM a b":  {"2:11", `syntax error at or near "a"`},
		"SELECT a FROM":                {"1:14", "syntax error at end of input"},
		"SELECT 'a\nFROM b":            {"1:8", "this string never ends"},
		"SELECT 1 /* x":                {"1:10", "this comment never ends"},
		`SELECT "x`:                    {"1:8", "this quoted name never ends"},
		"":                             {"1:1", "there is no statement here"},
		" -- nothing\n;":               {"1:1", "there is no statement here"},
		"SELECT 1;\n-- next\nSELECT 2": {"3:1", "several statements"},
		"-- x\nINSERT INTO a SELECT 1": {"2:1", "INSERT is not a SELECT"},
		"DROP TABLE a":                 {"1:1", "DROP is not a SELECT"},
		"PIVOT a ON x USING sum(y)":    {"1:1", "PIVOT is not a SELECT"},
		"DESCRIBE a":                   {"0:0", "not a SELECT"},
		"SELECT * FROM (SUMMARIZE a)":  {"0:0", "not a SELECT"},
		"SELECT * FROM main.a":         {"1:15", "main.a is a qualified name; unqualified names only: write a"},
		"SELECT * FROM m.s.a":          {"1:15", "m.s.a is a qualified name"},
		"SELECT 1 WHERE 1 IN (SELECT x FROM _daybook.load)": {"1:36", "qualified"},
		"SELECT * FROM 'a.parquet'":                         {"1:15", "is a file, not a table"},
		`SELECT * FROM "data/x"`:                            {"1:15", "is a file, not a table"},
		"SELECT * FROM read_csv('x')":                       {"1:15", "read_csv(…) cannot be read here; sources are the way in"},
		"SELECT * FROM a, READ_PARQUET(['x'])":              {"1:18", "cannot be read here"},
		"SELECT (SELECT content FROM read_text('x'))":       {"1:29", "cannot be read here"},
		"WITH x AS (SELECT * FROM glob('*')) FROM x":        {"1:26", "cannot be read here"},
		"SELECT * FROM DuckDB_databases":                    {"1:15", "is the engine's own"},
		"SELECT * FROM duckdb_settings()":                   {"1:15", "cannot be read here"},
		"SELECT * FROM query('DROP TABLE a')":               {"1:15", "cannot be read here"},
	} {
		mustFail(t, p, text, want[0], want[1])
	}
}

func TestColumnsAreListedAsWritten(t *testing.T) {
	s, err := parser(t).Parse(context.Background(), "SELECT r.id, count(*) FROM requests r WHERE day = $day GROUP BY r.id")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Ref{{"r.id", 1, 8}, {"day", 1, 45}, {"r.id", 1, 65}}, s.Columns); d != "" {
		t.Error(d)
	}
}

var inputs = map[string][]Column{
	"searches": {{"query_id", project.Type("uuid").SQL()}, {"at", project.Type("timestamptz").SQL()}, {"tags", project.Type("text[]").SQL()},
		{"price", project.Type("decimal(10,2)").SQL()}, {"who", project.Type("struct(name text, born date)").SQL()}, {"extra", project.Type("json").SQL()}},
	"order": {{"day", "DATE"}, {"n", "BIGINT"}},
}

func TestDescribeGivesNamesAndTypes(t *testing.T) {
	p := parser(t)
	for text, want := range map[string]string{
		`SELECT * FROM searches`: `query_id UUID, at TIMESTAMPTZ, tags VARCHAR[], price DECIMAL(10,2), who STRUCT("name" VARCHAR, born DATE), extra JSON`,
		`SELECT unnest(tags) AS tag, who.name, len(tags) = 0 AS failed, extra->>'$.x' AS x, date_trunc('hour', "at") AS hour FROM searches -- end`: `tag VARCHAR, name VARCHAR, failed BOOLEAN, x VARCHAR, hour TIMESTAMPTZ`,
		`SELECT day, sum(n) AS n, avg(n) AS mean FROM "order" WHERE day BETWEEN $day - 6 AND $day GROUP BY day;`:                                   `day DATE, n HUGEINT, mean DOUBLE`,
		`SELECT $day AS d, $day - 1 AS e, $day - INTERVAL 1 DAY AS f`:                                                                              `d DATE, e DATE, f TIMESTAMP`,
	} {
		got, err := p.Describe(context.Background(), text, inputs)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var parts []string
		for _, c := range got {
			parts = append(parts, c.Name+" "+c.Type)
		}
		if d := cmp.Diff(want, strings.Join(parts, ", ")); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestDescribeNamesThePlaceAndTheSuggestion(t *testing.T) {
	p := parser(t)
	for text, want := range map[string][2]string{
		"SELECT '한글',\n  '한글' || tag\nFROM searches": {"2:11", `Referenced column "tag" not found in FROM clause; Candidate bindings: "tags"`},
		"SELECT s.tag FROM searches s":               {"1:8", `Candidate bindings: "tags"`},
		"SELECT * FROM searchs":                      {"1:15", `Table with name searchs does not exist; Did you mean "searches"`},
		"SELECT lenn(tags) FROM searches":            {"1:8", "Scalar Function with name lenn does not exist; Did you mean"},
		"SELECT n, count(*) FROM \"order\"":          {"1:8", "GROUP BY"},
		"SELECT tags + 1 FROM searches":              {"1:13", ""},
		"SELECT 1 AS a, 2 AS A":                      {"0:0", "two columns named A"},
		"SELECT x FROM":                              {"1:14", "syntax error"},
	} {
		_, err := p.Describe(context.Background(), text, inputs)
		isFault(t, text, err, want[0], want[1])
	}
}

func TestDescribeLeavesNothingBehind(t *testing.T) {
	p := parser(t)
	var wait sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wait.Go(func() {
			for range 5 {
				columns, err := p.Describe(context.Background(), "SELECT * FROM a", map[string][]Column{"a": {{Name: fmt.Sprintf("c%d", i), Type: "INTEGER"}}})
				if err == nil && columns[0].Name != fmt.Sprintf("c%d", i) {
					err = fmt.Errorf("sees the table of another: %v", columns)
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	_, err := p.Describe(context.Background(), "SELECT * FROM a", nil)
	isFault(t, "FROM a", err, "1:15", "does not exist")
}

func TestNoStatementReachesFiles(t *testing.T) {
	if _, err := parser(t).db.Exec("SELECT * FROM read_text('/etc/hostname')"); err == nil || !strings.Contains(err.Error(), "disabled by configuration") {
		t.Errorf("got %v", err)
	}
}

func TestTheEngineIsTheOneThatWasMeasured(t *testing.T) {
	var version string
	if err := parser(t).db.QueryRow("SELECT version()").Scan(&version); err != nil || version != "v1.5.5" {
		t.Errorf("%s %v", version, err)
	}
}

// FuzzParse holds the scanner against the engine's parser: what the engine takes, the scanner must take, and what is wrong is a fault with a place.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"SELECT a$b, $day FROM t", "FROM a SELECT $$x$$", "WITH RECURSIVE r AS (FROM r) FROM r", "SELECT U&'x', x'00', e'\\'' -- y", "SELECT 1e5.x, .5, 0x1F, 1_000", "SELECT a[1:2], a.b::INT->>'c' /* /* */ */"} {
		f.Add(seed)
	}
	p := parser(f)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := p.Parse(context.Background(), text)
		if err == nil {
			return
		}
		if !fault.Is(err, fault.Invalid) {
			t.Fatalf("%q: %v", text, err)
		}
		if _, scanned := scan(text); scanned == nil || strings.Contains(text, "\x00") || !utf8.ValidString(text) { // the engine stops at NUL
			return
		}
		var fine bool
		if err := p.db.QueryRow("SELECT NOT (json_serialize_sql(?::VARCHAR)->'error')::BOOLEAN", text).Scan(&fine); err != nil || fine {
			t.Errorf("%q: the engine takes it (%v), the scanner does not: %v", text, err, err)
		}
	})
}
