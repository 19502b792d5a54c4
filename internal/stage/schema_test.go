package stage

import (
	"fmt"
	"strings"
	"testing"
)

// came is what the records of a job came with, each column as text.
func came(t *testing.T, job Job) []string {
	t.Helper()
	var out []string
	for _, c := range mustRun(t, job).Schema.Columns {
		out = append(out, c.Name+" "+c.Type)
	}
	return out
}

func TestTheSchemaIsWhatCameAndNotWhatIsDeclared(t *testing.T) {
	content := `{"id":1,"price":1,"tags":["a"],"user":{"id":1},"ok":true,"gone":null,"na\u006de":null}
{"id":2,"price":2.5,"tags":null,"name":"x"}
{"id":"3"}`
	want := []string{"gone null", "id number or text", "name text", "ok boolean", "price number", "tags list", "user object"}
	same(t, came(t, jobFor(t, contract("ndjson", "id bigint"), object{"a", content})), want)
	same(t, came(t, jobFor(t, contract("ndjson", "price decimal(38,2)", "user json"), object{"a", content})), want)
	s := contract("ndjson", "id bigint")
	s.NewColumns = "ignore"
	same(t, mustRun(t, jobFor(t, s, object{"a", content})).Schema, Schema{})
}

func TestEveryFormatHasASchema(t *testing.T) {
	for format, c := range map[string]struct {
		content object
		want    []string
	}{
		"csv":      {object{"a", "id,Name\n1,x\n"}, []string{"Name text", "id text"}},
		"xml":      {object{"a", `<r><i n="1"><id>1</id><p><q>1</q></p></i><i><id/></i></r>`}, []string{"@n attribute", "id element", "p element"}},
		"dynamodb": {object{"a", `{"Item":{"id":{"N":"7"},"s":{"SS":["a"]},"f":{"BOOL":false}}}`}, []string{"f boolean", "id text", "s list"}},
		"json":     {object{"a", `[{"id":1}]`}, []string{"id number"}},
		"parquet":  {parquetOf(t, "SELECT 1::BIGINT AS id, ['a'] AS l, {'x': 1} AS s"), []string{"id bigint", "l text[]", "s struct(x integer)"}},
	} {
		t.Run(format, func(t *testing.T) {
			s := contract(format, "id decimal(38,0)")
			if format == "xml" {
				s.Records = "i"
			}
			same(t, came(t, jobFor(t, s, c.content)), c.want)
		})
	}
	s := contract("csv", "id bigint", "name text")
	s.Header = false
	same(t, came(t, jobFor(t, s, object{"a", "1,x\n"})), []string{"column_1 text", "column_2 text"})
}

func TestARecordThatIsNoJSONHasNoSchema(t *testing.T) {
	s := contract("ndjson", "id bigint")
	s.MaxRejects = 1
	result := mustRun(t, jobFor(t, s, object{"a", "{\"id\":1}\n{\"id\":2,\"other\":1,\"cut"}))
	same(t, result.NewColumns, []string(nil))
	same(t, result.Schema, SchemaOf([]SchemaColumn{{"id", "number"}}))
}

func TestKeysThatAreDataDoNotFillTheMemory(t *testing.T) {
	var b strings.Builder
	for i := range maxNames + 100 {
		fmt.Fprintf(&b, "{\"id\":%d,\"k%d\":1}\n", i, i)
	}
	if got := len(mustRun(t, jobFor(t, contract("ndjson", "id bigint"), object{"a", b.String()})).Schema.Columns); got != maxNames {
		t.Errorf("%d columns are remembered, not %d", got, maxNames)
	}
}

func TestAChangedSchemaSaysWhatChanged(t *testing.T) {
	before := SchemaOf([]SchemaColumn{{"b", "text"}, {"a", "number"}, {"gone", "list"}})
	same(t, SchemaOf([]SchemaColumn{{"gone", "list"}, {"a", "number"}, {"b", "text"}}).Hash, before.Hash)
	now := SchemaOf([]SchemaColumn{{"a", "text"}, {"b", "text"}, {"new", "boolean"}})
	if now.Hash == before.Hash || len(now.Hash) != 64 {
		t.Errorf("%q after %q", now.Hash, before.Hash)
	}
	same(t, now.Since(before), SchemaChange{Added: []SchemaColumn{{"new", "boolean"}}, Removed: []SchemaColumn{{"gone", "list"}}, Retyped: []Retyped{{"a", "number", "text"}}})
	same(t, now.Since(now), SchemaChange{})
	same(t, SchemaOf(nil), Schema{})
}
