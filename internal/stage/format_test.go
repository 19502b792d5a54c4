package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"daybook/internal/fault"

	"golang.org/x/text/encoding/korean"
)

// rejects gives object, line and reason of the rejects of a run.
func rejects(t *testing.T, result Result) []string {
	t.Helper()
	return query(t, "SELECT object, line, reason FROM read_parquet('"+result.Rejects+"')")
}

func koreanBytes(t *testing.T, s string) string {
	t.Helper()
	out, err := korean.EUCKR.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestObjectsOfJSONNeedNothingBetweenThem(t *testing.T) {
	s := contract("json", "id integer", "s text")
	for _, c := range []string{`{"id":1,"s":"}{"}{"id":2}{"id":3}`, "{\"id\":1,\"s\":\"}{\"}\r\n\t{\"id\":2} {\n\"id\"\n:3}\n\n", "\ufeff" + `{"id":1,"s":"}{"}{"id":2}{"id":3}`} {
		same(t, read(t, mustRun(t, jobFor(t, s, object{"a", c})).Data), []string{"1|}{", "2|∅", "3|∅"})
	}
	same(t, read(t, mustRun(t, jobFor(t, s, object{"a", `{"id":1}`})).Data), []string{"1|∅"})
}

func TestABrokenObjectAmongOthersIsRejectedAlone(t *testing.T) {
	s := contract("json", "id integer", "o json", "l json")
	s.MaxRejects = 20
	for _, c := range []struct {
		content string
		staged  []string
		rejects []string
	}{
		{`{"id":1}{"id":}{"id":3}`, []string{"1", "3"}, []string{`a|1|the record is not valid JSON: "}" at line 1, column 15`}},
		{`{"id":1}{"o":{"id":2}{"id":3}`, []string{"1", "3"}, []string{`a|1|the record is not valid JSON: "{" at line 1, column 22`}},
		{`{"id":1}}{"id":3}`, []string{"1", "3"}, []string{`a|1|the record is not valid JSON: "}" at line 1, column 9`}},
		{"{\"id\":1}\n{\"id\":\"x\n{\"id\":3}\n", []string{"1", "3"}, []string{"a|2|the record is not valid JSON: byte 0x0a at line 2, column 9"}},
		{`{"id":1}{id:2, "l":[{"id":9},{"id":8}]}{"id":3}`, []string{"1", "3"}, []string{`a|1|the record is not valid JSON: "i" at line 1, column 10`}},
		{`{"id":1}` + "\n" + `{"id":2,"o":{"x":"y`, []string{"1"}, []string{"a|2|the record is not valid JSON: it is cut off"}},
		{`{"id":1}` + "\n" + `{{{{` + `{"id":3}`, []string{"1"}, []string{`a|2|the record is not valid JSON: "{" at line 2, column 2`}},
		{"{\"id\":1}\n{\"id\":2,\n{\"id\":3}\n{\"id\":4}", []string{"1", "3", "4"}, []string{`a|2|the record is not valid JSON: "{" at line 3, column 1`}},
		{"{\"id\":1}\n{\"id\":2,\n{\"id\":3,\n{\"id\":4}", []string{"1", "4"}, []string{`a|2|the record is not valid JSON: "{" at line 3, column 1`, `a|3|the record is not valid JSON: "{" at line 4, column 1`}},
		{"{\"id\":1}\n{\"id\":[2,\n{\"id\":3}\n{\"id\":4}", []string{"1", "4"}, []string{`a|2|the record is not valid JSON: "{" at line 4, column 1`}},
		{`{"id":1}7 "x" {"id":01}{"s":"\q"}{"id":3}`, []string{"1", "3"}, []string{"a|1|the record is not a JSON object", "a|1|the record is not a JSON object", "a|1|the record is not valid JSON", "a|1|the record is not valid JSON"}},
		{"{\"id\":1}{\"id\":2,\"s\":\"가\xff\"}{\"id\":3}", []string{"1", "3"}, []string{"a|1|the record is not valid UTF-8 at line 1, column 23"}},
	} {
		result := mustRun(t, jobFor(t, s, object{"a", c.content}))
		same(t, query(t, "SELECT id FROM read_parquet('"+result.Data+"')"), c.staged)
		same(t, rejects(t, result), c.rejects)
	}
}

func TestRecordsArePickedOutOfAnswers(t *testing.T) {
	s := contract("json", "id integer", "x double", "tags text[]")
	s.Records = "response.body.items.item"
	answer := func(items string) string {
		return "{\n\"response\":{\"header\":{\"more\":[{},\"}\"]},\"body\":{\"items\":" + items + ",\"total\":3}}}\n"
	}
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"an array":              {answer(`{"item":[{"id":1,"x":1.5},` + "\n" + `{"id":"2","x":""}]}`), []string{"1|1.5|∅", "2|∅|∅"}},
		"several":               {answer(`{"item":[{"id":1}]}`) + answer(`{"item":[{"id":2,"tags":"","x":"37.50"}]}`), []string{"1|∅|∅", "2|37.5|∅"}},
		"one without an array":  {answer(`{"item":{"id":1,"tags":["a"]}}`), []string{"1|∅|[a]"}},
		"an empty text":         {answer(`""`), nil},
		"null":                  {answer(`null`), nil},
		"an empty list":         {answer(`[]`), nil},
		"an empty object":       {answer(`{}`), nil},
		"a list on the way":     {answer(`[{"item":[{"id":1}]},{},{"other":1},{"item":{"id":2}}]`), []string{"1|∅|∅", "2|∅|∅"}},
		"answers in an array":   {"[" + answer(`{"item":[{"id":1}]}`) + "," + answer(`{"item":[]}`) + "]", []string{"1|∅|∅"}},
		"an escaped name":       {strings.Replace(answer(`{"item":[{"id":1}]}`), "body", `bo\u0064y`, 1), []string{"1|∅|∅"}},
		"nothing at all":        {" \n", nil},
		"a long way past":       {strings.Replace(answer(`{"item":{"id":1}}`), `"}"`, `"`+strings.Repeat("x\\\"", 1<<17)+`"`, 1), []string{"1|∅|∅"}},
		"one with nothing":      {answer("{\"item\":{ \n}}"), nil},
		"lists with nothing":    {answer(`[{"item":{}},{"item":null},{"item":{"id":1}}]`), []string{"1|∅|∅"}},
		"a record with nothing": {answer(`{"item":[{}]}`), []string{"∅|∅|∅"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Empty = "ok"
			same(t, read(t, mustRun(t, jobFor(t, s, object{"a.json", c.content})).Data), c.want)
		})
	}
	s.MaxRejects = 5
	result := mustRun(t, jobFor(t, s, object{"a", answer("{\"item\":[\n{\"id\":\"x\"},null,7,\n{\"id\":1,\"x\":\" \"}]}")}))
	same(t, rejects(t, result), []string{`a|3|id is declared integer and came as text "x"`, "a|3|the record is not a JSON object", "a|3|the record is not a JSON object", `a|4|x is declared double and came as text " "`})
}

