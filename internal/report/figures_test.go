package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

func indented(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

func TestFiguresOfTheLibrary(t *testing.T) {
	b, err := Canonical(built(t, library(), libraryMarts()))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "figures.json", indented(t, b))
}

// Every query of the test warehouse shuffles its rows.
func TestTheOrderOfRowsDoesNotChangeFigures(t *testing.T) {
	m := libraryMarts()
	first, err := Canonical(built(t, library(), m))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Canonical(built(t, library(), m))
		if err != nil {
			t.Fatal(err)
		}
		if Hash(again) != Hash(first) {
			t.Fatalf("another order of rows gave other figures:\n%s", cmp.Diff(string(indented(t, first)), string(indented(t, again))))
		}
	}
}

func TestFiguresSurviveJSON(t *testing.T) {
	f := built(t, library(), libraryMarts())
	b, err := Canonical(f)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back, sameFigures); diff != "" {
		t.Errorf("figures changed on the way (-built +read):\n%s", diff)
	}
	again, err := Canonical(back)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("canonical JSON changed on the way: %v", err)
	}
}

func TestWholeDoublesAndNoiseInTheLastDigitsGiveTheSameHash(t *testing.T) {
	hash := func(requests, rate any) string {
		m := marts{"daily_usage": {{"day": monday, "requests": requests, "failure_rate": rate, "books": 6.0}}}
		r := library()
		r.Sections = r.Sections[:2]
		b, err := Canonical(built(t, r, m))
		if err != nil {
			t.Fatal(err)
		}
		return Hash(b)
	}
	if hash(int64(100096), 0.1+0.2) != hash(float64(100096), 0.3) {
		t.Error("equal numbers have different hashes")
	}
	if hash(int64(100096), 0.3) == hash(int64(100097), 0.3) {
		t.Error("different numbers have one hash")
	}
}

func TestChangeIsTheValueLessTheEarlierValue(t *testing.T) {
	f := built(t, library(), libraryMarts())
	seen := 0
	for _, s := range f.Sections {
		if s.KPI == nil {
			continue
		}
		for _, c := range s.Compare {
			if c.Absent {
				if c.Value != nil || c.Change != nil || c.Relative != nil {
					t.Errorf("%s: an absent day has numbers: %+v", s.Name, c)
				}
				continue
			}
			seen++
			if want := significant(*s.KPI.Value - *c.Value); *c.Change != want {
				t.Errorf("%s against %s: change %v, want %v", s.Name, c.Day, *c.Change, want)
			}
		}
	}
	if seen == 0 {
		t.Error("nothing was compared")
	}
}

func TestAnAbsentDayIsNamedAndNotZero(t *testing.T) {
	f := built(t, library(), libraryMarts())
	if diff := cmp.Diff([]calendar.Day{monday.Add(-1)}, f.Absent(), sameFigures); diff != "" {
		t.Errorf("absent days (-want +got):\n%s", diff)
	}
	history := section(t, f, "requests").KPI.History
	if len(history) != 28 || history[26].Value != nil || history[27].Value == nil {
		t.Errorf("the absent day is not a gap of the history: %+v", history[26:])
	}
	hours := section(t, f, "by_hour").Lines
	if len(hours.X.Cells) != 24 || hours.Series[0].Values[3] != nil || hours.Series[0].Values[5] == nil {
		t.Errorf("hours that were not received are not gaps: %+v", hours.Series[0].Values[:7])
	}
	week := section(t, f, "week").Grid
	if len(week.Y.Cells) != 7 || week.Values[5][0] != nil || week.Values[6][0] == nil {
		t.Error("the cells of the absent day are not absent")
	}
}

func TestAnEarlierDayOfZeroIsPresent(t *testing.T) {
	m := marts{"daily_usage": {{"day": monday, "requests": int64(5)}, {"day": monday.Add(-7), "requests": int64(0)}}}
	r := library()
	r.Sections = r.Sections[:1]
	week := built(t, r, m).Sections[0].Compare[1]
	if week.Absent || week.Value == nil || *week.Value != 0 || *week.Change != 5 || week.Relative != nil {
		t.Errorf("compared with zero: %+v", week)
	}
}

