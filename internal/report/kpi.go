package report

import (
	"context"
	"math"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

func (r reader) kpi(ctx context.Context, s project.Section, day calendar.Day, out *Section) error {
	got, err := r.read(ctx, s, Days(s, day))
	if err != nil {
		return err
	}
	at, err := r.places(s, got, dayColumn, s.Value)
	if err != nil {
		return err
	}
	values := map[calendar.Day]*float64{}
	for _, row := range got.cells {
		d, ok := row[at[0]].Value.(calendar.Day)
		if !ok {
			return r.wrong(s, "select the day as a date", "the column day holds %q, which is not a day", row[at[0]])
		}
		if _, twice := values[d]; twice {
			return r.wrong(s, "a kpi takes one row a day; group by day", "there are several rows for %s", d)
		}
		values[d] = row[at[1]].float()
	}
	out.Format, out.Digits = s.Format, s.Digits
	if len(got.cells) > 0 || s.Format != "" {
		out.Format, out.Digits = written(s.Format, s.Digits, len(got.cells) == 0 || whole(got, at[1]))
	}
	k := &KPI{Value: values[day]}
	if s.Days > 1 {
		for _, d := range window(s, day) {
			k.History = append(k.History, Point{d, values[d]})
		}
	}
	k.Usual = usual(values, day)
	k.Unusual = k.Usual != nil && k.Value != nil && (*k.Value < k.Usual.Low || *k.Value > k.Usual.High)
	for i, c := range out.Compare {
		before := values[c.Day]
		c.Value, c.Absent = before, before == nil
		c.Change = difference(k.Value, before)
		if before != nil {
			size := math.Abs(*before)
			c.Relative = ratio(c.Change, &size)
		}
		out.Compare[i] = c
	}
	out.KPI = k
	return nil
}

// usual is the range of the last eight same weekdays; nil unless every one of them is there.
func usual(values map[calendar.Day]*float64, day calendar.Day) *Range {
	span := &Range{Low: math.Inf(1), High: math.Inf(-1), Days: usualDays}
	for week := 1; week <= usualDays; week++ {
		v := values[day.Add(-7*week)]
		if v == nil {
			return nil
		}
		span.Low, span.High = min(span.Low, *v), max(span.High, *v)
	}
	return span
}
