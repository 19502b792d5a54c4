package templates

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"daybook/internal/text"
)

func TestASparkLiftsItsPenOverAMissingDay(t *testing.T) {
	d := Spark{Points: []float64{1, 2, math.NaN(), 3}, Low: 1, High: 2}.draw()
	if got := strings.Count(d.Path, "M"); got != 2 {
		t.Errorf("%d strokes in %s, want 2", got, d.Path)
	}
	if !d.Band || !d.Dot || d.DotX != "194" || d.DotY != "3" {
		t.Errorf("the band and the last point: %+v", d)
	}
}

func TestASparkOfOneValueOrNoneStaysInItsBox(t *testing.T) {
	for _, points := range [][]float64{nil, {math.NaN()}, {7}, {7, 7, 7}} {
		d := Spark{Points: points}.draw()
		if strings.Contains(d.Path+d.DotX+d.DotY, "NaN") || strings.Contains(d.Path+d.DotX+d.DotY, "Inf") {
			t.Errorf("%v is drawn as %+v", points, d)
		}
	}
}

func TestADayWithRowsIsSeenHoweverFew(t *testing.T) {
	bars := Bars{Days: []Bar{{Value: 1_000_000}, {Value: 1}, {Value: 0}}}.draw(300)
	for i, want := range []string{"59.5", "1", "0"} {
		if bars[i].Height != want {
			t.Errorf("bar %d is %s high, want %s", i, bars[i].Height, want)
		}
	}
	if got := (Bars{}).draw(300); len(got) != 0 {
		t.Errorf("no days are drawn as %v", got)
	}
}

func TestEverySegmentOfAProgressBarIsInsideIt(t *testing.T) {
	for _, n := range []int{1, 22, 400, 2000} {
		for _, s := range segments(make([]StateKind, n)) {
			x, _ := strconv.ParseFloat(s.X, 64)
			w, _ := strconv.ParseFloat(s.Width, 64)
			if w <= 0 || x+w > 1000.1 {
				t.Fatalf("%d tasks: a segment from %s, %s wide", n, s.X, s.Width)
			}
		}
	}
}

func TestANodeStandsRightOfWhatItIsMadeOfAndApartFromOthers(t *testing.T) {
	g := *sample{text.English}.graph()
	// A mart made of a mart, a chain within one kind, and a circle, which must not hang.
	g.Edges = append(g.Edges, GraphEdge{"daily_usage", "retention_weekly"}, GraphEdge{"retention_weekly", "top_books"}, GraphEdge{"top_books", "daily_usage"})
	d := g.draw()
	at := map[string][2]float64{}
	for _, n := range d.Nodes {
		x, _ := strconv.ParseFloat(n.X, 64)
		y, _ := strconv.ParseFloat(n.Y, 64)
		for other, p := range at {
			if p[0] == x && math.Abs(p[1]-y) < nodeHeight {
				t.Errorf("%s lies over %s", n.ID, other)
			}
		}
		at[n.ID] = [2]float64{x, y}
	}
	for _, e := range (*sample{text.English}.graph()).Edges {
		if from, ok := at[e.From]; ok && from[0] >= at[e.To][0] {
			t.Errorf("%s is not right of %s", e.To, e.From)
		}
	}
	if len(d.Heads) != 5 || d.Heads[0].Label != "sources" {
		t.Errorf("heads: %v", d.Heads)
	}
}

func TestAnEmptyGraphIsDrawn(t *testing.T) {
	if d := (GraphView{}).draw(); len(d.Nodes)+len(d.Edges) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestAStateNobodyKnowsIsShownAsUnknown(t *testing.T) {
	for _, k := range StateKinds() {
		if k != Unknown && k.class() == "unknown" {
			t.Errorf("%q has no class", k)
		}
		if k.class() == "" || text.Korean.T("state."+string(k)) == "state."+string(k) {
			t.Errorf("%q has no word", k)
		}
	}
	if got := StateKind("exploded").class(); got != "unknown" {
		t.Errorf("got %q", got)
	}
}

func TestTwoHalvesShareARowAndAThirdDoesNot(t *testing.T) {
	r := ReportView{Sections: []Section{{ID: "a", Half: true}, {ID: "b", Half: true}, {ID: "c", Half: true}, {ID: "d"}}}
	var got []int
	for _, row := range r.rows() {
		got = append(got, len(row))
	}
	if len(got) != 3 || got[0] != 2 || got[1] != 1 || got[2] != 1 {
		t.Errorf("rows of %v", got)
	}
}
