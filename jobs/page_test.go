package jobs

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// paper is the shop with a report that has a section of every shape of the page.
func paper() files {
	return shop().with(files{"reports/usage.yaml": `title: {en: Usage, ko: 이용}
sections:
  - {kind: kpi, mart: daily, value: orders, title: {en: Orders, ko: 주문}, unit: {en: orders, ko: 건}, compare: [day, week], days: 3}
  - {kind: bar, name: by_item, mart: items, label: item, value: orders, title: Items, tab: Items, group: Ranks, compare: [day]}
  - {kind: bar, name: again, mart: items, label: item, value: orders, title: Again, tab: Again, group: Ranks}
  - {kind: bar, name: other, mart: items, label: item, value: orders, title: Other, tab: Other, group: Elsewhere}
  - {kind: pie, mart: items, label: item, value: orders, title: Parts}
  - {kind: table, name: list, mart: items, columns: {item: {title: Item}, orders: {title: Orders, format: number}}}
  - {kind: text, title: Notes, text: "One.\n\nTwo."}
`})
}

func (h *house) page(day calendar.Day, number int, l text.Locale) templates.ReportView {
	h.t.Helper()
	v, err := h.ReportView(context.Background(), "usage", day, number, l)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func TestPageHasASectionForEachPartAndTabsForAGroup(t *testing.T) {
	h := open(t, paper())
	h.run(store.StateDone, Request{Day: monday.Add(-1), Through: monday})
	v := h.page(monday, 0, text.English)
	var got []string
	for _, s := range v.Sections {
		line := s.Title
		for _, r := range s.Ranks {
			line += " [" + r.Tab + " " + r.Count + " " + r.Chart.Size + "]"
			if !json.Valid(r.Chart.Option) {
				t.Errorf("%s: the option is not JSON", r.Tab)
			}
		}
		if s.Chart != nil {
			line += " chart " + s.Chart.Size
		}
		if s.Table != nil {
			line += " table"
		}
		got = append(got, line+strings.Join(s.Text, "|"))
	}
	want := []string{"Ranks [Items 4 rows-4] [Again 4 rows-4]", "Other [Other 4 rows-4]", "Parts chart medium", "list table", "NotesOne.|Two."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(v.KPIs) != 1 || v.KPIs[0].Value != "4" || v.KPIs[0].Unit != " orders" || v.KPIs[0].Href != "/runs/1" {
		t.Errorf("%+v", v.KPIs)
	}
	compared := []templates.Comparison{{Label: "against the day before", Text: "33.3%", Change: "up"}, {Label: "against Monday last week", Text: "no data for 9 Nov"}}
	if diff := cmp.Diff(compared, v.KPIs[0].Compare); diff != "" {
		t.Error(diff)
	}
	if points := v.KPIs[0].Spark.Points; len(points) != 3 || points[0] == points[0] || points[2] != 4 {
		t.Errorf("the days %v, want one that is not known, then 3 and 4", points)
	}
	if d := v.Sections[1].Downloads; len(d) != 1 || d[0].Href != "/reports/usage/2026-11-16/other.csv" {
		t.Errorf("downloads %+v", d)
	}
	if source := v.Sections[0].Ranks[0].Chart.Source; !strings.Contains(source, "items") {
		t.Errorf("source %q", source)
	}
	if ko := h.page(monday, 0, text.Korean); ko.Name != "이용" || ko.KPIs[0].Name != "주문" || ko.KPIs[0].Unit != "건" {
		t.Errorf("%s: %+v", ko.Name, ko.KPIs)
	}
}

func TestPageLeadsToOtherDaysAndEditions(t *testing.T) {
	h := open(t, paper(), func(r *Runner) { r.Now = func() time.Time { return time.Date(2026, 11, 18, 3, 0, 0, 0, time.UTC) } })
	h.run(store.StateDone, Request{Day: monday.Add(-2)})
	h.run(store.StateDone, Request{Day: monday})
	h.write(files{"data/2026-11-16.ndjson": orders("a3")})
	h.run(store.StateDone, Request{Day: monday, Force: ForceFetch})
	v := h.page(monday, 1, text.English)
	if v.Days.Prev.Href != "/reports/usage/2026-11-15" || v.Days.Next == nil || v.Days.Next.Href != "/reports/usage/2026-11-17" {
		t.Errorf("days %+v", v.Days)
	}
	if v.Banner == nil || v.Banner.Link.Href != "/reports/usage/2026-11-16" {
		t.Errorf("an older edition does not say so: %+v", v.Banner)
	}
	want := []templates.EditionLink{
		{Label: "edition 2", Detail: "18 Nov 03:00", Href: "/reports/usage/2026-11-16/2"}, {Label: "edition 1", Detail: "18 Nov 03:00", Href: "/reports/usage/2026-11-16/1", Current: true},
	}
	if diff := cmp.Diff(want, v.Editions); diff != "" {
		t.Error(diff)
	}
	if v := h.page(monday, 0, text.English); v.Banner != nil || v.KPIs[0].Value != "1" {
		t.Errorf("the newest edition: %+v", v.KPIs)
	}
	kinds := map[string]string{}
	for _, week := range v.Month.Weeks {
		for _, d := range week {
			if d.Kind != "" {
				kinds[d.Number] = d.Kind
			}
			if d.Current != (d.Number == "16") {
				t.Errorf("day %s: current %v", d.Number, d.Current)
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"14": "final", "15": "missing", "16": "corrected"}, kinds); diff != "" {
		t.Error(diff)
	}
	if v := h.page(monday.Add(1), 0, text.English); v.Nothing == nil || v.Days.Next != nil || len(v.Sections) > 0 || v.Month == nil {
		t.Errorf("a day without an edition: %+v", v.Nothing)
	}
}

func TestPageOfWhatIsNotThereIsNotFound(t *testing.T) {
	h := open(t, paper())
	h.run(store.StateDone, Request{})
	for _, c := range []struct {
		name   string
		day    calendar.Day
		number int
	}{{"nothing", monday, 0}, {"daily", monday, 0}, {"usage", monday, 2}, {"usage", monday.Add(1), 1}} {
		if _, err := h.ReportView(context.Background(), c.name, c.day, c.number, text.English); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestDamagedFiguresAreNotShownAsADayWithoutAReport(t *testing.T) {
	h := open(t, paper())
	h.run(store.StateDone, Request{})
	spoil(t, h.dir+"/.daybook/lake/editions")
	if _, err := h.ReportView(context.Background(), "usage", monday, 0, text.English); err == nil {
		t.Error("no error")
	}
}

// spoil takes every file of a directory away.
func spoil(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func TestSingleFileLeadsNowhere(t *testing.T) {
	h := open(t, paper())
	h.run(store.StateDone, Request{Day: monday.Add(-1), Through: monday})
	f, e, err := h.Figures(context.Background(), "usage", monday, 0)
	if err != nil {
		t.Fatal(err)
	}
	page, err := h.Standalone(context.Background(), f, e, text.Korean, `@font-face { font-family: X; src: url(/static/x.woff2) } body { color: red }`, "let a = 1")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"/static/", `href="/`, `action="`, "url("} {
		if strings.Contains(string(page), bad) {
			t.Errorf("the file holds %s", bad)
		}
	}
	for _, good := range []string{"이용", "color: red", "let a = 1", `lang="ko"`} {
		if !strings.Contains(string(page), good) {
			t.Errorf("the file lacks %s", good)
		}
	}
}
