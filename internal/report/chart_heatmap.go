package report

import (
	"fmt"
	"math"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"daybook/internal/text"
)

const (
	heatRow    = 26
	heatTop    = 4
	heatAxis   = 24
	heatKey    = 28
	heatValues = 40 // pixels that a cell needs to hold its number
)

func heatHeight(s Section, w Width) int {
	return heatTop + heatRow*len(s.Grid.Y.Cells) + heatAxis + heatKey
}

// heatOption draws one hue in seven steps. Cells that were not received are empty outlines.
func heatOption(s Section, l text.Locale, w Width) (object, error) {
	data, absent := s.heatData()
	_, most, _ := s.greatest(l)
	step := heatStep(*most)
	c := charts.NewHeatMap()
	c.AddSeries(s.Heading(l), data)
	c.AddSeries("", absent)
	option, series, err := base(c)
	if err != nil {
		return nil, err
	}
	left := 0
	for _, cell := range s.Grid.Y.Cells {
		left = max(left, advance(cell.along(s.Grid.Y, l)))
	}
	left = min(left+12, int(w)*2/5)
	room := int(w) - left
	series[0]["itemStyle"] = object{"borderColor": paper, "borderWidth": 1}
	series[0]["emphasis"] = object{"disabled": true}
	if room/max(len(s.Grid.X.Cells), 1) >= heatValues {
		s.heatLabels(series[0], step)
	}
	for k, v := range (object{
		"silent": true, "tooltip": object{"show": false}, "emphasis": object{"disabled": true},
		"itemStyle": object{"color": paper, "borderColor": hair, "borderWidth": 1},
	}) {
		series[1][k] = v
	}
	option["grid"] = object{"left": left, "top": heatTop, "right": 1, "bottom": heatAxis + heatKey}
	option["tooltip"] = object{"show": true, "trigger": "item", "renderMode": "richText", "confine": true, "valueFormatter": s.formatter()}
	option["xAxis"] = categoryAxis(s.Grid.X.places(), object{"formatter": s.Grid.X.formatter(l), "interval": labelInterval(s.Grid.X, l, room)})
	y := categoryAxis(s.Grid.Y.places(), object{"formatter": s.Grid.Y.formatter(l), "width": left - 10, "overflow": "truncate", "interval": 0})
	y["inverse"] = true
	option["yAxis"] = y
	option["visualMap"] = s.heatMap(step, l, w)
	return option, nil
}

func (s Section) heatData() (data, absent []opts.HeatMapData) {
	for y, line := range s.Grid.Values {
		for x, v := range line {
			if v == nil {
				absent = append(absent, opts.HeatMapData{Value: []any{x, y, 0}})
			} else {
				data = append(data, opts.HeatMapData{Value: []any{x, y, plain(v)}})
			}
		}
	}
	return data, absent
}

// heatStep is a seventh of the range, rounded up to two figures.
func heatStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	raw := most / heatSteps
	unit := math.Pow(10, math.Floor(math.Log10(raw))-1)
	return significant(math.Ceil(significant(raw/unit)) * unit)
}

// heatClass is which of the seven steps a value lies in.
func heatClass(v, step float64) int {
	return max(0, min(heatSteps-1, int(math.Floor(significant(v/step)))))
}

// heatMap gives each step its colour, and its lower end as the words of the key.
func (s Section) heatMap(step float64, l text.Locale, w Width) object {
	gap := 10
	if w <= Narrow {
		gap = 4
	}
	var pieces []any
	for i := range heatSteps {
		from := significant(float64(i) * step)
		piece := object{"color": fmt.Sprintf("--q%d", i), "label": Number(&from, s.Format, s.Digits, "", l)}
		if i > 0 {
			piece["gte"] = from
		}
		if i < heatSteps-1 {
			piece["lt"] = significant(float64(i+1) * step)
		}
		pieces = append(pieces, piece)
	}
	return object{
		"type": "piecewise", "pieces": pieces, "dimension": 2, "seriesIndex": 0, "selectedMode": false, "hoverLink": false,
		"orient": "horizontal", "right": 0, "bottom": 0, "itemWidth": 12, "itemHeight": 8, "itemGap": gap, "textGap": 4, "padding": 0,
		"textStyle": object{"fontFamily": fontFamily, "fontSize": 11, "color": ink2},
	}
}

// heatLabels writes the number in each cell, in an ink that can be read on the cell's colour.
func (s Section) heatLabels(series object, step float64) {
	series["label"] = object{"show": true, "formatter": s.formatter(), "fontFamily": fontFamily, "fontSize": 11}
	items, _ := series["data"].([]any)
	for _, item := range items {
		o, ok := item.(object)
		if !ok {
			continue
		}
		place, _ := o["value"].([]any)
		v, _ := place[2].(float64)
		colour := "--q-ink"
		switch class := heatClass(v, step); {
		case class == 4:
			colour = "--q4-ink"
		case class > 4:
			colour = "--q-ink-2"
		}
		o["label"] = object{"color": colour}
	}
}
