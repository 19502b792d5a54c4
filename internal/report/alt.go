package report

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/text"
)

// Heading is the section's title, and its name where it has none.
func (s Section) Heading(l text.Locale) string {
	if t := s.Title.In(string(l)); t != "" {
		return t
	}
	return s.Name
}

// Alt is the sentence that says what a section's chart shows, with its number, for those who do not see the chart.
func Alt(s Section, l text.Locale) string {
	title := s.Heading(l)
	if s.Kind == KindText {
		return title
	}
	if s.Empty() {
		return l.T("report.none", title)
	}
	switch {
	case s.KPI != nil:
		return kpiAlt(s, l)
	case s.Table != nil:
		return l.T("report.rows", title, l.Count(int64(s.Table.Count)))
	case s.Kind == KindFunnel:
		first, last := s.Marks.Rows[0], s.Marks.Rows[len(s.Marks.Rows)-1]
		return l.T("report.funnel", title, cut(first.Label.text(l)), s.Number(first.Value, l), cut(last.Label.text(l)), s.Number(last.Value, l))
	}
	where, most, total := s.greatest(l)
	if most == nil {
		return l.T("report.none", title)
	}
	n, pattern := s.Number(most, l), "report.highest"
	if s.Format == FormatNumber {
		pattern = "report.most"
	}
	sentence := l.T(pattern, title, where, n, particle(n, l))
	if s.Format == FormatNumber && total != nil {
		sentence += ", " + l.T("report.total", s.Number(total, l))
	}
	return sentence
}

func kpiAlt(s Section, l text.Locale) string {
	parts := []string{l.T("report.value", s.Heading(l), s.Number(s.KPI.Value, l))}
	for i, c := range Changes(s, l) {
		switch c.Arrow {
		case Up:
			parts = append(parts, l.T("report.up", c.Against, c.Text))
		case Down:
			parts = append(parts, l.T("report.down", c.Against, c.Text))
		case Same:
			parts = append(parts, l.T("report.same", c.Against))
		default:
			parts = append(parts, l.T("report.compareAbsent", earlier(s.Compare[i], l)))
		}
	}
	return strings.Join(parts, ", ")
}

// greatest finds the first greatest value of the day itself, where it stands, and the sum of all.
func (s Section) greatest(l text.Locale) (where string, most, total *float64) {
	var sum float64
	see := func(v *float64, place func() string) {
		if v == nil {
			return
		}
		sum += *v
		if most == nil || *v > *most {
			most, where = v, place()
		}
	}
	switch {
	case s.Lines != nil:
		for _, line := range s.Lines.own() {
			for i, v := range line.Values {
				see(v, func() string {
					at := s.Lines.X.Cells[i].along(s.Lines.X, l)
					if len(s.Lines.own()) > 1 {
						return cut(s.seriesName(line, l)) + " " + at
					}
					return at
				})
			}
		}
	case s.Grid != nil:
		for y, line := range s.Grid.Values {
			for x, v := range line {
				see(v, func() string {
					return l.T("report.point", s.Grid.Y.Cells[y].along(s.Grid.Y, l), s.Grid.X.Cells[x].along(s.Grid.X, l))
				})
			}
		}
	case s.Marks != nil:
		for _, m := range s.Marks.Rows {
			see(m.Value, func() string { return cut(m.Label.text(l)) })
		}
		return where, most, s.Marks.Total
	}
	if s.Lines != nil && s.Measure == "" {
		return where, most, nil // different measures do not add up
	}
	return where, most, &sum
}

// own are the series of the day itself.
func (g *Lines) own() []Line {
	return slices.DeleteFunc(slices.Clone(g.Series), func(line Line) bool { return !line.Before.IsZero() })
}

// seriesName names a series: the compared day, its words, or its data. One line by itself is the section; beside a compared
// day it is its own day.
func (s Section) seriesName(line Line, l text.Locale) string {
	if !line.Before.IsZero() {
		return l.DayShort(line.Before)
	}
	if t := line.Title.In(string(l)); t != "" {
		return t
	}
	switch own := len(s.Lines.own()); {
	case own == 1 && len(s.Lines.Series) > 1:
		return l.DayShort(s.day())
	case own == 1 && line.Name == s.Measure:
		return s.Heading(l)
	}
	return line.Name
}

// day is the day that the section is about, known from what it is compared with.
func (s Section) day() (day calendar.Day) {
	for _, c := range s.Compare {
		if c.With == WithWeek {
			return c.Day.Add(7)
		}
		day = c.Day.Add(1)
	}
	return day
}

// Usual says in words what is usual for the weekday of day, such as "최근 8주 월요일은 21.8–23.4%였습니다."; empty where it is not known.
func Usual(s Section, day calendar.Day, l text.Locale) string {
	if s.KPI == nil || s.KPI.Usual == nil {
		return ""
	}
	u := s.KPI.Usual
	return l.T("report.usual", u.Days, weekday(Comparison{Day: day}, l), Bare(&u.Low, s.Format, s.Digits, l), s.Number(&u.High, l))
}

// Headline is the line that a mail's preheader and subject can begin with: the kpis marked as headline, or the first one.
func Headline(f Figures, l text.Locale) string {
	var first, marked []string
	for _, s := range f.Sections {
		switch {
		case s.KPI == nil:
		case s.Headline:
			marked = append(marked, Alt(s, l))
		case len(first) == 0:
			first = append(first, Alt(s, l))
		}
	}
	if len(marked) == 0 {
		marked = first
	}
	return strings.Join(marked, " · ")
}

// text is the cell for readers: days and instants in ISO form, numbers grouped.
func (c Cell) text(l text.Locale) string {
	switch v := c.Value.(type) {
	case nil:
		return text.Dash
	case int64:
		return l.Count(v)
	case float64:
		return l.Decimal(v, 2)
	case bool:
		if v {
			return l.T("report.yes")
		}
		return l.T("report.no")
	case time.Time:
		return v.Format("2006-01-02 15:04")
	}
	return c.String()
}

// along is the cell as a place on an axis: 13시, 5월 22일, or as it is.
func (c Cell) along(a Axis, l text.Locale) string {
	switch v := c.Value.(type) {
	case int64:
		if a.Kind == axisHour {
			return l.T("report.hour", v)
		}
		return c.String() // a year or a number of a thing is not a count
	case calendar.Day:
		return l.DayShort(v)
	}
	return cut(c.text(l))
}

// particle is the Korean subject particle for a word: 이 after a final consonant, 가 after a vowel, as the word is read aloud.
func particle(word string, l text.Locale) string {
	if l != text.Korean {
		return ""
	}
	last, _ := utf8.DecodeLastRuneInString(word)
	switch {
	case last >= '가' && last <= '힣':
		if (last-'가')%28 == 0 {
			return "가"
		}
		return "이"
	case strings.ContainsRune("013678", last): // 영 일 삼 육 칠 팔
		return "이"
	}
	return "가" // 이 사 오 구, 퍼센트
}

// words is the section's title for a column of its measure.
func words(w project.Words, fallback string, l text.Locale) string {
	if s := w.In(string(l)); s != "" {
		return s
	}
	return fallback
}
