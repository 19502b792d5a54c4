package examples_test

import (
	"slices"
	"strconv"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/generate"
)

// halls are those that the API knows of the performances of all days until one.
func (t *truth) halls(until calendar.Day) map[string]generate.Hall {
	out := map[string]generate.Hall{}
	for _, day := range calendar.Range(t.from, until) {
		for _, p := range t.Performances(day) {
			if h, ok := t.Hall(p.Hall); ok {
				out[h.ID] = h
			}
		}
	}
	return out
}

// performances are the rows of performance_list by ID.
func (t *truth) performances(day calendar.Day) [][]any {
	halls := t.halls(day)
	var rows [][]any
	for _, p := range t.Performances(day) {
		var lowest, highest any
		for _, s := range p.Seats {
			won := int64(s.Won)
			if lowest == nil || won < lowest.(int64) {
				lowest = won
			}
			if highest == nil || won > highest.(int64) {
				highest = won
			}
		}
		rows = append(rows, []any{p.ID, p.Title, p.Genre, p.State(day), p.From, p.To, p.Hall, p.HallName, null(halls[p.Hall].District), null(p.Prices), lowest, highest})
	}
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	return rows
}

// seats are the rows of seat_prices.
func (t *truth) seats(day calendar.Day) [][]any {
	var rows [][]any
	for _, p := range t.Performances(day) {
		for i, s := range p.Seats {
			rows = append(rows, []any{p.ID, int64(i + 1), s.Grade, int64(s.Won)})
		}
	}
	slices.SortStableFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	return rows
}

// genres counts performances, those that open, and the mean of the lowest prices.
func (t *truth) genres(day calendar.Day) [][]any {
	var f figures
	for _, row := range t.performances(day) {
		genre := row[2]
		f.add(genre, 0, 1)
		if row[4] == day {
			f.add(genre, 1, 1)
		}
		if row[10] != nil {
			f.add(genre, 2, row[10].(int64))
			f.add(genre, 3, 1)
		}
	}
	rows := f.rows(4)
	for i, r := range rows {
		var mean any
		if n := r[4].(int64); n > 0 {
			mean = float64(r[3].(int64)) / float64(n)
		}
		rows[i] = []any{r[0], r[1], r[2], mean}
	}
	return rows
}

// attractions are those shown after all days, as they were written last, by ID.
func (t *truth) attractions() []generate.Attraction {
	last := map[int64]generate.Attraction{}
	for _, day := range calendar.Range(t.from, t.through) {
		for _, a := range t.Attractions(day) {
			last[a.ID] = a
		}
	}
	var list []generate.Attraction
	for _, a := range last {
		if !a.Hidden {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b generate.Attraction) int { return int(a.ID - b.ID) })
	return list
}

func (t *truth) attractionRows() [][]any {
	number := func(s string) any {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil
		}
		return v
	}
	var rows [][]any
	for _, a := range t.attractions() {
		var code, district any
		if a.District > 0 {
			code, district = int64(a.District), t.Districts()[a.District-1]
		}
		rows = append(rows, []any{a.ID, int64(a.Type), a.Title, a.Address, code, district, number(a.Lon), number(a.Lat), null(a.Tel), a.Modified.Format("2006-01-02 15:04:05")})
	}
	return rows
}

// districts counts attractions, halls, their seats and libraries.
func (t *truth) districts() [][]any {
	var f figures
	name := func(s string) any {
		if s == "" {
			return "-"
		}
		return s
	}
	for _, d := range t.Districts() {
		f.add(d, 0, 0)
	}
	for _, a := range t.attractions() {
		district := ""
		if a.District > 0 {
			district = t.Districts()[a.District-1]
		}
		f.add(name(district), 0, 1)
	}
	for _, h := range t.halls(t.through) {
		f.add(name(h.District), 1, 1)
		f.add(name(h.District), 2, int64(h.Seats))
	}
	for _, r := range t.Readers() {
		f.add(name(r.District), 3, 1)
	}
	return f.rows(4)
}