func TestAnAnswerWithoutTheRecordsIsDamaged(t *testing.T) {
	s := contract("json", "id integer")
	s.Records, s.Empty = "body.items", "ok"
	for content, part := range map[string]string{
		"{\n\"header\":{\"resultCode\":\"22\"}}":         "a.json has no body.items in the object at line 1, which has header",
		`{"body":{"total":0}}`:                           "which has total",
		`{"body":"LIMITED"}`:                             `a.json has "LIMITED" at line 1 on the way to body.items`,
		"<OpenAPI_ServiceResponse/>":                     `a.json is no valid JSON: "<" at line 1, column 1`,
		`{"body":{"items":[{"id":1},{"id":2}`:            "a.json is cut off or damaged",
		`{"body":{"items":[{"id":1},]}}`:                 `a.json is no valid JSON: "]"`,
		`{"body":{"items":[{"id":1}]}} ]`:                `a.json is no valid JSON: "]"`,
		`{"body":{"items":[{"id":1}`:                     "a.json is cut off or damaged",
		`{"body":{"items":` + strings.Repeat("[", 1<<20): "a.json is cut off or damaged",
	} {
		result := mustFail(t, jobFor(t, s, object{"a.json", content}), fault.Damaged, part)
		if _, err := os.Stat(result.Data); err == nil {
			t.Errorf("%.40s: something is staged", content)
		}
	}
	s.Records = ""
	mustFail(t, jobFor(t, s, object{"a.json", strings.Repeat("[", 1<<20)}), fault.Damaged, "a.json")
}

