package templates

import (
	"math"
	"strconv"
	"strings"
)

// Spark is a small line of the last days; a NaN is a day without a value.
type Spark struct {
	Label     string // in words
	Points    []float64
	Low, High float64 // the normal range; equal values draw no band
	Hollow    bool    // the last day is not whole
}

const (
	sparkWidth  = 200.0
	sparkTop    = 3.0
	sparkBottom = 31.0
)

// sparkDrawing is a Spark in coordinates.
type sparkDrawing struct {
	Path        string
	Band        bool
	BandY, High string
	Dot         bool
	DotX, DotY  string
}

// draw lays the points out from left to right; a day without a value lifts the pen.
func (s Spark) draw() sparkDrawing {
	y := s.scale()
	var b strings.Builder
	var d sparkDrawing
	down := false
	for i, v := range s.Points {
		if math.IsNaN(v) {
			down = false
			continue
		}
		pen := "M"
		if down {
			pen = "L"
		}
		down, d.Dot = true, true
		d.DotX, d.DotY = num(s.x(i)), num(y(v))
		b.WriteString(pen + d.DotX + " " + d.DotY)
	}
	d.Path = b.String()
	if s.Low < s.High {
		d.Band, d.BandY, d.High = true, num(y(s.High)), num(y(s.Low)-y(s.High))
	}
	return d
}

// scale maps a value to its height in the drawing.
func (s Spark) scale() func(float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	values := s.Points
	if s.Low < s.High {
		values = append([]float64{s.Low, s.High}, values...)
	}
	for _, v := range values {
		if !math.IsNaN(v) {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	return func(v float64) float64 {
		if high <= low {
			return (sparkTop + sparkBottom) / 2
		}
		return sparkBottom - (v-low)*(sparkBottom-sparkTop)/(high-low)
	}
}

func (s Spark) x(i int) float64 {
	if len(s.Points) < 2 {
		return sparkWidth - 6
	}
	return 2 + float64(i)*(sparkWidth-8)/float64(len(s.Points)-1)
}

// num writes a coordinate with one digit at most.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
