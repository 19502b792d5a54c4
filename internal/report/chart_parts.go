package report

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"daybook/internal/text"
)

const (
	pieParts  = 5
	funnelRow = 44
)

// parts are the greatest marks of a pie and what is left of the total.
func (s Section) parts(l text.Locale) []Mark {
	marks := s.Marks.Rows[:min(len(s.Marks.Rows), pieParts)]
	if s.Marks.Total == nil || s.Marks.Count <= pieParts {
		return marks
	}
	rest := *s.Marks.Total
	for _, m := range marks {
		if m.Value != nil {
			rest -= *m.Value
		}
	}
	rest = significant(rest)
	others := Mark{Label: Cell{l.T("report.others")}, Value: &rest, Share: ratio(&rest, s.Marks.Total)}
	return append(marks[:len(marks):len(marks)], others)
}

// pieOption draws a ring whose parts are named beside it with their share.
func pieOption(s Section, l text.Locale, w Width) (object, error) {
	marks := s.parts(l)
	data := make([]opts.PieData, 0, len(marks))
	for _, m := range marks {
		if m.Value == nil {
			continue
		}
		name := cut(m.Label.text(l))
		if m.Share != nil {
			name += " " + percentCell(m.Share, l)
		}
		data = append(data, opts.PieData{Name: name, Value: plain(m.Value)})
	}
	c := charts.NewPie()
	c.AddSeries(s.Heading(l), data)
	option, series, err := base(c)
	if err != nil {
		return nil, err
	}
	ring := series[0]
	ring["radius"] = []string{"44%", "72%"}
	ring["itemStyle"] = object{"borderColor": paper, "borderWidth": 2}
	ring["label"] = object{
		"show": true, "color": ink, "fontFamily": fontFamily, "fontSize": fontSize, "width": int(w)/2 - 100, "overflow": "break",
	}
	ring["labelLine"] = object{"show": true, "length": 8, "length2": 8, "lineStyle": object{"color": ghost}}
	ring["emphasis"] = object{"disabled": true}
	items, _ := ring["data"].([]any)
	for i, item := range items {
		colour := category(i)
		if i >= pieParts {
			colour = ghost
		}
		if o, ok := item.(object); ok {
			o["itemStyle"] = object{"color": colour}
		}
	}
	option["tooltip"] = tooltip("item", s.formatter())
	return option, nil
}

// funnelShare is how much of the width the steps take, so that the words beside them still fit where a page is narrow: the option is
// laid out again at other widths than it was made for.
func funnelShare(widest int) string {
	return fmt.Sprintf("%d%%", max(100*(int(Narrow)-widest-32)/int(Narrow), 20))
}

// funnelOption draws steps from top to bottom, each with its value and its share of the first.
func funnelOption(s Section, l text.Locale) (object, error) {
	marks := s.drawnMarks()
	data := make([]opts.FunnelData, 0, len(marks))
	widest := 0
	for _, m := range marks {
		if m.Value == nil {
			continue
		}
		name := cut(m.Label.text(l)) + "  " + s.Number(m.Value, l)
		if m.Share != nil {
			name += "  " + percentCell(m.Share, l)
		}
		widest = max(widest, advance(name))
		data = append(data, opts.FunnelData{Name: name, Value: plain(m.Value)})
	}
	c := charts.NewFunnel()
	c.AddSeries(s.Heading(l), data)
	option, series, err := base(c)
	if err != nil {
		return nil, err
	}
	steps := series[0]
	for k, v := range (object{
		"sort": "none", "left": 0, "top": 0, "bottom": 0, "width": funnelShare(widest), "gap": 2, "min": 0, "minSize": "0%",
		"itemStyle": object{"borderWidth": 0}, "labelLine": object{"show": true, "length": 12, "lineStyle": object{"color": ghost}},
		"label":    object{"show": true, "position": "right", "color": ink, "fontFamily": fontFamily, "fontSize": fontSize},
		"emphasis": object{"disabled": true},
	}) {
		steps[k] = v
	}
	items, _ := steps["data"].([]any)
	for i, item := range items {
		if o, ok := item.(object); ok {
			o["itemStyle"] = object{"color": fmt.Sprintf("--q%d", max(heatSteps-2-i, 1))}
		}
	}
	option["tooltip"] = tooltip("item", s.formatter())
	return option, nil
}