func TestTextInCP949IsDecoded(t *testing.T) {
	for format, content := range map[string]string{
		"csv":    "id,이름\n1,똠방각하\n2,\"서울,\n펲시\"\n",
		"ndjson": "{\"id\":1,\"이름\":\"똠방각하\"}\n{\"id\":2,\"이름\":\"서울,\\n펲시\"}",
		"json":   `[{"id":1,"이름":"똠방각하"},{"id":2,"이름":"서울,\n펲시"}]`,
		"xml":    "<l><r><id>1</id><이름>똠방각하</이름></r><r><id>2</id><이름>서울,\n펲시</이름></r></l>",
	} {
		s := contract(format, "id integer", "name<이름 text")
		s.Encoding = "cp949"
		if format == "xml" {
			s.Records = "r"
		}
		result := mustRun(t, jobFor(t, s, object{"a.gz", zip(t, koreanBytes(t, content))}))
		same(t, query(t, "SELECT id, replace(name, chr(10), '⏎') FROM read_parquet('"+result.Data+"')"), []string{"1|똠방각하", "2|서울,⏎펲시"})
	}
}

func TestUTF8IsNotReadAsCP949(t *testing.T) {
	s := contract("csv", "a text")
	s.Encoding, s.Header = "cp949", false
	mustFail(t, jobFor(t, s, object{"a.csv", "\ufeff가"}), fault.Invalid, "a.csv begins with the mark of UTF-8", "take encoding: out")
}

func TestBytesThatCannotBeDecodedRejectTheirRecord(t *testing.T) {
	ga := koreanBytes(t, "가")
	for format, content := range map[string]string{
		"csv":    "id,s\n1,x\n2," + ga + "\xff\n3,\"y\n" + ga + "z\x80\"\n4,a\xb0\n5,\xc9\xa1\n6," + ga,
		"ndjson": "{\"id\":1}\n{\"id\":2,\"s\":\"\xff\"}\n{\"id\":6,\"s\":\"" + ga + "\"}",
		"json":   "{\"id\":1}{\"id\":2,\"s\":\"\xff\"}{\"id\":6,\"s\":\"" + ga + "\"}",
		"xml":    "<l>\n<r><id>1</id></r>\n<r><id>2</id><s>\xff</s></r><r><id>6</id><s>" + ga + "</s></r></l>",
	} {
		t.Run(format, func(t *testing.T) {
			s := contract(format, "id integer", "s text")
			s.Encoding, s.MaxRejects = "cp949", 9
			if format == "xml" {
				s.Records = "r"
			}
			result := mustRun(t, jobFor(t, s, object{"a", content}))
			got := query(t, "SELECT id FROM read_parquet('"+result.Data+"') WHERE s IS NULL OR s IN ('가', 'x')")
			same(t, got, []string{"1", "6"})
			same(t, rejects(t, result), map[string][]string{
				"csv": {"a|3|the record is not valid CP949 at line 3, column 4", "a|4|the record is not valid CP949 at line 5, column 3",
					"a|6|the record is not valid CP949 at line 6, column 4", "a|7|the record is not valid CP949 at line 7, column 3"},
				"ndjson": {"a|2|the record is not valid CP949 at line 2, column 14"},
				"json":   {"a|1|the record is not valid CP949 at line 1, column 22"},
				"xml":    {"a|3|the record is not valid CP949 at line 3, column 17"},
			}[format])
		})
	}
}

