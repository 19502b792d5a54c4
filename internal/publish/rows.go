package publish

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// layout is which columns of the mart are published, how they are called, and which of them name a row.
type layout struct {
	request Request
	columns []column
	key     []int // of columns
	day     int   // the published column that holds the day, -1 for none
	dayAt   int   // the same in the mart's rows
	sent    int64
}

type column struct {
	Column
	as string // its name in the target
	at int    // its place in the mart's rows
}

func layoutOf(r Request) (*layout, error) {
	l := &layout{request: r, day: -1, dayAt: -1}
	for i, c := range r.Columns {
		if c.Name == "day" {
			l.dayAt = i
		}
	}
	if len(r.Publication.Columns) == 0 {
		for i, c := range r.Columns {
			l.columns = append(l.columns, column{c, c.Name, i})
		}
	}
	for _, p := range r.Publication.Columns {
		i := slices.IndexFunc(r.Columns, func(c Column) bool { return c.Name == p.Column })
		if i < 0 {
			return nil, invalid(r, fmt.Sprintf("columns names %s, which %s does not have", p.Column, r.Publication.Mart), "it has "+l.names())
		}
		l.columns = append(l.columns, column{r.Columns[i], p.As, i})
	}
	l.day = l.find("day")
	keys := r.Keys
	if len(keys) == 0 {
		keys = r.Publication.Key
	}
	for _, k := range keys {
		i := l.find(k)
		if i < 0 {
			return nil, invalid(r, fmt.Sprintf("the key names %s, which is not published", k), "add it to columns:, or write key: with published columns")
		}
		l.key = append(l.key, i)
	}
	if r.Publication.Mode == "upsert" && len(l.key) == 0 && r.Publication.Redis.Member == "" { // members are keys
		return nil, invalid(r, "mode: upsert without a key", "write key: with the columns that name a row")
	}
	if r.Publication.Mode == "day" && (r.Day.IsZero() || l.dayAt < 0) {
		return nil, invalid(r, fmt.Sprintf("mode: day, and %s has no days", r.Publication.Mart), "write mode: swap")
	}
	return l, nil
}

func (l *layout) names() string {
	var names []string
	for _, c := range l.request.Columns {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// find is the place among the published columns of a column of the mart, -1 when it is not published.
func (l *layout) find(name string) int {
	return slices.IndexFunc(l.columns, func(c column) bool { return c.Name == name })
}

// each calls f with the published values of every row, and holds that the rows are as many as they should be and of the day asked for.
func (l *layout) each(ctx context.Context, f func(row []any) error) error {
	r := l.request
	l.sent = 0
	for mart, err := range r.Rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", r.Publication.Mart, err)
		}
		if len(mart) != len(r.Columns) {
			return fmt.Errorf("read %s: a row has %d values for %d columns", r.Publication.Mart, len(mart), len(r.Columns))
		}
		row := make([]any, len(l.columns))
		for i, c := range l.columns {
			row[i] = mart[c.at]
		}
		if l.dayAt >= 0 && r.Publication.Mode != "swap" && !r.Day.IsZero() && mart[l.dayAt] != any(r.Day) {
			return fault.New(fault.Damaged, fmt.Sprintf("%s gave a row of another day than %s: %s", r.Publication.Mart, r.Day, l.name(row)), "build the mart again")
		}
		for _, k := range l.key {
			if row[k] == nil {
				return fault.New(fault.CheckFailed, fmt.Sprintf("%s of the key is null in the row %s", l.columns[k].Name, l.name(row)),
					"leave such rows out of the mart, or take another key:")
			}
		}
		l.sent++
		if err := f(row); err != nil {
			return err
		}
	}
	if l.sent != r.Count {
		return fault.New(fault.Damaged, fmt.Sprintf("%s gave %d rows and has %d", r.Publication.Mart, l.sent, r.Count), "run the publication again")
	}
	return nil
}

// name is how people find the row: its key, or all of it, cut.
func (l *layout) name(row []any) string {
	which := l.key
	if len(which) == 0 {
		for i := range l.columns {
			which = append(which, i)
		}
	}
	var parts []string
	for _, i := range which {
		parts = append(parts, l.columns[i].as+"="+show(row[i], l.columns[i].Type))
	}
	return cut(strings.Join(parts, ", "), 200)
}

func show(v any, kind string) string {
	if v == nil {
		return "null"
	}
	if items, ok := v.([]any); ok {
		return fmt.Sprintf("%d items", len(items))
	}
	return cut(strings.ReplaceAll(strings.ToValidUTF8(plain(v, kind), "\ufffd"), "\x00", `\0`), 60)
}

func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}

// bad is a value that the target cannot hold.
func (l *layout) bad(row []any, at int, what, hint string) error {
	return fault.New(fault.Invalid, fmt.Sprintf("%s of the row %s %s", l.columns[at].Name, l.name(row), what), hint)
}

func (l *layout) twice(row []any) error {
	return fault.New(fault.CheckFailed, "two rows have the key "+l.name(row), keyHint)
}

const keyHint = "name the columns that make a row unique in key:, or mend the mart"

// distinct holds that no key comes twice, in 16 bytes for each row; of rows without a key it holds nothing.
func (l *layout) distinct() func(row []any) error {
	seen := map[[16]byte]struct{}{}
	return func(row []any) error {
		if len(l.key) == 0 {
			return nil
		}
		sum := sha256.Sum256([]byte(l.joined(row)))
		short := [16]byte(sum[:16])
		if _, ok := seen[short]; ok {
			return l.twice(row)
		}
		seen[short] = struct{}{}
		return nil
	}
}

var joint = strings.NewReplacer("%", "%25", ":", "%3A")

// joined is the key as one text: the value itself, or those of several columns with colons between.
func (l *layout) joined(row []any) string {
	if len(l.key) == 1 {
		return plain(row[l.key[0]], l.columns[l.key[0]].Type)
	}
	parts := make([]string, len(l.key))
	for i, k := range l.key {
		parts[i] = joint.Replace(plain(row[k], l.columns[k].Type))
	}
	return strings.Join(parts, ":")
}

// dated puts the day into a name.
func dated(text string, d calendar.Day) string {
	return strings.NewReplacer("{day}", d.String(), "{yyyy}", d.Format("2006"), "{mm}", d.Format("01"), "{dd}", d.Format("02")).Replace(text)
}
