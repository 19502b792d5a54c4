package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/project"
	"daybook/internal/text"
)

func TestFailedOfAllIsAPercentage(t *testing.T) {
	failed := 25063.0 / 100096.0
	for _, c := range []struct {
		digits int
		want   string
	}{{2, "25.04%"}, {1, "25.0%"}, {0, "25%"}} {
		for _, l := range text.Locales() {
			if got := Number(&failed, FormatPercent, c.digits, "", l); got != c.want {
				t.Errorf("%s with %d digits: %s, want %s", l, c.digits, got, c.want)
			}
		}
	}
	if got := Bare(&failed, FormatPercent, 1, text.Korean); got != "25.0" {
		t.Errorf("bare: %s", got)
	}
}

func TestUnitsAttachInKoreanAndStandApartInEnglish(t *testing.T) {
	n, books, less := 100096.0, 6.46, -3.0
	for got, want := range map[string]string{
		Number(&n, FormatNumber, 0, "건", text.Korean):         "100,096건",
		Number(&n, FormatNumber, 0, "requests", text.English): "100,096 requests",
		Number(&books, FormatDecimal, 2, "권", text.Korean):    "6.46권",
		Number(&less, FormatNumber, 0, "", text.English):      "−3",
		Number(nil, FormatNumber, 0, "건", text.Korean):        "—",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChangesInWords(t *testing.T) {
	at := func(v float64) *float64 { return &v }
	day, week := Comparison{With: WithDay, Day: monday.Add(-1)}, Comparison{With: WithWeek, Day: monday.Add(-7)}
	with := func(c Comparison, change, relative *float64) Comparison {
		c.Change, c.Relative = change, relative
		return c
	}
	absent := day
	absent.Absent = true
	for _, c := range []struct {
		format string
		given  Comparison
		want   Change
	}{
		{FormatNumber, with(day, at(500), at(0.2241)), Change{Up, "22.4%", "전날보다", false}},
		{FormatNumber, with(week, at(-500), at(-0.05)), Change{Down, "5.0%", "지난주 월요일보다", false}},
		{FormatPercent, with(day, at(0.0212), at(0.1)), Change{Up, "2.1%p", "전날보다", false}},
		{FormatDecimal, with(day, at(-0.03), at(-0.01)), Change{Down, "0.03", "전날보다", false}},
		{FormatNumber, with(day, at(0), at(0)), Change{Same, "0.0%", "전날보다", false}},
		{FormatNumber, with(day, at(7), nil), Change{Up, "7", "전날보다", false}},
		{FormatNumber, absent, Change{"", "5월 21일 자료 없음", "전날보다", true}},
	} {
		s := Section{Format: c.format, Digits: 0, Compare: []Comparison{c.given}}
		if c.format == FormatDecimal {
			s.Digits = 2
		}
		if diff := cmp.Diff(c.want, Changes(s, text.Korean)[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.format, diff)
		}
	}
}

func TestWordsOfTheLibrary(t *testing.T) {
	f := built(t, library(), libraryMarts())
	for _, l := range text.Locales() {
		var out strings.Builder
		fmt.Fprintln(&out, "headline:", Headline(f, l))
		for _, s := range f.Sections {
			fmt.Fprintf(&out, "\n%s: %s\n", s.Name, Alt(s, l))
			if u := Usual(s, f.Day, l); u != "" {
				fmt.Fprintln(&out, u)
			}
			sheet := TableView(s, l)
			var heads []string
			for _, h := range sheet.Columns {
				heads = append(heads, h.Text)
			}
			fmt.Fprintln(&out, strings.Join(heads, " | "))
			for _, row := range sheet.Rows {
				fmt.Fprintln(&out, strings.Join(row, " | "))
			}
		}
		if strings.Contains(out.String(), "report.") || strings.Contains(out.String(), "%!") {
			t.Errorf("%s has words that are missing or do not fit", l)
		}
		golden(t, "words-"+string(l)+".txt", []byte(out.String()))
	}
}

func TestTheAltTextNamesThePeakWithItsParticle(t *testing.T) {
	m := marts{"hourly_usage": {
		{"day": monday, "hour": int64(13), "requests": int64(8308)}, {"day": monday, "hour": int64(9), "requests": int64(91788)},
	}}
	m["hourly_usage"][1]["requests"] = int64(5000)
	for unit, want := range map[string]string{
		"건": "시간대별 요청 건수: 13시 8,308건이 가장 많습니다, 합계 13,308건",
		"회": "시간대별 요청 건수: 13시 8,308회가 가장 많습니다, 합계 13,308회",
	} {
		r := project.Report{Name: "r", Sections: []project.Section{library().Sections[3]}}
		r.Sections[0].Unit = both(unit, "requests")
		if got := Alt(built(t, r, m).Sections[0], text.Korean); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestEverySentenceIsThereForAnEmptyDay(t *testing.T) {
	f := built(t, library(), marts{})
	for _, l := range text.Locales() {
		for _, s := range f.Sections {
			if got := Alt(s, l); got == "" || strings.Contains(got, "report.") {
				t.Errorf("%s: %q", s.Name, got)
			}
			TableView(s, l)
		}
		Headline(f, l)
	}
}

func TestDownloadsAreRawAndGuarded(t *testing.T) {
	m := marts{"libraries": {
		{"day": monday, "library": "=1+1", "requests": int64(-5), "failure_rate": 0.25},
		{"day": monday, "library": "-12", "requests": int64(1234567), "failure_rate": nil},
		{"day": monday, "library": "@SUM", "requests": int64(3), "failure_rate": 1.0},
	}}
	var out bytes.Buffer
	if err := CSV(&out, section(t, built(t, library(), m), "libraries")); err != nil {
		t.Fatal(err)
	}
	body, marked := strings.CutPrefix(out.String(), "\ufeff")
	if !marked {
		t.Error("there is no byte order mark")
	}
	got, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"library", "requests", "failure_rate", "opened"},
		{"-12", "1234567", "", ""}, {"'@SUM", "3", "1", ""}, {"'=1+1", "-5", "0.25", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestRawRowsHaveACellForEachColumn(t *testing.T) {
	for _, s := range built(t, library(), libraryMarts()).Sections {
		columns, rows := Raw(s)
		if s.Kind != KindText && len(rows) == 0 {
			t.Errorf("%s has no rows", s.Name)
		}
		for _, row := range rows {
			if len(row) != len(columns) {
				t.Fatalf("%s: %d cells under %d columns", s.Name, len(row), len(columns))
			}
		}
	}
}
