package report

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// sparkOption draws the history of a kpi as a line without axes, what is usual for the weekday as a band behind it, and a dot at the day.
func sparkOption(s Section) (object, error) {
	history := s.KPI.History
	line := Line{Values: make([]*float64, len(history))}
	names := make([]string, len(history))
	low, high := *s.KPI.Value, *s.KPI.Value
	see := func(v float64) { low, high = min(low, v), max(high, v) }
	for i, p := range history {
		names[i], line.Values[i] = p.Day.String(), p.Value
		if p.Value != nil {
			see(*p.Value)
		}
	}
	c := charts.NewLine()
	c.SetXAxis(names)
	c.AddSeries(s.Name, lineData(line))
	if u := s.KPI.Usual; u != nil {
		see(u.Low)
		see(u.High)
		c.AddSeries("low", level(len(history), u.Low))
		c.AddSeries("high", level(len(history), u.High-u.Low))
	}
	option, series, err := base(c)
	if err != nil {
		return nil, err
	}
	for k, v := range (object{
		"symbol": "none", "silent": true, "lineStyle": object{"color": ink2, "width": 1.5}, "itemStyle": object{"color": ink2}, "z": 3,
		"markPoint": object{
			"symbol": "circle", "symbolSize": 7, "silent": true, "animation": false, "label": object{"show": false},
			"itemStyle": object{"color": accent},
			"data":      []any{object{"coord": []any{len(history) - 1, plain(s.KPI.Value)}}},
		},
	}) {
		series[0][k] = v
	}
	// The band is the space between two levels: nothing up to the lower one, and a tint from there to the upper one.
	for i, opacity := range []float64{0, 0.14} {
		if i+1 >= len(series) {
			break
		}
		for k, v := range (object{
			"symbol": "none", "silent": true, "stack": "usual", "stackStrategy": "all", "lineStyle": object{"width": 0},
			"areaStyle": object{"color": ghost, "opacity": opacity, "origin": "start"}, "z": 1,
		}) {
			series[i+1][k] = v
		}
	}
	if low == high {
		high++
	}
	option["grid"] = object{"left": 4, "top": 6, "right": 6, "bottom": 6}
	option["xAxis"] = object{"type": "category", "show": false, "boundaryGap": false, "data": names, "axisLabel": axisLabel(nil)}
	option["yAxis"] = object{"type": "value", "show": false, "min": low, "max": high, "axisLabel": axisLabel(nil)}
	return option, nil
}

func level(n int, v float64) []opts.LineData {
	data := make([]opts.LineData, n)
	for i := range data {
		data[i] = opts.LineData{Value: plain(&v)}
	}
	return data
}