func TestUnusualIsOutsideTheLastEightSameWeekdays(t *testing.T) {
	for _, c := range []struct {
		value   int64
		weeks   int
		unusual bool
	}{{108, 8, false}, {109, 8, true}, {101, 8, false}, {100, 8, true}, {109, 7, false}} {
		m := marts{"daily_usage": {{"day": monday, "requests": c.value}}}
		for week := 1; week <= c.weeks; week++ {
			m["daily_usage"] = append(m["daily_usage"],
				map[string]any{"day": monday.Add(-7 * week), "requests": int64(100 + week)},
				map[string]any{"day": monday.Add(-7*week + 1), "requests": int64(100000)}) // other weekdays say nothing
		}
		r := library()
		r.Sections = r.Sections[:1]
		k := built(t, r, m).Sections[0].KPI
		if k.Unusual != c.unusual || (k.Usual == nil) != (c.weeks < 8) {
			t.Errorf("%d after %d weeks: unusual %v, range %v", c.value, c.weeks, k.Unusual, k.Usual)
		}
	}
}

func TestTablesKeepAThousandRowsAndCountAll(t *testing.T) {
	m := marts{}
	for i := range 1234 {
		m["libraries"] = append(m["libraries"], map[string]any{"day": monday, "library": fmt.Sprintf("lib-%04d", i), "requests": int64(i), "failure_rate": 0.5})
		m["top_keywords"] = append(m["top_keywords"], map[string]any{"day": monday, "keyword": fmt.Sprint(i), "requests": int64(1)})
	}
	f := built(t, library(), m)
	table := section(t, f, "libraries").Table
	if len(table.Rows) != 1000 || table.Count != 1234 || table.Rows[0][0].Value != "lib-1233" {
		t.Errorf("%d rows of %d, first %v", len(table.Rows), table.Count, table.Rows[0])
	}
	marks := section(t, f, "keywords").Marks
	if len(marks.Rows) != 1000 || marks.Count != 1234 || *marks.Total != 1234 {
		t.Errorf("%d marks of %d, total %v", len(marks.Rows), marks.Count, *marks.Total)
	}
}

func TestTiesAreOrderedByName(t *testing.T) {
	m := marts{"top_keywords": {
		{"day": monday, "keyword": "나", "requests": int64(7)}, {"day": monday, "keyword": "가", "requests": int64(7)},
		{"day": monday, "keyword": "다", "requests": int64(9)}, {"day": monday, "keyword": "라", "requests": nil},
	}}
	var names []string
	for _, mark := range section(t, built(t, library(), m), "keywords").Marks.Rows {
		names = append(names, mark.Label.String())
	}
	if got := strings.Join(names, ""); got != "다가나라" {
		t.Errorf("order is %s", got)
	}
}

func TestADayWithoutRowsIsEmptyAndNotAnError(t *testing.T) {
	f := built(t, library(), marts{})
	if !f.Empty() {
		t.Error("figures without a row are not empty")
	}
	b, err := Canonical(f)
	if err != nil || strings.Contains(string(b), `"value":0`) {
		t.Errorf("an absent value became zero: %s, %v", b, err)
	}
	if built(t, library(), libraryMarts()).Empty() {
		t.Error("figures with rows are empty")
	}
}

