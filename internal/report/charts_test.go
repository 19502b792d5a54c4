package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/internal/project"
	"daybook/internal/text"
)

func option(t *testing.T, s Section, l text.Locale, w Width) []byte {
	t.Helper()
	b, err := Option(s, l, w)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOptionOfEachKind(t *testing.T) {
	f := built(t, library(), libraryMarts())
	for _, c := range []struct {
		section string
		width   Width
	}{
		{"requests", Spark}, {"by_hour", Page}, {"by_day", Page}, {"by_library", Page}, {"keywords", Panel}, {"share", Panel},
		{"week", Panel}, {"steps", Panel},
	} {
		t.Run(c.section, func(t *testing.T) {
			golden(t, "option-"+c.section+".json", indented(t, option(t, section(t, f, c.section), text.Korean, c.width)))
		})
	}
}

func TestDrawingLeavesFiguresAsTheyAre(t *testing.T) {
	f := built(t, library(), libraryMarts())
	before, _ := Canonical(f)
	for _, s := range f.Sections {
		if Drawn(s) {
			first, second := option(t, s, text.English, Mail), option(t, s, text.English, Mail)
			if string(first) != string(second) {
				t.Errorf("%s is drawn in two ways", s.Name)
			}
		}
	}
	if after, _ := Canonical(f); string(before) != string(after) {
		t.Error("drawing changed the figures")
	}
}

// visit calls see for every string in a JSON tree, with the key that it stands under.
func visit(node any, key string, see func(key, value string)) {
	switch node := node.(type) {
	case string:
		see(key, node)
	case []any:
		for _, child := range node {
			visit(child, key, see)
		}
	case map[string]any:
		for k, child := range node {
			visit(child, k, see)
		}
	}
}

func TestEveryFormatterAndColourIsANamedOne(t *testing.T) {
	f := built(t, library(), libraryMarts())
	for _, l := range text.Locales() {
		for _, w := range []Width{Page, Panel, Mail, Narrow} {
			for _, s := range f.Sections {
				if !Drawn(s) {
					continue
				}
				var tree any
				if err := json.Unmarshal(option(t, s, l, w), &tree); err != nil {
					t.Fatal(err)
				}
				visit(tree, "", func(key, value string) {
					formats := key == "formatter" || key == "valueFormatter"
					colours := strings.HasSuffix(strings.ToLower(key), "color")
					if formats && !slices.Contains(Formatters(), value) {
						t.Errorf("%s: formatter %q is not a named one", s.Name, value)
					}
					if colours && !strings.HasPrefix(value, "--") {
						t.Errorf("%s: %s %q is not a token", s.Name, key, value)
					}
					if !formats && strings.HasPrefix(value, "fmt:") || !colours && strings.HasPrefix(value, "--") {
						t.Errorf("%s: %q stands under %s, where nothing replaces it", s.Name, value, key)
					}
				})
			}
		}
	}
}

func TestAxisLabelsNameTheirFont(t *testing.T) {
	f := built(t, library(), libraryMarts())
	for _, s := range f.Sections {
		if !Drawn(s) || s.Kind == KindPie || s.Kind == KindFunnel {
			continue
		}
		var tree map[string]any
		if err := json.Unmarshal(option(t, s, text.Korean, Page), &tree); err != nil {
			t.Fatal(err)
		}
		for _, axis := range []string{"xAxis", "yAxis"} {
			label, _ := tree[axis].(map[string]any)["axisLabel"].(map[string]any)
			if shown := tree[axis].(map[string]any)["show"]; shown != false && label["fontFamily"] != "Pretendard" {
				t.Errorf("%s: %s has no font: %v", s.Name, axis, label)
			}
		}
	}
}

func TestHostileLabelsSurviveAsData(t *testing.T) {
	hostile := []string{"</script><script>alert(1)</script>", "fmt:number", "--accent", "{b}|{c}", "=HYPERLINK(1)", "가\x00나\u202e", strings.Repeat("긴", 400), "", "\U0001f4da"}
	m := marts{}
	for i, h := range hostile {
		m["top_keywords"] = append(m["top_keywords"], map[string]any{"day": monday, "keyword": h, "requests": int64(100 - i)})
		m["library_hours"] = append(m["library_hours"], map[string]any{"day": monday, "hour": int64(1), "library": h, "requests": int64(100 - i)})
		m["steps"] = append(m["steps"], map[string]any{"day": monday, "step": h, "requests": int64(100 - i)})
	}
	f := built(t, library(), m)
	b, err := Canonical(f)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, mark := range section(t, back, "keywords").Marks.Rows {
		if mark.Label.Value != hostile[i] {
			t.Errorf("label %q became %q", hostile[i], mark.Label.Value)
		}
	}
	for _, name := range []string{"keywords", "by_library", "share", "steps"} {
		var tree any
		if err := json.Unmarshal(option(t, section(t, f, name), text.Korean, Panel), &tree); err != nil {
			t.Fatal(err)
		}
		visit(tree, "", func(key, value string) {
			if slices.Contains(hostile, value) && value != "" && (key == "formatter" || strings.HasSuffix(strings.ToLower(key), "color")) {
				if !slices.Contains(Formatters(), value) && value != accent {
					t.Errorf("%s: the label %q stands under %s", name, value, key)
				}
			}
		})
	}
	names := option(t, section(t, f, "keywords"), text.Korean, Panel)
	var tree struct {
		YAxis struct{ Data []string }
	}
	if err := json.Unmarshal(names, &tree); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tree.YAxis.Data, hostile) {
		t.Errorf("the axis has %q", tree.YAxis.Data)
	}
}

