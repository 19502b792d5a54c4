package export

import (
	"bytes"
	"compress/zlib"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"daybook/internal/text"
)

var keep = flag.String("keep", "", "directory to write the files of the tests into, for looking at them")

// fonts are the ones that the pages use; they come with the bundle.
func fonts(t testing.TB) Fonts {
	t.Helper()
	const dir = "../../static/node_modules/pretendard/dist/public/static/alternative/"
	var f Fonts
	for name, file := range map[string]*[]byte{"Pretendard-Regular.ttf": &f.Regular, "Pretendard-SemiBold.ttf": &f.SemiBold} {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal(err)
		}
		if err != nil {
			t.Skipf("the font is missing, run npm ci in static: %v", err)
		}
		*file = body
	}
	return f
}

// picture is a chart-like PNG with a palette.
func picture(t testing.TB, width, height int, seed uint8) []byte {
	t.Helper()
	p := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.NRGBA{84, 112, 198, 255}, color.NRGBA{145, 204, 117, 255}, color.NRGBA{230, 230, 230, 255}})
	for x := range width {
		for y := range height {
			switch top := height - (x*int(seed)*7919/width)%height; {
			case y > top:
				p.SetColorIndex(x, y, 1+seed%2)
			case y%50 == 0:
				p.SetColorIndex(x, y, 3)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func doc(t testing.TB) Doc {
	t.Helper()
	d := Doc{
		Title: "일일 이용 현황", Subtitle: "11월 19일 목요일 · 1판", Banner: "부분 보고서: ‘서가’ 자료가 11월 20일 03:00부터 없습니다. 그 자료에 기대는 그림은 빠졌습니다.",
		KPIs: []KPI{
			{"요청", "100,096", []string{"▲ 3.2% 전날보다", "▼ 1.1% 지난주보다"}}, {"실패율", "0.31%", []string{"▲ 0.02%p"}}, {"이용 도서관", "29", nil}, {"요청당 책", "2.05", []string{"— 변화 없음"}},
		},
		Link: "https://daybook.example.com/reports/daily/2026-11-19/1?x=1&y=(2)", Edition: "1판", Hash: strings.Repeat("0123456789abcdef", 4), Author: "Daybook",
		Locale: text.Korean, Created: created, Fonts: fonts(t), More: func(rest int) string { return fmt.Sprintf("… 그리고 %d개 더", rest) },
	}
	table := Table{Count: 100, Heads: []Head{{"순위", true}, {"책", false}, {"지은이", false}, {"요청", true}, {"비율", true}}}
	for n := range 40 {
		table.Rows = append(table.Rows, []string{fmt.Sprint(n + 1), "불편한 편의점과 뷁쀍 겉표지가 아주 긴 책 이름 — 한 줄에 다 들어가지 않는 것", "김호연", "1,234", "1.2%"})
	}
	chart := func(seed uint8) *Chart {
		return &Chart{PNG: picture(t, 1280, 560, seed), Alt: fmt.Sprintf("시간별 요청: 가장 많은 때는 %d시", seed)}
	}
	d.Sections = []Section{
		{Title: "시간별 요청", Subtitle: "하루 24시간", Chart: chart(3)},
		{Title: "많이 찾은 책", Chart: chart(5), Table: &table},
		{Title: "읽는 법", Text: "요청은 사람이 찾기를 누른 횟수입니다.\n실패는 답이 없던 요청입니다. See (parentheses) and \\backslashes\\."},
		{Title: "도서관별", Chart: chart(2)},
	}
	return d
}

func printed(t testing.TB, d Doc) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := PDF(&out, d); err != nil {
		t.Fatal(err)
	}
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, strings.ReplaceAll(t.Name(), "/", "_")+".pdf"), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

var (
	streams = regexp.MustCompile(`(?s)<<([^<>]*)/Length (\d+)>>\nstream\n`)
	shows   = regexp.MustCompile(`(?s) Td \((.*?[^\\](?:\\\\)*|)\)Tj ET`)
)

// pagesOf inflates the content of each page and returns what it writes, a line for each piece of text.
func pagesOf(t testing.TB, body []byte) (pages []string) {
	t.Helper()
	for _, m := range streams.FindAllSubmatchIndex(body, -1) {
		var size int
		fmt.Sscan(string(body[m[4]:m[5]]), &size)
		if !bytes.Contains(body[m[2]:m[3]], []byte("/FlateDecode")) || bytes.Contains(body[m[2]:m[3]], []byte("/Subtype")) {
			continue
		}
		r, err := zlib.NewReader(bytes.NewReader(body[m[1] : m[1]+size]))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, s := range shows.FindAllSubmatch(content, -1) {
			lines = append(lines, spoken(s[1]))
		}
		if len(lines) > 0 {
			pages = append(pages, strings.Join(lines, "\n"))
		}
	}
	return pages
}

// spoken reads a string of a PDF: escaped UTF-16BE.
func spoken(s []byte) string {
	var plain []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == 'r' {
				plain = append(plain, '\r')
				continue
			}
		}
		plain = append(plain, s[i])
	}
	units := make([]uint16, len(plain)/2)
	for i := range units {
		units[i] = uint16(plain[2*i])<<8 | uint16(plain[2*i+1])
	}
	return string(utf16.Decode(units))
}

