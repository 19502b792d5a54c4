package report

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"daybook/internal/text"
)

const (
	barRow   = 34
	barWidth = 16
	barTop   = 8
	barLimit = 10 // drawn where the section sets no limit
)

// drawnMarks are the marks of the chart; the table has them all.
func (s Section) drawnMarks() []Mark {
	limit := s.Limit
	switch {
	case s.Kind == KindFunnel && limit == 0:
		limit = len(s.Marks.Rows)
	case limit == 0:
		limit = barLimit
	}
	return s.Marks.Rows[:min(len(s.Marks.Rows), limit)]
}

// barOption draws horizontal bars with the value at their end, and a tick where each stood on the compared day.
func barOption(s Section, l text.Locale, w Width) (object, error) {
	marks := s.drawnMarks()
	names := make([]string, len(marks))
	data := make([]opts.BarData, len(marks))
	var low, high float64
	left, right := 0, 0
	for i, m := range marks {
		names[i] = m.Label.String()
		data[i] = opts.BarData{Value: "-"}
		left = max(left, advance(cut(names[i])))
		for _, v := range []*float64{m.Value, m.Before} {
			if v != nil {
				low, high = min(low, *v), max(high, *v)
				right = max(right, advance(Bare(v, s.Format, s.Digits, l)))
			}
		}
		if m.Value != nil {
			data[i].Value = plain(m.Value)
		}
	}
	left = min(left+12, int(w)*2/5)
	c := charts.NewBar()
	c.SetXAxis(names)
	c.AddSeries(s.Heading(l), data)
	option, series, err := base(c)
	if err != nil {
		return nil, err
	}
	bars := series[0]
	bars["barWidth"] = barWidth
	bars["itemStyle"] = object{"color": accent}
	bars["emphasis"] = object{"disabled": true}
	bars["label"] = s.barLabel(true)
	s.barTicks(bars, marks)
	option["grid"] = object{"left": left, "top": barTop, "right": right + 16, "bottom": 0}
	option["tooltip"] = tooltip("axis", s.formatter())
	option["xAxis"] = object{"type": "value", "show": false, "min": low, "max": max(high, low+1e-9)}
	y := categoryAxis(names, object{"formatter": "fmt:cut20", "width": left - 10, "overflow": "truncate", "interval": 0, "color": ink})
	y["inverse"] = true
	y["axisLine"] = object{"show": true, "lineStyle": object{"color": ink2, "width": 1}}
	option["yAxis"] = y
	return option, nil
}

func (s Section) barLabel(show bool) object {
	return object{
		"show": show, "position": "right", "distance": 6, "formatter": s.formatter(), "color": ink,
		"fontFamily": fontFamily, "fontSize": fontSize, "fontWeight": 600,
	}
}

// barTicks marks the compared day's value across each bar. Where it lies beyond the bar's end, the value stands behind it.
func (s Section) barTicks(bars object, marks []Mark) {
	data, _ := bars["data"].([]any)
	var ticks []any
	for i, m := range marks {
		if m.Before == nil {
			continue
		}
		tick := object{"coord": []any{plain(m.Before), i}, "value": plain(m.Value), "label": object{"show": false}}
		if bar, ok := data[i].(object); ok && m.Value != nil && *m.Before > *m.Value {
			bar["label"] = object{"show": false}
			tick["label"] = s.barLabel(true)
		} else {
			// A border would be stretched with the symbol; a wider piece of paper under the tick sets it off from its bar.
			ticks = append(ticks, object{
				"coord": tick["coord"], "symbolSize": []int{5, barWidth}, "itemStyle": object{"color": paper}, "label": object{"show": false},
			})
		}
		ticks = append(ticks, tick)
	}
	if ticks == nil {
		return
	}
	bars["markPoint"] = object{
		"symbol": "rect", "symbolSize": []int{2, barWidth + 6}, "silent": true, "animation": false, "data": ticks,
		"itemStyle": object{"color": ink},
	}
}