func TestScalesHoldZeroAndFewSteps(t *testing.T) {
	for _, c := range [][2]float64{{0, 8308}, {0, 0.25}, {-40, 120}, {-3, -1}, {5, 5}, {0, 0}, {0, 1e12}, {0, 3}, {0, 100}, {0, 1e-9}} {
		s := scaleOf(c[0], c[1])
		steps := (s.high - s.low) / s.step
		if s.low > min(c[0], 0) || s.high < c[1] || s.high < 0 || steps > maxSteps+1e-9 || steps < 1 {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

func TestAPieHasFivePartsAndTheRest(t *testing.T) {
	f := built(t, library(), libraryMarts())
	s := section(t, f, "share")
	parts := s.parts(text.Korean)
	var sum float64
	for _, p := range parts {
		sum += *p.Value
	}
	if len(parts) != 6 || significant(sum) != *s.Marks.Total {
		t.Errorf("%d parts, sum %v of %v", len(parts), sum, *s.Marks.Total)
	}
}

func TestSectionsWithoutDataHaveNoChart(t *testing.T) {
	for _, s := range built(t, library(), marts{}).Sections {
		if _, err := Option(s, text.Korean, Page); Drawn(s) || err == nil {
			t.Errorf("%s is drawn from nothing", s.Name)
		}
	}
}

func TestTheLongestBarLeavesRoomForItsValue(t *testing.T) {
	r := project.Report{Name: "r", Sections: []project.Section{{Kind: KindBar, Name: "b", Mart: "top_keywords", Label: "keyword", Value: "requests"}}}
	for _, v := range []int64{7, 12000, 123456789012} {
		m := marts{"top_keywords": {{"day": monday, "keyword": "가", "requests": v}}}
		var tree struct {
			Grid struct{ Right int }
		}
		if err := json.Unmarshal(option(t, built(t, r, m).Sections[0], text.Korean, Panel), &tree); err != nil {
			t.Fatal(err)
		}
		if digits := len(fmt.Sprint(v)); tree.Grid.Right < digits*7+6 {
			t.Errorf("%d has a margin of %d", v, tree.Grid.Right)
		}
	}
}

func TestRowsWithoutAnyValueHaveNoChart(t *testing.T) {
	m := libraryMarts()
	for _, rows := range m {
		for _, row := range rows {
			row["requests"], row["failed"] = nil, nil
		}
	}
	for _, s := range built(t, library(), m).Sections {
		if s.Measure == "requests" && Drawn(s) {
			t.Errorf("%s is drawn without a value", s.Name)
		}
		for _, l := range text.Locales() {
			Alt(s, l)
			TableView(s, l)
		}
	}
}
