package export

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"daybook/internal/calendar"
)

var (
	seoul   = time.FixedZone("KST", 9*3600)
	created = time.Date(2026, 11, 20, 6, 12, 0, 0, seoul)
)

func book() Book {
	day := calendar.MustDay("2026-11-19")
	return Book{
		Title: "일일 이용 현황", Subtitle: "11월 19일 목요일", Author: "Daybook", Link: "https://daybook.example.com/reports/daily/2026-11-19/1", Created: created, Zone: seoul,
		Sheets: []Sheet{
			{
				Name: "도서관별", Title: "도서관별 요청", Note: "29 libraries",
				Columns: []Column{
					{Name: "library", Label: "도서관", Format: Text}, {Name: "requests", Format: Number}, {Name: "share", Format: Percent, Digits: 1},
					{Name: "mean", Format: Decimal, Digits: 2}, {Name: "day", Format: Date}, {Name: "at", Format: Date}, {Name: "open"}, {Name: "year", Format: Text},
				},
				Rows: [][]any{
					{"국립중앙도서관", int64(100096), 0.2504, 2.056, day, time.Date(2026, 11, 19, 15, 0, 1, 0, time.UTC), true, int64(2026)},
					{"", int64(-3), -0.5, 1234.5, calendar.MustDay("1900-03-01"), created, false, nil},
					{nil, nil, nil, nil, nil, nil, nil, nil},
					{"x", math.NaN(), math.Inf(1), int64(2), calendar.MustDay("1899-12-31"), time.Time{}, "=1+1", int64(9_780_000_000_000_000)},
				},
			},
			{Name: "도서관별", Columns: []Column{{Name: "n", Format: Number}}},
		},
	}
}

