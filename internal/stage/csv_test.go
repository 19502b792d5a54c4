package stage

import (
	"strings"
	"testing"

	"daybook/internal/fault"
)

func TestCSVFieldsBecomeColumns(t *testing.T) {
	s := contract("csv", "no<Invoice No text", "qty integer", "at timestamptz", "note text")
	content := "\ufeffInvoice No,note,qty,at\r\n" +
		"A1,\"say \"\"hi\"\",\r\nthere\",3,2026-11-19 10:00\r\n" +
		"\r\n" +
		"A2,,,\r\n" +
		"A3,\"\",\"\",\"\"\r\n"
	result := mustRun(t, jobFor(t, s, object{"a.csv", content}))
	same(t, query(t, "SELECT * REPLACE (replace(note, chr(13) || chr(10), '⏎') AS note) FROM read_parquet('"+result.Data+"')"), []string{
		`A1|3|2026-11-19 10:00:00+00|say "hi",⏎there`,
		"A2|∅|∅|∅",
		"A3|∅|∅|",
	})
}

func TestCSVRecordsThatDoNotFitAreRejected(t *testing.T) {
	s := contract("csv", "a integer", "b text")
	s.MaxRejects = 20
	content := "a,b\n1,x\n2\n3,x,y\nx,x\n4,\"never closed\n5,y\n6,\"z\"z\n7,q\"q\n8,\xff\n9,z\n"
	result := mustRun(t, jobFor(t, s, object{"a.csv", content}))
	same(t, read(t, result.Data), []string{"1|x", "5|y", "9|z"})
	same(t, query(t, "SELECT line, reason, text FROM read_parquet('"+result.Rejects+"')"), []string{
		"3|the record has 1 fields, not 2|2",
		"4|the record has 3 fields, not 2|3,x,y",
		`5|a is declared integer and came as text "x"|x,x`,
		`6|something follows a closing quote|4,"never closed`,
		`8|something follows a closing quote|6,"z"z`,
		`9|a quote stands in a field that does not begin with one|7,q"q`,
		"10|the record is not valid UTF-8 at line 10, column 3|8,\ufffd",
	})
}

func TestCSVWithoutHeaderGoesByPosition(t *testing.T) {
	s := contract("csv", "a integer", "b text")
	s.Header = false
	same(t, read(t, mustRun(t, jobFor(t, s, object{"a.csv", "1,x\n2,y"})).Data), []string{"1|x", "2|y"})
}

func TestCSVLinesMayEndInCR(t *testing.T) {
	same(t, read(t, mustRun(t, jobFor(t, contract("csv", "a integer", "b text"), object{"a.csv", "a,b\r1,x\r2,\"y\r\"\r"})).Data), []string{"1|x", "2|y\r"})
}

func TestAHeaderWithoutADeclaredColumnIsRefused(t *testing.T) {
	s := contract("csv", "a integer", "b<bee text")
	mustFail(t, jobFor(t, s, object{"a.csv", "a,b\n1,x"}), fault.Invalid, "a.csv has no column bee", "its header is a, b")
	mustFail(t, jobFor(t, s, object{"a.csv", "a,bee,bee\n1,x,y"}), fault.Invalid, "two columns named bee")
	mustFail(t, jobFor(t, s, object{"a.csv", "a,\xff\n1,x"}), fault.Invalid, "header of a.csv")
}

func TestAQuoteThatNeverClosesCostsItsLineOnly(t *testing.T) {
	s := contract("csv", "a integer", "b text")
	s.MaxRejects = 1
	content := "a,b\n1,\"open\n" + strings.Repeat("2,more text on a line\n", 60000)
	result := mustRun(t, jobFor(t, s, object{"a.csv", content}))
	same(t, []int64{result.Staged, result.Rejected}, []int64{60000, 1})
}
