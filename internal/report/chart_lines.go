package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"daybook/internal/text"
)

const (
	lineTop    = 20
	lineBottom = 28
	labelGap   = 16 // between the middles of two direct labels
	legendRow  = 24
)

// direct is how many series are named at their end instead of in a legend.
const direct = 2

func linesOption(s Section, l text.Locale, w Width) (object, error) {
	series := slices.Clone(s.Lines.Series)
	// Compared days are drawn first, so that the day itself lies on top.
	slices.SortStableFunc(series, func(a, b Line) int { return cmp.Compare(depth(a), depth(b)) })
	c := charts.NewLine()
	c.SetXAxis(s.Lines.X.places())
	for _, line := range series {
		c.AddSeries(s.seriesName(line, l), lineData(line))
	}
	option, drawn, err := base(c)
	if err != nil {
		return nil, err
	}
	y := s.lineScale(series)
	left := max(advance(Bare(&y.high, s.Format, s.Digits, l)), advance(Bare(&y.low, s.Format, s.Digits, l))) + 8
	top, right := lineTop, 12
	own := len(s.Lines.own())
	ends := endsOf(s, series, y, Height(s, w)-top-lineBottom, l)
	if len(series) > direct {
		top += legendRow
		option["legend"] = object{
			"show": true, "type": "scroll", "left": 0, "top": 0, "icon": "roundRect", "itemWidth": 12, "itemHeight": 3,
			"textStyle": object{"fontFamily": fontFamily, "fontSize": fontSize, "color": ink2}, "formatter": "fmt:cut20",
		}
	} else {
		for _, e := range ends {
			right = max(right, advance(e.name)+20)
		}
	}
	for i, line := range series {
		style := lineStyle(s, line, i, own)
		for k, v := range style {
			drawn[i][k] = v
		}
		if line.Before.IsZero() || len(series) <= direct {
			drawn[i]["markPoint"] = ends[i].mark(len(series) <= direct, own == 1 && line.Before.IsZero())
		}
	}
	option["grid"] = object{"left": left, "top": top, "right": right, "bottom": lineBottom}
	option["tooltip"] = tooltip("axis", s.formatter())
	option["xAxis"] = s.lineAxis(l, int(w)-left-right)
	option["yAxis"] = valueAxis(y, s.formatter(), left)
	return option, nil
}

// depth is 0 for a compared day and 1 for the day itself.
func depth(line Line) int {
	if line.Before.IsZero() {
		return 1
	}
	return 0
}

// lineData leaves absent values out, which is a gap; a value between two gaps is a dot, as no line would show it.
func lineData(line Line) []opts.LineData {
	data := make([]opts.LineData, len(line.Values))
	at := func(i int) bool { return i >= 0 && i < len(line.Values) && line.Values[i] != nil }
	for i, v := range line.Values {
		if v == nil {
			data[i] = opts.LineData{Value: "-"}
			continue
		}
		data[i] = opts.LineData{Value: plain(v)}
		if !at(i-1) && !at(i+1) {
			data[i].Symbol, data[i].SymbolSize = "circle", 4
		}
	}
	return data
}

func lineStyle(s Section, line Line, i, own int) object {
	colour, width := accent, 2.0
	switch {
	case !line.Before.IsZero():
		colour, width = ghost, 1.5
	case own > 1:
		colour = category(i)
	}
	style := object{
		"symbol": "none", "color": colour, "lineStyle": object{"color": colour, "width": width},
		"itemStyle": object{"color": colour}, "emphasis": object{"disabled": true}, "connectNulls": false,
	}
	if s.Kind == KindArea && line.Before.IsZero() {
		opacity := 0.12
		if own > 1 {
			style["stack"], opacity = "all", 0.7
		}
		style["areaStyle"] = object{"color": colour, "opacity": opacity}
	}
	return style
}

// lineScale holds every value; those of stacked areas are added up.
func (s Section) lineScale(series []Line) scale {
	var low, high float64
	stacked := make([]float64, len(s.Lines.X.Cells))
	for _, line := range series {
		for i, v := range line.Values {
			if v == nil {
				continue
			}
			stacked[i] += *v
			low, high = min(low, *v), max(high, *v)
		}
	}
	if s.Kind == KindArea && len(s.Lines.own()) > 1 {
		high = max(high, slices.Max(stacked))
	}
	return scaleOf(low, high)
}