func TestCSVLinesEndAsTheyLike(t *testing.T) {
	s := contract("csv", "a integer", "b text")
	s.MaxRejects = 2
	for _, end := range []string{"\n", "\r", "\r\n"} {
		content := strings.ReplaceAll("\ufeffa,b\n1,x\n2,\"y\nz\"\n\nx,\n4,\"q\"q\n5,end", "\n", end)
		result := mustRun(t, jobFor(t, s, object{"a", content}))
		same(t, query(t, "SELECT a, replace(replace(b, chr(13), 'r'), chr(10), 'n') FROM read_parquet('"+result.Data+"')"),
			[]string{"1|x", "2|y" + strings.NewReplacer("\r", "r", "\n", "n").Replace(end) + "z", "5|end"})
		same(t, rejects(t, result), []string{`a|6|a is declared integer and came as text "x"`, "a|7|something follows a closing quote"})
	}
	result := mustRun(t, jobFor(t, s, object{"a", "a,b\r1,x\n2,y\r\n3,z\n\r4,\"v\r\nw\""}))
	same(t, query(t, "SELECT a, strlen(b) FROM read_parquet('"+result.Data+"')"), []string{"1|1", "2|1", "3|1", "4|4"})
}

func TestWholeNumbersMayComeWithAZeroFraction(t *testing.T) {
	s := contract("csv", "customer bigint")
	s.MaxRejects = 9
	result := mustRun(t, jobFor(t, s, object{"a", "customer\n15117.0\n15117.\n15117.5\n9007199254740993.0\n9007199254740993.5\n-9223372036854775808\n9223372036854775808\n1e3\n+7\n,\n"}))
	same(t, read(t, result.Data), []string{"15117", "15117", "9007199254740993", "-9223372036854775808", "1000", "7"})
	same(t, rejects(t, result), []string{"a|4|customer is declared bigint and came as double 15117.5", "a|6|customer is declared bigint and came as double 9007199254740993.5",
		"a|8|customer is declared bigint and came as number 9223372036854775808", "a|11|the record has 2 fields, not 1"})
}

func TestDecimalsOfJSONKeepAllDigits(t *testing.T) {
	const digits = "12345678901234567890123456.123456789012"
	s := contract("ndjson", "d decimal(38,12)", "n<o.n decimal(38,12)", "l decimal(38,12)[]", "x double", "j json")
	s.MaxRejects = 1
	result := mustRun(t, jobFor(t, s, object{"a", `{"d":` + digits + `,"o":{"m":1,"n":-` + digits + `},"l":[1,` + digits + `],"x":0.1234567890125,"j":{"x":1.25}}` + "\n" + `{"d":1.5,"s":"12345678901234567890"}` + "\n" + `{"d":1.2.3456789012345678}`}))
	same(t, read(t, result.Data), []string{digits + "|-" + digits + "|[1.000000000000, " + digits + `]|0.1234567890125|{"x":1.25}`, "1.500000000000|∅|∅|∅|∅"})
	same(t, rejects(t, result), []string{"a|3|the record is not valid JSON"})
}

func TestDriftNamesBothTypesAndTheFirstPlace(t *testing.T) {
	s := contract("ndjson", "mapx double", "at timestamptz", "n integer", "ok boolean")
	content := `{"mapx":126.98}` + "\n" + `{"mapx":"126.98"}` + "\n" + `{"mapx":"126,98"}` + "\n" + `{"n":{"a":1}}` + "\n" + `{"ok":"maybe"}` + "\n" + `{"at":true}` + "\n" + `{"at":12.5}`
	result := mustFail(t, jobFor(t, s, object{"tour.ndjson", content}), fault.CheckFailed, `tour.ndjson line 3: mapx is declared double and came as text "126,98"`)
	same(t, rejects(t, result), []string{`tour.ndjson|3|mapx is declared double and came as text "126,98"`, `tour.ndjson|4|n is declared integer and came as object {"a":1}`,
		`tour.ndjson|5|ok is declared boolean and came as text "maybe"`, "tour.ndjson|6|at is declared timestamptz and came as boolean true", "tour.ndjson|7|at is declared timestamptz and came as double 12.5"})
	if same(t, result.Staged, int64(2)); t.Failed() {
		t.Log(read(t, result.Data))
	}
}

