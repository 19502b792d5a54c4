package report

import (
	"encoding/json"
	"fmt"
	"math"
	"unicode"

	"daybook/internal/fault"
	"daybook/internal/text"
)

// Width is how wide a chart is laid out, in CSS pixels.
type Width int

// The widths that charts are drawn at.
const (
	Page   Width = 1048 // the article of a page
	Panel  Width = 520  // beside a table, or one of two
	Mail   Width = 550
	Narrow Width = 342
	Spark  Width = 240 // the line under a kpi
)

// Colours and formatters stand in options by name, and only under these keys: what draws a chart puts the colour of the theme
// and the function there, and leaves the words of the data alone even where they look like a name.
const (
	accent = "--accent"
	ghost  = "--ghost"
	ink    = "--ink"
	ink2   = "--ink-2"
	hair   = "--line"
	paper  = "--paper"
)

const (
	fontFamily = "Pretendard"
	fontSize   = 12
	categories = 8 // --c1 … --c8
	heatSteps  = 7 // --q0 … --q6
	maxSteps   = 4 // between the lines of a value axis
)

// Formatters lists the names that options use; the shared script has a function for each.
func Formatters() []string {
	return []string{
		"fmt:number", "fmt:percent0", "fmt:percent1", "fmt:percent2", "fmt:decimal1", "fmt:decimal2", "fmt:hour_ko", "fmt:hour_en",
		"fmt:date_ko", "fmt:date_en", "fmt:cut20",
	}
}

// object is a part of an option, which says what go-echarts' types cannot.
type object = map[string]any

// Drawn reports whether the section has a chart: one of a kind that is drawn, with at least one value. A kpi has one when it has a history.
func Drawn(s Section) bool {
	switch {
	case s.KPI != nil:
		return len(s.KPI.History) > 1 && !s.Empty()
	case s.Table != nil || s.Kind == KindText:
		return false
	}
	_, most, _ := s.greatest(text.English)
	return most != nil
}

// Option is the section's chart as ECharts option JSON, keys sorted. A section that is not Drawn is a fault of code invalid.
func Option(s Section, l text.Locale, w Width) ([]byte, error) {
	if !Drawn(s) {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("section %s has no chart", s.Name), "")
	}
	var option object
	var err error
	switch s.Kind {
	case KindKPI:
		option, err = sparkOption(s)
	case KindLine, KindArea:
		option, err = linesOption(s, l, w)
	case KindBar:
		option, err = barOption(s, l, w)
	case KindPie:
		option, err = pieOption(s, l, w)
	case KindFunnel:
		option, err = funnelOption(s, l)
	case KindHeatmap:
		option, err = heatOption(s, l, w)
	default:
		return nil, fault.New(fault.Invalid, fmt.Sprintf("section %s: %q is not a chart", s.Name, s.Kind), "")
	}
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", s.Name, err)
	}
	return encode(option)
}

// Height is how high the section's chart is at a width, in CSS pixels.
func Height(s Section, w Width) int {
	switch s.Kind {
	case KindKPI:
		return 48
	case KindBar:
		return barTop + barRow*len(s.drawnMarks())
	case KindFunnel:
		return funnelRow * len(s.drawnMarks())
	case KindHeatmap:
		return heatHeight(s, w)
	case KindPie:
		return 240
	}
	if w <= Mail {
		return 240
	}
	return 300
}

// chart is what every go-echarts chart has.
type chart interface {
	Validate()
	JSON() map[string]any
}

// base is the chart's own JSON as a tree, without what its library adds to every chart, and with what every chart here has.
func base(c chart) (object, []object, error) {
	c.Validate()
	b, err := json.Marshal(c.JSON())
	if err != nil {
		return nil, nil, fmt.Errorf("write option: %w", err)
	}
	var tree object
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, nil, fmt.Errorf("read option: %w", err)
	}
	option := object{
		"animation": false,
		"textStyle": object{"fontFamily": fontFamily, "fontSize": fontSize, "color": ink},
	}
	var series []object
	list, _ := tree["series"].([]any)
	for _, s := range list {
		if o, ok := s.(object); ok {
			delete(o, "animation")
			series = append(series, o)
		}
	}
	option["series"] = series
	return option, series, nil
}