func TestRowsThatDoNotFitAreFaultsAtTheSection(t *testing.T) {
	twice := marts{
		"daily_usage":  {{"day": monday, "requests": int64(1)}, {"day": monday, "requests": int64(2)}},
		"hourly_usage": {{"day": monday, "hour": int64(1), "requests": int64(1)}, {"day": monday, "hour": int64(1), "requests": int64(2)}},
	}
	for name, line := range map[string]int{"requests": 10, "by_hour": 30, "week": 64} {
		r := library()
		for _, s := range r.Sections {
			if s.Name == name {
				r.Sections = []project.Section{s}
			}
		}
		_, err := Build(context.Background(), r, monday, twice.query)
		var at *fault.Error
		if !errors.As(err, &at) || at.File != "reports/daily.yaml" || at.Line != line || at.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAMissingColumnOfAQueryIsAFaultThatListsThoseThere(t *testing.T) {
	r := project.Report{Name: "daily", File: "reports/daily.yaml", Sections: []project.Section{
		{Kind: KindBar, Name: "top", Line: 7, Query: "SELECT 1", Label: "keyword", Value: "requests"}}}
	_, err := Build(context.Background(), r, monday, func(context.Context, string, calendar.Day) ([]string, [][]any, error) {
		return []string{"word", "requests"}, [][]any{{"a", int64(1)}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "reports/daily.yaml:7") || !strings.Contains(fault.Hint(err), "word, requests") {
		t.Errorf("got %v", err)
	}
}

func TestASectionsOwnQueryIsAskedAsGivenOnceForEachDay(t *testing.T) {
	const sql = "SELECT count(*) AS n FROM requests WHERE day = $day"
	var asked []calendar.Day
	r := project.Report{Name: "daily", Sections: []project.Section{{Kind: KindKPI, Name: "n", Query: sql, Value: "n", Days: 3, Compare: []string{WithWeek}}}}
	f, err := Build(context.Background(), r, monday, func(_ context.Context, given string, day calendar.Day) ([]string, [][]any, error) {
		if given != sql {
			t.Errorf("asked %q", given)
		}
		asked = append(asked, day)
		return []string{"n"}, [][]any{{int64(day.Sub(monday) + 100)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Days(r.Sections[0], monday), asked, sameFigures); diff != "" || len(asked) != 11 {
		t.Errorf("asked for %d days: %s", len(asked), diff)
	}
	s := f.Sections[0]
	if *s.KPI.Value != 100 || *s.Compare[0].Value != 93 || len(s.KPI.History) != 3 || *s.KPI.History[0].Value != 98 {
		t.Errorf("figures are %+v", s.KPI)
	}
}

func TestAFailedQueryKeepsItsCause(t *testing.T) {
	cause := errors.New("no such table")
	_, err := Build(context.Background(), library(), monday, func(context.Context, string, calendar.Day) ([]string, [][]any, error) { return nil, nil, cause })
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "requests of report daily for 2023-05-22") {
		t.Errorf("got %v", err)
	}
}

func TestComparedDaysShareTheAxis(t *testing.T) {
	m := marts{}
	for back := range 14 {
		m["daily_usage"] = append(m["daily_usage"], map[string]any{"day": monday.Add(-back), "requests": int64(back)})
	}
	r := project.Report{Name: "daily", Sections: []project.Section{
		{Kind: KindLine, Name: "trend", Mart: "daily_usage", X: "day", Value: "requests", Days: 7, Compare: []string{WithWeek}}}}
	lines := built(t, r, m).Sections[0].Lines
	if len(lines.X.Cells) != 7 || len(lines.Series) != 2 || *lines.Series[0].Values[6] != 0 || *lines.Series[1].Values[6] != 7 {
		t.Errorf("lines are %+v", lines)
	}
}

func TestUsesNameEveryColumnThatIsRead(t *testing.T) {
	got := map[string]string{}
	for _, u := range Columns(library()) {
		got[u.Section] = u.Mart + ": " + strings.Join(u.Columns, " ")
	}
	want := map[string]string{
		"requests": "daily_usage: day requests", "failure_rate": "daily_usage: day failure_rate", "books": "daily_usage: day books",
		"by_hour": "hourly_usage: day hour requests", "by_day": "daily_usage: day requests failed", "by_library": "library_hours: day hour library requests",
		"keywords": "top_keywords: day keyword requests", "share": "top_keywords: day keyword requests", "week": "hourly_usage: day hour requests",
		"steps": "steps: day step requests", "libraries": "libraries: day library requests failure_rate opened",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

func TestStatementsArePortable(t *testing.T) {
	r := library()
	got := []string{
		statement(r.Sections[3], monday, monday),
		statement(r.Sections[6], monday, monday),
		statement(r.Sections[8], monday.Add(-6), monday),
		statement(r.Sections[10], monday, monday),
	}
	want := []string{
		`SELECT "hour", "requests" FROM "hourly_usage" WHERE "day" = $day ORDER BY "hour", "requests"`,
		`SELECT "keyword", "requests" FROM "top_keywords" WHERE "day" = $day ORDER BY "requests" DESC, "keyword"`,
		`SELECT "day", "hour", "requests" FROM "hourly_usage" WHERE "day" >= DATE '2023-05-16' AND "day" <= $day ORDER BY "day", "hour", "requests"`,
		`SELECT "library", "requests", "failure_rate", "opened" FROM "libraries" WHERE "day" = $day ORDER BY "requests" DESC, "library", "failure_rate", "opened"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
}