func (s Section) lineAxis(l text.Locale, room int) object {
	axis := s.Lines.X
	label := object{"formatter": axis.formatter(l), "interval": labelInterval(axis, l, room), "showMaxLabel": true, "hideOverlap": true}
	x := categoryAxis(axis.places(), label)
	x["boundaryGap"] = false
	x["axisLine"] = object{"show": true, "lineStyle": object{"color": ink2, "width": 1}}
	return x
}

// labelInterval is how many places lie between two labels: whole parts of a day for hours, weeks for days where they fit.
func labelInterval(axis Axis, l text.Locale, room int) int {
	widest := 0
	for _, c := range axis.Cells {
		widest = max(widest, advance(c.along(axis, l)))
	}
	each := int(math.Ceil(float64(len(axis.Cells)*(widest+16)) / float64(max(room, 1))))
	var steps []int
	switch axis.Kind {
	case axisHour:
		steps = []int{3, 6, 12}
	case axisDay:
		steps = []int{1, 7, 14, 28}
	}
	for _, step := range steps {
		if step >= each {
			return step - 1
		}
	}
	return max(each, 1) - 1
}

// valueAxis has hairlines that run on under their labels, which stand above them at the left.
func valueAxis(y scale, formatter string, left int) object {
	return object{
		"type": "value", "min": y.low, "max": y.high, "interval": y.step,
		"axisLabel": axisLabel(object{
			"formatter": formatter, "align": "left", "verticalAlign": "bottom", "margin": left, "padding": []int{0, 0, 3, 0},
			"showMinLabel": y.low < 0,
		}),
		"axisLine":  object{"show": false},
		"axisTick":  object{"show": true, "length": left, "lineStyle": object{"color": hair, "width": 1}},
		"splitLine": object{"show": true, "lineStyle": object{"color": hair, "width": 1}},
	}
}

// end is where a line stops and the name that stands there.
type end struct {
	name   string
	place  int
	value  *float64
	pixels int // from the top of the plot
	shift  int // of the label, so that two names do not lie on each other
	colour string
}

func endsOf(s Section, series []Line, y scale, plot int, l text.Locale) []end {
	ends := make([]end, len(series))
	own := len(s.Lines.own())
	for i, line := range series {
		e := end{name: cut(s.seriesName(line, l)), colour: ink}
		switch {
		case !line.Before.IsZero():
			e.colour = ink2
		case own == 1:
			e.colour = accent
		}
		if len(series) == 1 {
			e.name = "" // the title of the section says it
		}
		for place, v := range line.Values {
			if v != nil {
				e.place, e.value = place, v
				e.pixels = int(math.Round((y.high - *v) / (y.high - y.low) * float64(plot)))
			}
		}
		ends[i] = e
	}
	apart(ends)
	return ends
}

// apart moves the labels of two ends away from each other until both can be read.
func apart(ends []end) {
	if len(ends) != 2 || ends[0].value == nil || ends[1].value == nil {
		return
	}
	upper, lower := &ends[0], &ends[1]
	if upper.pixels > lower.pixels {
		upper, lower = lower, upper
	}
	if missing := labelGap - (lower.pixels - upper.pixels); missing > 0 {
		upper.shift, lower.shift = -(missing+1)/2, missing/2
	}
}

// mark is the dot at the end of a line with its name. The name is a value, not a formatter: names come from data.
func (e end) mark(named, dot bool) object {
	if e.value == nil {
		return object{"data": []any{}}
	}
	size := 1
	if dot {
		size = 8
	}
	label := object{"show": false}
	if named && e.name != "" {
		weight := 400
		if dot {
			weight = 600
		}
		label = object{
			"show": true, "position": "right", "distance": 6, "offset": []int{0, e.shift}, "color": e.colour,
			"fontFamily": fontFamily, "fontSize": fontSize, "fontWeight": weight,
		}
	}
	return object{
		"symbol": "circle", "symbolSize": size, "silent": true, "animation": false,
		"data": []any{object{"coord": []any{e.place, plain(e.value)}, "value": e.name, "label": label}},
	}
}