func TestPagesSayWhatTheEditionSays(t *testing.T) {
	d := doc(t)
	body := printed(t, d)
	pages := pagesOf(t, body)
	all := strings.Join(pages, "\n")
	for _, want := range []string{
		d.Title, d.Subtitle, "부분 보고서:", "요청", "100,096", "▲ 3.2% 전날보다", "시간별 요청", "가장 많은 때는 3시", "불편한 편의점과 뷁쀍", "1,234", "… 그리고 88개 더", "See (parentheses) and \\backslashes\\.",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(all, "\n13\n") || !strings.Contains(all, "\n12\n") {
		t.Error("the table is not cut after 12 rows")
	}
	if len(pages) < 2 || bytes.Count(body, []byte("/Type /Page\n")) != len(pages) {
		t.Fatalf("%d pages", len(pages))
	}
	for n, page := range pages {
		if !strings.Contains(page, fmt.Sprintf("%d/%d", n+1, len(pages))) || !strings.Contains(page, d.Link) || !strings.Contains(page, "1판 · "+d.Hash) {
			t.Errorf("page %d has no footer", n+1)
		}
	}
	if n := bytes.Count(body, []byte("/URI (https://daybook.example.com/reports/daily/2026-11-19/1?x=1&y=\\(2\\))")); n != len(pages) {
		t.Errorf("%d links on %d pages", n, len(pages))
	}
	for _, want := range []string{"/CreationDate (D:20261119211200)", "/Lang (ko)", "/Count " + fmt.Sprint(len(pages)), "/Outlines"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
	if bytes.Contains(body, []byte("/JavaScript")) || bytes.Contains(body, []byte("/Launch")) {
		t.Error("the document does things")
	}
}

func TestEqualDocumentsGiveEqualBytes(t *testing.T) {
	d := doc(t)
	first := printed(t, d)
	for range 6 {
		if !bytes.Equal(first, printed(t, d)) {
			t.Fatal("the bytes differ")
		}
	}
}

func TestTextOutsideTheFontIsABox(t *testing.T) {
	d := Doc{Author: "👩 x", Title: "👩‍👩‍👧 漢字 \U0010ffff x", Fonts: fonts(t), Created: created, Sections: []Section{{Title: "\u1112\u1161\u11ab\u1100\u1173\u11af", Text: "a\x00b\u200dc\u202ed\ufe0f"}}}
	body := printed(t, d)
	if !bytes.Contains(body, []byte("/Author (\xfe\xff\x00x)")) {
		t.Error("the author is misspelled")
	}
	all := strings.Join(pagesOf(t, body), "\n")
	if !strings.Contains(all, "□") || !strings.Contains(all, "한글") || !strings.Contains(all, "abcd") {
		t.Errorf("%q", all)
	}
	for _, r := range all {
		if r > 0xffff {
			t.Errorf("%q cannot be drawn", r)
		}
	}
}

func TestHostileDocumentIsPrinted(t *testing.T) {
	f := fonts(t)
	for i, h := range append(hostile(), "{nb}", "(((", ")\\", strings.Repeat("w", 5000), strings.Repeat("낱말 ", 5000), "javascript:alert(1)", "https://x.example.com/)/한글 \\(", "") {
		h = capped(h, 6000)
		d := Doc{
			Title: h, Subtitle: h, Banner: h, Link: h, Edition: h, Hash: h, Author: h, Locale: text.Locale(h), Fonts: f, More: func(int) string { return h },
			KPIs: []KPI{{h, h, []string{h, h, h, h, h, h}}, {}, {h, "1", nil}}, MaxRows: 3,
			Sections: []Section{
				{Title: h, Subtitle: h, Text: h, Chart: &Chart{PNG: picture(t, 40, 30, 3), Alt: h, Caption: h}},
				{Table: &Table{Heads: []Head{{h, false}, {h, true}}, Rows: [][]string{{h, h}, {"", ""}, {h, h}, {h, h}}}}, {}, {Chart: &Chart{}, Table: &Table{}},
			},
		}
		body := printed(t, d)
		if pages := pagesOf(t, body); len(pages) == 0 || len(pages) > 60 {
			t.Errorf("%d: %d pages", i, len(pages))
		}
		if bytes.Contains(body, []byte("/URI (javascript")) {
			t.Error("a script can be clicked")
		}
	}
}

func TestWideTablesAndManyFiguresFit(t *testing.T) {
	table := &Table{Heads: []Head{{"도서관", false}}}
	row := []string{"국립중앙도서관"}
	for hour := range 24 {
		table.Heads = append(table.Heads, Head{fmt.Sprintf("%d시", hour), true})
		row = append(row, "12,345")
	}
	for range 30 {
		table.Rows = append(table.Rows, row)
	}
	huge := &Table{Heads: slices.Repeat([]Head{{"x", true}}, 120), Rows: [][]string{slices.Repeat([]string{"1,234"}, 120)}}
	d := Doc{Title: "wide", Fonts: fonts(t), Created: created, MaxRows: 100, KPIs: slices.Repeat([]KPI{{"figure", "123,456,789,012,345.67", []string{"▲ 1"}}}, 11)}
	d.Sections = []Section{{Title: "hours", Table: table}, {Title: "rather too wide", Table: huge}, {Title: "tall", Chart: &Chart{PNG: picture(t, 50, 4000, 3)}}}
	all := strings.Join(pagesOf(t, printed(t, d)), "\n")
	if n := strings.Count(all, "\n23시\n"); n == 0 {
		t.Error("the last column is missing")
	}
	if n := strings.Count(all, "\n12,345"); n != 30*24 {
		t.Errorf("%d of %d numbers are whole", n, 30*24)
	}
}

func TestUnusableFontsAndChartsAreErrors(t *testing.T) {
	good := fonts(t)
	for name, d := range map[string]Doc{
		"no fonts": {}, "no bold": {Fonts: Fonts{Regular: good.Regular}}, "not a font": {Fonts: Fonts{Regular: []byte("wOF2....."), SemiBold: good.SemiBold}},
		"half a font":   {Fonts: Fonts{Regular: good.Regular[:len(good.Regular)/2], SemiBold: good.SemiBold}},
		"not a picture": {Fonts: good, Sections: []Section{{Title: "x", Chart: &Chart{PNG: []byte("<svg/>")}}}},
		"half a picture": {Fonts: good, Sections: []Section{
			{Chart: &Chart{PNG: picture(t, 200, 100, 3)}}, {Title: "x", Chart: &Chart{PNG: picture(t, 200, 100, 3)[:60]}},
		}},
		"short row": {Fonts: good, Sections: []Section{{Title: "x", Table: &Table{Heads: []Head{{"a", false}}, Rows: [][]string{{}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := PDF(io.Discard, d); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestEveryKindOfPictureIsPrinted(t *testing.T) {
	at := func(m interface{ Set(x, y int, c color.Color) }) image.Image {
		for x := range 60 {
			m.Set(x, x%40, color.NRGBA{255, 0, 0, uint8(4 * x)})
		}
		return m.(image.Image)
	}
	r := image.Rect(0, 0, 60, 40)
	d := Doc{Fonts: fonts(t), Created: created}
	for _, m := range []image.Image{at(image.NewNRGBA(r)), at(image.NewRGBA(r)), at(image.NewGray(r)), at(image.NewNRGBA64(r)), at(image.NewGray16(r))} {
		for range 2 {
			var out bytes.Buffer
			if err := png.Encode(&out, m); err != nil {
				t.Fatal(err)
			}
			d.Sections = append(d.Sections, Section{Chart: &Chart{PNG: out.Bytes(), Caption: fmt.Sprintf("%T", m)}})
		}
	}
	printed(t, d)
}

func TestThousandRowsArePrinted(t *testing.T) {
	d := doc(t)
	d.MaxRows = 1000
	for i := range d.Sections {
		if d.Sections[i].Table != nil {
			d.Sections[i].Table.Rows = slices.Repeat(d.Sections[i].Table.Rows, 25)
			d.Sections[i].Table.Count = 1000
		}
	}
	pages := pagesOf(t, printed(t, d))
	if len(pages) < 20 {
		t.Errorf("%d pages", len(pages))
	}
	for n, page := range pages[2 : len(pages)-1] {
		if !strings.Contains(page, "지은이\n") {
			t.Errorf("page %d does not repeat the head", n+3)
		}
	}
}

func TestDocumentWithoutATimeAsksNoClock(t *testing.T) {
	body := printed(t, Doc{Title: "x", Fonts: fonts(t), Created: time.Time{}})
	if !bytes.Contains(body, []byte("/CreationDate (D:19700101000000)")) {
		t.Error("a clock was asked")
	}
}

func BenchmarkPDF(b *testing.B) {
	d := doc(b)
	for b.Loop() {
		if err := PDF(io.Discard, d); err != nil {
			b.Fatal(err)
		}
	}
}