func TestElementsOfXMLBecomeRecords(t *testing.T) {
	s := contract("xml", "id<@id integer!", "name text", "price decimal(10,2)", "tags<tags.tag text[]", "where<place.@code text", "city<place.city text", "place text", "more<relates json", "note text", "days<day date[]")
	s.Columns[6].From = "spot"
	s.Records = "list.r"
	content := "\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><a:list xmlns:a=\"urn:x\">\n <r id=\"1\"><name>a &amp; <![CDATA[<b> \"q\"]]> &#xAC00;</name><price> 1.50 </price><tags><tag>x</tag><tag/><tag>y</tag></tags>" +
		"<place code=\"S\"><city>서울</city></place><spot code=\"2\">here</spot><relates><relate><n>1</n></relate><relate><n>2</n></relate></relates><note></note><day>2026-11-19</day><extra>1</extra></r>\n" +
		" <r id=\"2\"\n><tags><tag>z</tag></tags><name/><note> </note></r><other><r id=\"9\"/></other>\n <r id='x'/><r/></a:list>\n"
	s.MaxRejects = 2
	result := mustRun(t, jobFor(t, s, object{"a.xml", content}))
	same(t, read(t, result.Data), []string{
		`1|a & <b> "q" 가|1.50|[x, NULL, y]|S|서울|here|{"relate":[{"n":"1"},{"n":"2"}]}|∅|[2026-11-19]`,
		"2|∅|∅|[z]|∅|∅|∅|∅|∅|∅"})
	same(t, rejects(t, result), []string{`a.xml|6|id is declared integer and came as text "x"`, "a.xml|6|id is required and missing"})
	same(t, result.NewColumns, []string{"extra"})
}

func TestXMLSaysItsEncoding(t *testing.T) {
	s := contract("xml", "n text")
	s.Records = "r"
	euc := "<?xml version=\"1.0\" encoding=\"euc-kr\"?><l><r><n>" + koreanBytes(t, "한글") + "</n></r></l>"
	same(t, read(t, mustRun(t, jobFor(t, s, object{"a", euc}, object{"b", "<l><r><n>한글</n></r></l>"})).Data), []string{"한글", "한글"})
	s.Encoding = "cp949"
	same(t, read(t, mustRun(t, jobFor(t, s, object{"a", euc})).Data), []string{"한글"})
	s.Encoding = "utf-8"
	mustFail(t, jobFor(t, s, object{"a.xml", strings.Replace(euc, "euc-kr", "utf-16", 1)}), fault.Invalid, "a.xml is XML in utf-16")
	s.Records = ""
	mustFail(t, jobFor(t, s, object{"a.xml", euc}), fault.Invalid, "does not say which element is a record", "sources/searches.yaml")
}

func TestXMLThatIsNotWholeOrHostileStagesNothing(t *testing.T) {
	s := contract("xml", "n text")
	s.Records, s.Empty = "r", "ok"
	for name, content := range map[string]string{
		"cut in a record":   "<l><r><n>1</n></r><r><n>2",
		"cut after one":     "<l><r><n>1</n></r>",
		"cut in a tag":      "<l><r><n>1</n></r><r",
		"another end":       "<l><r><n>1</n></r></m>",
		"an end too many":   "<l></l></l>",
		"no XML":            "LIMITED NUMBER OF SERVICE REQUESTS EXCEEDS ERROR",
		"text behind it":    "<l></l>x",
		"a declared entity": `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l><r><n>&b;</n></r></l>`,
		"another file":      `<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l><r><n>&x;</n></r></l>`,
		"too deep":          strings.Repeat("<d>", 1<<16),
		"too deep a record": "<l><r>" + strings.Repeat("<d>", 1<<16),
		"another version":   `<?xml version="1.1"?><l/>`,
	} {
		t.Run(name, func(t *testing.T) {
			result := mustFail(t, jobFor(t, s, object{"a.xml", content}), fault.Damaged, "a.xml")
			if _, err := os.Stat(result.Data); err == nil {
				t.Error("something is staged")
			}
		})
	}
	huge := "<l><r><n>" + strings.Repeat("x", maxRecord+1<<20) + "</n></r></l>"
	mustFail(t, jobFor(t, s, object{"a.xml", huge}), fault.Invalid, "a.xml has a record of more than 64 MB")
	huge = "<l><r>" + strings.Repeat("<n/>", xmlElements+1) + "</r></l>"
	mustFail(t, jobFor(t, s, object{"a.xml", huge}), fault.Damaged, "a.xml has a record of more than 262144 elements")
}

