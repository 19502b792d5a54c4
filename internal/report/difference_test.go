package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/project"
	"daybook/internal/text"
)

func at(v float64) *float64 { return &v }

func kpiOf(name string, v *float64, headline bool) Section {
	return Section{Name: name, Kind: KindKPI, Format: FormatNumber, Headline: headline, KPI: &KPI{Value: v}}
}

func marksOf(name string, labels []string, values ...float64) Section {
	m := &Marks{}
	for i, v := range values {
		m.Rows = append(m.Rows, Mark{Label: Cell{labels[i]}, Value: at(v)})
	}
	return Section{Name: name, Kind: KindBar, Format: FormatNumber, Marks: m}
}

// told is a difference in short.
func told(list []Difference) []string {
	show := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return Number(v, FormatNumber, 0, "", text.English)
	}
	var out []string
	for _, d := range list {
		line := d.Name(text.English) + " " + show(d.Before) + " → " + show(d.After)
		if d.Headline {
			line += " !"
		}
		out = append(out, line)
	}
	return out
}

func TestDifferencesAreNamedFigureByFigureWithHeadlinesFirst(t *testing.T) {
	before := Figures{Sections: []Section{
		marksOf("keywords", []string{"go", "sql", "ml"}, 5, 3, 1), kpiOf("users", at(7), false), kpiOf("requests", at(100), true), kpiOf("same", at(1), false),
		{Name: "gone", Kind: KindKPI, KPI: &KPI{Value: at(4)}},
	}}
	after := Figures{Sections: []Section{
		marksOf("keywords", []string{"go", "ml", "new"}, 5, 2, 9), kpiOf("users", nil, false), kpiOf("requests", at(101), true), kpiOf("same", at(1), false),
	}}
	want := []string{"requests 100 → 101 !", "users 7 → –", "gone 4 → –", "keywords · ml 1 → 2", "keywords · new – → 9", "keywords · sql 3 → –"}
	if diff := cmp.Diff(want, told(Diff(before, after))); diff != "" {
		t.Error(diff)
	}
	if list := Diff(after, after); len(list) != 0 {
		t.Errorf("an edition differs from itself: %v", told(list))
	}
}

func TestTheFirstKPIIsTheHeadlineWhereNoneIsMarked(t *testing.T) {
	before := Figures{Sections: []Section{kpiOf("a", at(1), false), kpiOf("b", at(1), false)}}
	after := Figures{Sections: []Section{kpiOf("a", at(2), false), kpiOf("b", at(2), false)}}
	list := Diff(before, after)
	if len(list) != 2 || !list[0].Headline || list[1].Headline {
		t.Errorf("differences %v", told(list))
	}
}

func TestRowsOfOneNameAreComparedEachWithItsLike(t *testing.T) {
	twice := marksOf("m", []string{"a", "a"}, 1, 2)
	if list := Diff(Figures{Sections: []Section{twice}}, Figures{Sections: []Section{twice}}); len(list) != 0 {
		t.Errorf("differences %v", told(list))
	}
	if list := Diff(Figures{Sections: []Section{twice}}, Figures{Sections: []Section{marksOf("m", []string{"a", "a"}, 1, 3)}}); len(list) != 1 {
		t.Errorf("differences %v", told(list))
	}
}

func TestAChangeIsAShareOfWhatWasThere(t *testing.T) {
	for _, c := range []struct {
		before, after *float64
		want          float64
	}{{at(100), at(101), 0.01}, {at(-4), at(-2), 0.5}, {at(0), at(0), 0}, {at(0), at(1), math.Inf(1)}, {nil, at(1), math.Inf(1)}, {at(1), nil, math.Inf(1)}} {
		if got := (Difference{Before: c.before, After: c.after, Title: project.Words{}}).Relative(); got != c.want {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
}

func TestAFigureOfATableIsWrittenAsItsColumn(t *testing.T) {
	libraries := func(v float64) Figures {
		return Figures{Sections: []Section{{Name: "libraries", Kind: KindTable, Format: FormatNumber, Table: &Table{
			Columns: []Column{{Name: "library", Format: FormatText}, {Name: "rate", Format: FormatPercent, Digits: 1}}, Rows: [][]Cell{{{Value: "Seoul"}, {Value: v}}}}}}}
	}
	list := Diff(libraries(0.312), libraries(0.298))
	if len(list) != 1 || list[0].Number(list[0].Before, text.English) != "31.2%" || list[0].Number(list[0].After, text.English) != "29.8%" {
		t.Errorf("differences %+v", list)
	}
}
