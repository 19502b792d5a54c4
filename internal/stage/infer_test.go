package stage

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"daybook/internal/fault"
)

// inferred gives the columns of a job, each as text.
func inferred(t *testing.T, job Job) []string {
	t.Helper()
	found, err := Infer(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range found.Columns {
		var types []string
		for _, k := range c.Types {
			types = append(types, fmt.Sprintf("%d %s", k.Count, k.Type))
		}
		out = append(out, fmt.Sprintf("%s<%s %s null=%d absent=%d (%s) %s", c.Name, c.From, c.Type, c.Null, c.Absent, strings.Join(types, ", "), strings.Join(c.Examples, " ")))
	}
	return out
}

func TestTypesAreInferredFromJSON(t *testing.T) {
	s := contract("ndjson", "declared text")
	content := `{"id":1,"flag":0,"ok":true,"big":1,"d":"2026-11-19","at":"2026-11-19T10:00:00Z","mapx":126.5,"zip":"00123","tags":["a",null],"actor":{"login":"x","ID":7},"mixed":{"a":1},"o":{},"gone":null,"n":[1,2],"l":[{"a":1}],"price":12345678901234567.25}
{"id":2,"flag":1,"ok":null,"big":9007199254740993,"d":"2026-11-19 10:00:00","at":"2026-11-19","mapx":"126.98","zip":"26116","tags":[],"actor":{"login":"y"},"mixed":7,"o":{},"gone":null,"n":[2.5],"l":[],"price":1}
7
{"id":"3","uuid":"12345678-0000-4000-8000-000000000000","MixedCase":"","empty":"","sum":""}
{"a.b":1,"sum":3}`
	job := jobFor(t, s, object{"a", content})
	same(t, inferred(t, job), []string{
		"id< integer null=0 absent=1 (2 integer, 1 text) 1 2 3",
		"flag< integer null=0 absent=2 (2 integer) 0 1",
		"ok< boolean null=1 absent=2 (1 boolean) true",
		"big< bigint null=0 absent=2 (1 bigint, 1 integer) 1 9007199254740993",
		"d< timestamp null=0 absent=2 (1 date, 1 timestamp) 2026-11-19 2026-11-19 10:00:00",
		"at< timestamptz null=0 absent=2 (1 date, 1 timestamptz) 2026-11-19T10:00:00Z 2026-11-19",
		"mapx< double null=0 absent=2 (1 double, 1 text) 126.5 126.98",
		"zip< text null=0 absent=2 (2 text) 00123 26116",
		`tags< text[] null=0 absent=2 (2 list) ["a",null] []`,
		"actor_login<actor.login text null=0 absent=2 (2 text) x y",
		"actor_id<actor.ID integer null=0 absent=3 (1 integer) 7",
		`mixed< json null=0 absent=2 (1 integer, 1 object) {"a":1} 7`,
		"o< json null=0 absent=2 (2 object) {}",
		"gone< text null=2 absent=2 () ",
		"n< double[] null=0 absent=2 (2 list) [1,2] [2.5]",
		`l< json null=0 absent=2 (2 list) [{"a":1}] []`,
		"price< decimal(38,2) null=0 absent=2 (1 decimal, 1 integer) 12345678901234567.25 1",
		"uuid< uuid null=0 absent=3 (1 uuid) 12345678-0000-4000-8000-000000000000",
		"mixed_case<MixedCase text null=0 absent=3 (1 empty text) ",
		"empty< text null=0 absent=3 (1 empty text) ",
		"sum< text null=0 absent=2 (1 empty text, 1 integer) 3",
	})
	found, err := Infer(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	same(t, []int64{found.Records, found.Rejected}, []int64{4, 1})
	same(t, found.Problems, []Reject{{Object: "a", Line: 3, Reason: notObject, Text: "7"}})
	same(t, found.First[3], `{"a.b":1,"sum":3}`)
}

func TestTypesAreInferredFromCSV(t *testing.T) {
	s := contract("csv")
	s.Encoding = "cp949"
	content := "InvoiceNo,전화,CustomerID,price,flag,code,long,day,도서관명,ok,empty,n\n" +
		"536365,031-620-2817,15117.0,2.55,1,00123,12345678901234567890,2026-11-19,\"가,\n나\",true,,1E5\n" +
		"C536366,01012345678,,3,0,+82,1,2026-11-20,다,false,\"\",2\nshort\n"
	job := jobFor(t, s, object{"a.csv", koreanBytes(t, content)})
	same(t, inferred(t, job), []string{
		"invoice_no<InvoiceNo text null=0 absent=0 (1 integer, 1 text) 536365 C536366",
		"column_2<전화 text null=0 absent=0 (2 text) 031-620-2817 01012345678",
		"customer_id<CustomerID integer null=1 absent=0 (1 integer) 15117.0",
		"price< double null=0 absent=0 (1 double, 1 integer) 2.55 3",
		"flag< integer null=0 absent=0 (2 integer) 1 0",
		"code< text null=0 absent=0 (2 text) 00123 +82",
		"long< text null=0 absent=0 (1 integer, 1 text) 12345678901234567890 1",
		"day< date null=0 absent=0 (2 date) 2026-11-19 2026-11-20",
		"column_9<도서관명 text null=0 absent=0 (2 text) 가,\n나 다",
		"ok< boolean null=0 absent=0 (2 boolean) true false",
		"empty< text null=2 absent=0 (1 empty text) ",
		"n< text null=0 absent=0 (1 integer, 1 text) 1E5 2",
	})
	job.Source.Header = false
	same(t, inferred(t, job)[1], "column_2< text null=0 absent=0 (3 text) 전화 031-620-2817 01012345678")
}

func TestTypesAreInferredFromOtherFormats(t *testing.T) {
	s := contract("xml")
	s.Records = "r"
	same(t, inferred(t, jobFor(t, s, object{"a.xml", `<l><r id="1"><n>1.5</n><p code="7">x</p><u><v>1</v><v>2</v></u><e/></r><r id="2"><n/><p code="8"/><u><v>3</v></u></r></l>`})), []string{
		"id<@id integer null=0 absent=0 (2 integer) 1 2",
		"n< double null=1 absent=0 (1 double) 1.5",
		"p_code<p.@code integer null=0 absent=0 (2 integer) 7 8",
		"p< text null=0 absent=1 (1 text) x",
		`u_v<u.v integer[] null=0 absent=0 (1 integer, 1 list) ["1","2"] 3`,
		"e< text null=1 absent=1 () ",
	})
	s = contract("dynamodb")
	same(t, inferred(t, jobFor(t, s, object{"a", `{"NewImage":{"n":{"N":"1"},"s":{"S":"1"},"ns":{"NS":["1"]},"m":{"M":{"a":{"BOOL":true}}}},"Keys":{},"Metadata":{"WriteTimestampMicros":{"N":"0"}}}`})), []string{
		"n< integer null=0 absent=0 (1 integer) 1",
		"s< text null=0 absent=0 (1 text) 1",
		"ns< integer[] null=0 absent=0 (1 list) [1]",
		"m_a<m.a boolean null=0 absent=0 (1 boolean) true",
		"_deleted< boolean null=0 absent=0 (1 boolean) false",
		"_written< timestamptz null=0 absent=0 (1 timestamptz) 1970-01-01T00:00:00.000000Z",
	})
	s = contract("parquet")
	same(t, inferred(t, jobFor(t, s, parquetOf(t, "SELECT 1::BIGINT AS id, '7' AS code, {'x': 1.5::DOUBLE} AS s, ['a'] AS tags, TIMESTAMPTZ '2026-11-19 10:00:00+00' AS at, 1.5::DECIMAL(10,2) AS d"))), []string{
		"id< bigint null=0 absent=0 (1 integer) 1",
		"code< text null=0 absent=0 (1 text) 7",
		"s_x<s.x double null=0 absent=0 (1 double) 1.5",
		`tags< text[] null=0 absent=0 (1 list) ["a"]`,
		"at< timestamptz null=0 absent=0 (1 timestamptz) 2026-11-19 10:00:00+00",
		"d< decimal(10,2) null=0 absent=0 (1 double) 1.5",
	})
	s = contract("json")
	s.Records = "items"
	same(t, inferred(t, jobFor(t, s, object{"a", `{"items":[{"x":""},{"x":1.5},{"x":"2.5"}]}`})), []string{"x< double null=1 absent=0 (1 double, 1 empty text, 1 text) 1.5 2.5"})
}

// What is inferred must stage what it was inferred from.
func TestWhatIsInferredTakesAllRecords(t *testing.T) {
	content := `{"id":1,"d":"2026-11-19","mapx":126.5,"tags":["a"],"actor":{"login":"x"},"m":{"a":1},"l":[1,2],"z":"01","price":12345678901234567.25,"t":"2026-11-19 10:00"}
{"id":"9007199254740993","d":"2026-11-19T10:00:00+09","mapx":"126.98","tags":[],"actor":{"login":null},"m":"x","l":["a"],"z":"","price":-1}`
	job := jobFor(t, contract("ndjson"), object{"a", content})
	found, err := Infer(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found.Columns {
		from := c.Name
		if c.From != "" {
			from += "<" + c.From
		}
		job.Source.Columns = append(job.Source.Columns, contract("ndjson", from+" "+string(c.Type)).Columns...)
	}
	same(t, mustRun(t, job).NewColumns, []string(nil))
}

func TestInferringEndsAfterTwentyThousandRecords(t *testing.T) {
	job := jobFor(t, contract("ndjson"), object{"a", strings.Repeat("{\"a\":1}\n", inferRecords)}, object{"b", "{\"b\":\"x\"}\n"})
	found, err := Infer(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if found.Records != inferRecords || !found.More || len(found.First) != inferShown || len(found.Columns) != 1 {
		t.Errorf("%d records, more %v, %d shown, %d columns", found.Records, found.More, len(found.First), len(found.Columns))
	}
	var wide strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&wide, "{\"k%d\":{\"x%d\":1},\"m\":{\"y%d\":1}}\n", n, n, n)
	}
	found, err = Infer(t.Context(), jobFor(t, contract("ndjson"), object{"a", wide.String()}))
	if err != nil || len(found.Columns) > inferNodes {
		t.Errorf("%d columns, %v", len(found.Columns), err)
	}
	if _, err := Infer(t.Context(), jobFor(t, contract("ndjson"), object{"x.gz", "{}"})); !fault.Is(err, fault.Damaged) {
		t.Errorf("got %v", err)
	}
}