func TestItemsOfDynamoDBAreExact(t *testing.T) {
	const digits = "12345678901234567890123456789012345.678"
	s := contract("dynamodb", "id text!", "n decimal(38,3)", "big bigint", "b text", "ok boolean", "gone text", "l json", "tags text[]", "nums<m.nums bigint[]", "city<m.a.city text")
	item := `{"id":{"S":"%s"},"n":{"N":"` + digits + `"},"big":{"N":"9007199254740993"},"b":{"B":"aGk="},"ok":{"BOOL":true},"gone":{"NULL":true},` +
		`"l":{"L":[{"N":"1.10"},{"S":"\u0041"},{"L":[]},{"M":{}}]},"tags":{"SS":["x","y"]},"m":{"M":{"nums":{"NS":["1","9007199254740993"]},"a":{"M":{"city":{"S":"서울"}}}}}}`
	const rest = `|` + digits + `|9007199254740993|aGk=|true|∅|["1.10","A",[],{}]|[x, y]|[1, 9007199254740993]|서울`
	for name, content := range map[string]string{
		"items":         fmt.Sprintf(item+"\n"+item, "a", "b"),
		"full export":   fmt.Sprintf(`{"Item":`+item+`}`+"\n"+`{"Item":`+item+"}", "a", "b"),
		"pages":         fmt.Sprintf(`{"Items":[`+item+`],"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"id":{"S":"a"}}}{"Items":[`+item+`],"Count":1,"$metadata":{}}`, "a", "b"),
		"an array":      fmt.Sprintf("["+item+","+item+"]", "a", "b"),
		"single answer": fmt.Sprintf(`{"Item":`+item+`,"ConsumedCapacity":{"CapacityUnits":1}}`+item, "a", "b"),
	} {
		t.Run(name, func(t *testing.T) {
			same(t, read(t, mustRun(t, jobFor(t, s, object{"a.json.gz", zip(t, content)})).Data), []string{"a" + rest, "b" + rest})
		})
	}
	plain := `{"id":"p","n":` + digits + `,"big":9007199254740993,"ok":false,"tags":["x"],"m":{"a":{"city":"x"}}}`
	same(t, read(t, mustRun(t, jobFor(t, s, object{"a", `{"Items":[` + plain + `],"Count":1}`}, object{"b", plain})).Data),
		[]string{"p|" + digits + "|9007199254740993|∅|false|∅|∅|[x]|∅|x", "p|" + digits + "|9007199254740993|∅|false|∅|∅|[x]|∅|x"})
}

func TestChangesOfDynamoDBSayWhatWasDeletedAndWhen(t *testing.T) {
	s := contract("dynamodb", "id text!", "v integer", "gone<_deleted boolean", "at<_written timestamptz")
	const meta = `"Metadata":{"WriteTimestampMicros":{"N":"1680109764000123"}},"Keys":{"id":{"S":"a"}}`
	content := `{` + meta + `,"NewImage":{"id":{"S":"a"},"v":{"N":"2"}},"OldImage":{"id":{"S":"a"},"v":{"N":"1"}}}` + "\n{" + meta + `,"OldImage":{"id":{"S":"a"},"v":{"N":"1"}}}` + "\n{" + meta + "}"
	const at = "|2023-03-29 17:09:24.000123+00"
	result := mustRun(t, jobFor(t, s, object{"a", content}))
	same(t, read(t, result.Data), []string{"a|2|false" + at, "a|1|true" + at, "a|∅|true" + at})
	s.Columns = s.Columns[:2]
	same(t, mustRun(t, jobFor(t, s, object{"a", content})).NewColumns, []string(nil))
}