func written(t testing.TB, b Book) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := XLSX(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func opened(t testing.TB, body []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// kept is a cell as it is in the file: its kind, its value there, and what it shows.
type kept struct {
	Kind         excelize.CellType
	Value, Shown string
}

func cellsOf(t testing.TB, f *excelize.File, sheet string, row, columns int) (list []kept) {
	t.Helper()
	for c := range columns {
		name, err := excelize.CoordinatesToCellName(c+1, row)
		if err != nil {
			t.Fatal(err)
		}
		kind, err1 := f.GetCellType(sheet, name)
		value, err2 := f.GetCellValue(sheet, name, excelize.Options{RawCellValue: true})
		shown, err3 := f.GetCellValue(sheet, name)
		formula, err4 := f.GetCellFormula(sheet, name)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		if formula != "" {
			t.Errorf("%s is the formula %s", name, formula)
		}
		list = append(list, kept{kind, value, shown})
	}
	return list
}

func TestValuesAreCellsOfTheirKind(t *testing.T) {
	f := opened(t, written(t, book()))
	const number, word, truth = excelize.CellTypeUnset, excelize.CellTypeInlineString, excelize.CellTypeBool
	absent := kept{}
	for row, want := range map[int][]kept{
		1: {{word, "도서관별 요청", "도서관별 요청"}},
		2: {{word, "29 libraries", "29 libraries"}},
		3: {{word, "도서관", "도서관"}, {word, "requests", "requests"}, {word, "share", "share"}},
		4: {
			{word, "국립중앙도서관", "국립중앙도서관"}, {number, "100096", "100,096"}, {number, "0.2504", "25.0%"}, {number, "2.056", "2.06"},
			{number, "46345", "2026-11-19"}, {number, "46346.00001157408", "2026-11-20 00:00:01"}, {truth, "1", "TRUE"}, {number, "2026", "2026"},
		},
		5: {
			{word, "", ""}, {number, "-3", "-3"}, {number, "-0.5", "-50.0%"}, {number, "1234.5", "1,234.50"},
			{number, "61", "1900-03-01"}, {number, "46346.25833333333", "2026-11-20 06:12:00"}, {truth, "0", "FALSE"}, absent,
		},
		6: {absent, absent, absent, absent, absent, absent, absent, absent},
		7: {
			{word, "x", "x"}, absent, absent, {number, "2", "2.00"},
			{word, "1899-12-31", "1899-12-31"}, absent, {word, "=1+1", "=1+1"}, {word, "9780000000000000", "9780000000000000"},
		},
	} {
		if diff := cmp.Diff(want, cellsOf(t, f, "도서관별", row, len(want))); diff != "" {
			t.Errorf("row %d: %s", row, diff)
		}
	}
}

func TestHeadIsBoldFrozenAndFiltered(t *testing.T) {
	f := opened(t, written(t, book()))
	for sheet, head := range map[string]int{"도서관별": 3, "도서관별 (2)": 1} {
		panes, err := f.GetPanes(sheet)
		if err != nil || !panes.Freeze || panes.YSplit != head || panes.TopLeftCell != fmt.Sprintf("A%d", head+1) {
			t.Errorf("%s: %+v, %v", sheet, panes, err)
		}
		id, err := f.GetCellStyle(sheet, fmt.Sprintf("A%d", head))
		if err != nil {
			t.Fatal(err)
		}
		if style, err := f.GetStyle(id); err != nil || style.Font == nil || !style.Font.Bold {
			t.Errorf("%s: %+v, %v", sheet, style, err)
		}
	}
	var filters []string
	for _, n := range f.GetDefinedName() {
		filters = append(filters, n.Name+" "+n.RefersTo)
	}
	slices.Sort(filters)
	want := []string{
		"_xlnm.Print_Titles '도서관별 (2)'!$1:$1", "_xlnm.Print_Titles '도서관별'!$3:$3",
		"_xlnm._FilterDatabase '도서관별 (2)'!$A$1:$A$1", "_xlnm._FilterDatabase '도서관별'!$A$3:$H$7",
	}
	if diff := cmp.Diff(want, filters); diff != "" {
		t.Error(diff)
	}
	if sheet := string(parts(t, written(t, book()))["xl/worksheets/sheet1.xml"]); !strings.Contains(sheet, `<autoFilter ref="$A$3:$H$7">`) {
		t.Error("no filter in the sheet")
	}
}

func TestPropertiesTellTheEdition(t *testing.T) {
	got, err := opened(t, written(t, book())).GetDocProps()
	if err != nil {
		t.Fatal(err)
	}
	want := &excelize.DocProperties{
		Title: "일일 이용 현황", Subject: "11월 19일 목요일", Creator: "Daybook", LastModifiedBy: "Daybook",
		Description: "https://daybook.example.com/reports/daily/2026-11-19/1", Created: "2026-11-19T21:12:00Z", Modified: "2026-11-19T21:12:00Z",
	}
	got.Language, got.Revision = "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEqualBooksGiveEqualBytes(t *testing.T) {
	b := book()
	for range 8 {
		b.Sheets = append(b.Sheets, b.Sheets[0])
	}
	first := written(t, b)
	for range 12 {
		if !bytes.Equal(first, written(t, b)) {
			t.Fatal("the bytes differ")
		}
	}
}

// parts are the files of a workbook. Each must be XML.
func parts(t testing.TB, body []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for i, f := range archive.File {
		if i == 0 && f.Name != "[Content_Types].xml" {
			t.Errorf("the archive begins with %s", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(content)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		files[f.Name] = content
	}
	return files
}

func hostile() []string {
	return []string{
		"=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "=HYPERLINK(\"https://evil.example.com\")", "<script>&amp;]]>", "_x000D_ _x005F_",
		"a\x00b\x01\x1f\x7fc", "\xff\xfe broken", "\ufffe\uffff", "\u202eright to left", strings.Repeat("가나다라 ", 20_000), strings.Repeat("😀", 20_000), "👩‍👩‍👧 🇰🇷 \U0010ffff", " ", "\n\n",
		"line\r\nline", "'quoted", "1e5", "007", "TRUE", "2026-11-19", strings.Repeat("x", 40_000),
	}
}

func TestHostileTextStaysText(t *testing.T) {
	b := Book{Title: "=1+1\x00", Subtitle: "<&>", Author: strings.Repeat("가", 5000), Link: "javascript:x"}
	for _, h := range hostile() {
		b.Sheets = append(b.Sheets, Sheet{
			Name: h, Title: h, Note: h, Columns: []Column{{Name: h, Label: h, Format: h}, {Name: h, Format: Number, Digits: -7}, {Name: "x", Format: Percent, Digits: 1 << 30}},
			Rows: [][]any{{h, h, h}, {int64(1), 1.5, 1e300}},
		})
	}
	body := written(t, b)
	parts(t, body)
	f := opened(t, body)
	for i, name := range f.GetSheetList() {
		var row int
		for row = 1; ; row++ { // the head is where the freeze is
			panes, err := f.GetPanes(name)
			if err != nil {
				t.Fatal(err)
			}
			if panes.YSplit == row {
				break
			}
		}
		for _, c := range cellsOf(t, f, name, row+1, 3) {
			want := cellText(hostile()[i])
			if c.Kind != excelize.CellTypeInlineString || c.Value != want || len(utf16.Encode([]rune(c.Value))) > maxCell || !utf8.ValidString(c.Value) {
				t.Errorf("%.40q became %.40q (%v)", want, c.Value, c.Kind)
			}
		}
	}
}

func TestTextThatFitsIsKeptAsItIs(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "=1+1": "=1+1", "tab\there": "tab\there", "two\r\nlines": "two\nlines", "a\x00b": "ab", "한글 漢字 😀": "한글 漢字 😀", "_x000D_": "_x000D_",
		"👩‍👩‍👧": "👩‍👩‍👧", strings.Repeat("가", maxCell): strings.Repeat("가", maxCell), strings.Repeat("가", maxCell+1): strings.Repeat("가", maxCell-1) + "…",
		strings.Repeat("😀", maxCell/2+1): strings.Repeat("😀", maxCell/2) + "…", "\ufeffbom": "bom", "\xffx": "\ufffdx",
	} {
		b := Book{Sheets: []Sheet{{Name: "a", Columns: []Column{{Name: "t"}}, Rows: [][]any{{s}}}}}
		got, err := opened(t, written(t, b)).GetCellValue("a", "A2")
		if err != nil || got != want {
			t.Errorf("%.20q: %.20q, want %.20q, %v", s, got, want, err)
		}
	}
}

func TestSheetNamesAreValidAndUnique(t *testing.T) {
	var sheets []Sheet
	for _, name := range []string{
		"daily", "Daily", "daily (2)", "a/b\\c?d*e[f]g:h", "'quoted'", "", "  ", "History", strings.Repeat("가", 40), strings.Repeat("가", 40), strings.Repeat("😀", 20), "tab\tline\nend", "\x00\x01", "\xff",
	} {
		sheets = append(sheets, Sheet{Name: name})
	}
	want := []string{
		"daily", "Daily (2)", "daily (2) (2)", "a b c d e f g h", "’quoted’", "Sheet", "Sheet (2)", "History (2)", strings.Repeat("가", 30) + "…", strings.Repeat("가", 26) + "… (2)",
		strings.Repeat("😀", 15) + "…", "tab line end", "Sheet (3)", "\ufffd",
	}
	got := sheetNames(sheets)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list := opened(t, written(t, Book{Sheets: sheets})).GetSheetList(); !slices.Equal(list, got) {
		t.Error(list)
	}
}

func TestWidthsFitTheContentHangulCountingTwice(t *testing.T) {
	s := Sheet{
		Columns: []Column{{Name: "a"}, {Name: "b"}, {Name: "requests in all", Format: Number}, {Name: "long"}, {Name: "day", Format: Date}},
		Rows:    [][]any{{"국립중앙도서관", "abcdefg", int64(100096), strings.Repeat("x", 1000), calendar.MustDay("2026-11-19")}},
	}
	want := []float64{16, 9, 20, 60, 12}
	for i := range want {
		if got := columnWidth(s, i); got != want[i] {
			t.Errorf("column %d: %g, want %g", i, got, want[i])
		}
	}
}

func TestBookWithoutSheetsOrColumnsOpens(t *testing.T) {
	for _, b := range []Book{{}, {Title: "only a title"}, {Sheets: []Sheet{{Title: "note", Note: "no rows"}}}} {
		body := written(t, b)
		parts(t, body)
		opened(t, body)
	}
}

func TestRowThatDoesNotFitItsColumnsIsAnError(t *testing.T) {
	err := XLSX(io.Discard, Book{Sheets: []Sheet{{Name: "x", Columns: []Column{{Name: "a"}}, Rows: [][]any{{int64(1)}, {int64(1), int64(2)}}}}})
	if err == nil || !strings.Contains(err.Error(), "row 2 has 2 values for 1 columns") {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFailingWriterIsAnError(t *testing.T) {
	if err := XLSX(broken{}, book()); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func big() Book {
	b := book()
	s := b.Sheets[0]
	first := s.Rows[0]
	s.Rows = nil
	for range 1000 {
		s.Rows = append(s.Rows, first)
	}
	b.Sheets = nil
	for range 10 {
		b.Sheets = append(b.Sheets, s)
	}
	return b
}

func TestTenSheetsOfAThousandRowsAreWrittenWhole(t *testing.T) {
	files := parts(t, written(t, big()))
	for n := range 10 {
		name := fmt.Sprintf("xl/worksheets/sheet%d.xml", n+1)
		if rows := bytes.Count(files[name], []byte("<row ")); rows != 1003 {
			t.Errorf("%s: %d rows", name, rows)
		}
	}
}

func BenchmarkTenSheetsOfAThousandRows(b *testing.B) {
	book := big()
	for b.Loop() {
		if err := XLSX(io.Discard, book); err != nil {
			b.Fatal(err)
		}
	}
}