// formatter names the function that writes the section's measure.
func (s Section) formatter() string {
	switch {
	case s.Format == FormatPercent && s.Digits == 0:
		return "fmt:percent0"
	case s.Format == FormatPercent && s.Digits == 1:
		return "fmt:percent1"
	case s.Format == FormatPercent:
		return "fmt:percent2"
	case s.Format == FormatDecimal && s.Digits <= 1:
		return "fmt:decimal1"
	case s.Format == FormatDecimal:
		return "fmt:decimal2"
	}
	return "fmt:number"
}

// formatter names the function that writes the places of an axis; empty where they are written as they are.
func (a Axis) formatter(l text.Locale) string {
	switch a.Kind {
	case axisHour:
		return "fmt:hour_" + string(l)
	case axisDay:
		return "fmt:date_" + string(l)
	case axisText:
		return "fmt:cut20"
	}
	return ""
}

// places are the axis' cells as category names.
func (a Axis) places() []string {
	names := make([]string, len(a.Cells))
	for i, c := range a.Cells {
		names[i] = c.String()
		if a.Kind == axisTime {
			names[i] = c.text(text.English)
		}
	}
	return names
}

// axisLabel is the words along an axis. The family must stand on the label itself, or the layout measures another font.
func axisLabel(more object) object {
	label := object{"fontFamily": fontFamily, "fontSize": fontSize, "color": ink2}
	for k, v := range more {
		if v != "" {
			label[k] = v
		}
	}
	return label
}

// categoryAxis has no line and no ticks.
func categoryAxis(names []string, label object) object {
	return object{
		"type": "category", "data": names, "axisLabel": axisLabel(label),
		"axisLine": object{"show": false}, "axisTick": object{"show": false}, "splitLine": object{"show": false},
	}
}

// scale is the range of a value axis: it holds zero and at most maxSteps steps of 1, 2, 2.5 or 5 times a power of ten.
type scale struct{ low, high, step float64 }

func scaleOf(low, high float64) scale {
	low, high = min(low, 0), max(high, 0)
	if low == high {
		high = 1
	}
	for exponent := math.Floor(math.Log10((high - low) / maxSteps)); ; exponent++ {
		for _, m := range []float64{1, 2, 2.5, 5} {
			step := significant(m * math.Pow(10, exponent))
			below, above := math.Floor(low/step), math.Ceil(high/step)
			if above-below <= maxSteps {
				return scale{significant(below * step), significant(above * step), step}
			}
		}
	}
}

// advance estimates how wide a text is in 12 px Pretendard, a little on the wide side, for the margins that hold labels.
func advance(s string) int {
	var w float64
	for _, r := range s {
		switch {
		case r >= 0x2e80:
			w += 10.8
		case unicode.IsUpper(r) || r == '%' || r == '@':
			w += 9
		case unicode.IsDigit(r):
			w += 7.6
		case r == ',' || r == '.' || r == ' ':
			w += 4
		default:
			w += 7
		}
	}
	return int(math.Ceil(w))
}

// tooltip is drawn on the chart's canvas, as HTML ones would need inline styles.
func tooltip(trigger, formatter string) object {
	return object{
		"show": true, "trigger": trigger, "renderMode": "richText", "confine": true, "valueFormatter": formatter,
		"axisPointer": object{"type": "line", "lineStyle": object{"color": ghost, "width": 1, "type": "solid"}},
	}
}

// category is the colour of the nth series or part; past the palette all are grey.
func category(n int) string {
	if n >= categories {
		return ghost
	}
	return fmt.Sprintf("--c%d", n+1)
}