func TestItemsThatAreNoneAreRejectedWithTheirLine(t *testing.T) {
	s := contract("dynamodb", "id text!", "v integer")
	s.MaxRejects = 9
	content := "{\"Items\":[\n{\"id\":{\"S\":\"a\"}},\n\n{\"id\":{\"S\":\"b\"},\"v\":{\"N\":\"1.5\"}}, 7,\n{\"id\":{\"S\":\"c\"},\"v\":{\"S\":1}}\n],\"Count\":4}\n{\"Item\":{\"id\":{\"S\":\"d\n{\"Item\":{\"id\":{\"S\":\"e\"}}}\n[]"
	result := mustRun(t, jobFor(t, s, object{"a", content}))
	same(t, read(t, result.Data), []string{"a|∅", "e|∅"})
	same(t, rejects(t, result), []string{"a|4|the item is not an object", "a|4|v is declared integer and came as double 1.5", `a|5|v is declared integer and came as object {"S":1}`,
		"a|7|the record is not valid JSON: byte 0x0a at line 7, column 22", "a|9|the record is not a JSON object"})
}

// endless repeats a text a number of times.
type endless struct {
	text  string
	times int
	rest  string
}

func (e *endless) Read(b []byte) (int, error) {
	if e.rest == "" {
		if e.times == 0 {
			return 0, io.EOF
		}
		e.rest = e.text
		e.times--
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// measured takes records and the greatest heap in use that was seen.
type measured struct {
	records int
	heap    uint64
}

func (m *measured) json(context.Context, int, int64, int, []byte) error {
	if m.records++; m.records%20_000 == 0 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		m.heap = max(m.heap, stats.HeapAlloc)
	}
	return nil
}

func (m *measured) reject(context.Context, int, int64, string, string) error {
	return errors.New("a reject")
}

func TestLargeObjectsAreReadARecordAtATime(t *testing.T) {
	const records = 100_000
	filler := strings.Repeat("x", 100)
	for _, c := range []struct{ format, path, before, record, after string }{
		{"json", "body.items", `{"skipped":["` + filler + `"],"body":{"items":[{"a":0}`, `,{"a":1,"b":"` + filler + `"}` + "\n", "]}}"},
		{"json", "", `[{"a":0}`, `,{"a":1,"b":"` + filler + `"}`, "]"},
		{"json", "", `{"a":0}`, `{"a":1,"b":"` + filler + `"}`, ""},
		{"dynamodb", "", `{"Item":{"a":{"N":"1"}}}`, `{"Item":{"a":{"N":"1"},"b":{"S":"` + filler + `"}}}`, ""},
		{"xml", "r", "<l><r/>", "<r><a>1</a><b>" + filler + "</b></r>", "</l>"},
	} {
		s := contract(c.format, "a integer")
		s.Records = c.path
		r := &run{job: Job{Source: s}, columns: columnsOf(s)}
		m := &measured{}
		in := io.MultiReader(strings.NewReader(c.before), &endless{text: c.record, times: records}, strings.NewReader(c.after))
		if err := r.textRecords(t.Context(), m, 0, Object{Name: "x"}, in); err != nil {
			t.Fatal(err)
		}
		if m.records != records+1 || m.heap > 4<<20 {
			t.Errorf("%s %s: %d records, %d MB", c.format, c.path, m.records, m.heap>>20)
		}
		t.Logf("%s %s: %d MB of heap", c.format, c.path, m.heap>>20)
	}
}

func TestAFormatTakesItsObjectsFromDisk(t *testing.T) {
	job := jobFor(t, contract("ndjson", "id integer"))
	job.Objects = []Object{{Name: "x", Path: filepath.Join(job.Dir, "absent")}}
	if _, err := Run(t.Context(), job); err == nil || !strings.Contains(err.Error(), "stage x") {
		t.Errorf("got %v", err)
	}
}
