package export

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"daybook/internal/calendar"
)

// Formats of a column.
const (
	Number  = "number"  // 100,096
	Percent = "percent" // of a ratio: 0.25 is 25%
	Decimal = "decimal" // 2.05, with as many digits as the column says
	Text    = "text"    // as it is; a number in it is written without separators
	Date    = "day"     // 2026-11-19
)

// Book is what a workbook holds.
type Book struct {
	Title, Subtitle string
	Author, Link    string    // for the document's properties; Link is the edition's permalink
	Created         time.Time // when the edition was built; no clock is asked
	Zone            *time.Location
	Sheets          []Sheet // none gives one empty sheet
}

// Sheet is a section's rows. Title and Note stand above the head of the columns where they are not empty.
type Sheet struct {
	Name, Title, Note string // Name is made valid and unique
	Columns           []Column
	Rows              [][]any // nil, int64, float64, string, bool, calendar.Day, time.Time; one value for each column
}

// Column says how the values of a column are written.
type Column struct {
	Name, Label string // Label is the head, Name where it is empty
	Format      string // one of the formats; empty is Text
	Digits      int    // after the point, for Percent and Decimal
}

// What Excel can hold.
const (
	maxRows    = 1_048_576
	maxColumns = 16_384
	maxCell    = 32_767 // UTF-16 units of a cell's text
	maxDigits  = 10
	maxExact   = 1_000_000_000_000_000 // Excel keeps fifteen digits of a number
)

// XLSX writes the book as an Excel workbook. Numbers, days, instants (on the zone's clock) and truth values are cells of their kind;
// what such a cell cannot hold (a whole number of more than fifteen digits, a day before March 1900) is text. Text is never a formula,
// and keeps to be none when somebody edits its cell.
func XLSX(w io.Writer, b Book) error {
	f := excelize.NewFile()
	defer f.Close()
	f.SetZipWriter(sorted)
	if err := properties(f, b); err != nil {
		return fmt.Errorf("write the properties of a workbook: %w", err)
	}
	if len(b.Sheets) == 0 {
		b.Sheets = []Sheet{{Name: b.Title, Title: b.Title}}
	}
	names := sheetNames(b.Sheets)
	if err := f.SetSheetName(f.GetSheetName(0), names[0]); err != nil {
		return fmt.Errorf("name the first sheet %s: %w", names[0], err)
	}
	for _, name := range names[1:] {
		if _, err := f.NewSheet(name); err != nil {
			return fmt.Errorf("add sheet %s: %w", name, err)
		}
	}
	styles := palette{file: f, made: map[look]int{}}
	for i, s := range b.Sheets {
		if err := writeSheet(f, &styles, names[i], s, b.Zone); err != nil {
			return fmt.Errorf("write sheet %s: %w", names[i], err)
		}
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	return nil
}

func properties(f *excelize.File, b Book) error {
	created := b.Created.UTC().Format(time.RFC3339)
	author := capped(oneLine(b.Author), 255)
	err := f.SetDocProps(&excelize.DocProperties{
		Title: capped(oneLine(b.Title), 255), Subject: capped(oneLine(b.Subtitle), 255), Creator: author, LastModifiedBy: author,
		Description: capped(oneLine(b.Link), 2000), Created: created, Modified: created,
	})
	if err != nil {
		return err
	}
	return f.SetAppProps(&excelize.AppProperties{Application: "Daybook"})
}

// writeSheet streams a sheet: title, note, head, rows.
func writeSheet(f *excelize.File, styles *palette, name string, s Sheet, zone *time.Location) error {
	head := 1
	for _, line := range []string{s.Title, s.Note} {
		if oneLine(line) != "" {
			head++
		}
	}
	if len(s.Columns) > maxColumns || head+len(s.Rows) > maxRows {
		return fmt.Errorf("%d columns and %d rows are more than a sheet can hold", len(s.Columns), len(s.Rows))
	}
	last, err := excelize.CoordinatesToCellName(max(len(s.Columns), 1), head+len(s.Rows))
	if err != nil {
		return err
	}
	if err := prepare(f, name, head, last); err != nil {
		return err
	}
	out, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	if err := frame(out, s, head); err != nil {
		return err
	}
	if err := heading(out, styles, s, head); err != nil {
		return err
	}
	t := typist{styles: styles, columns: s.Columns, zone: zone}
	for i, row := range s.Rows {
		if len(row) != len(s.Columns) {
			return fmt.Errorf("row %d has %d values for %d columns", i+1, len(row), len(s.Columns))
		}
		cells, err := t.row(row)
		if err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
		if err := out.SetRow(fmt.Sprintf("A%d", head+1+i), cells); err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	if len(s.Columns) > 0 {
		// The filter's name in the workbook is made here, its element is written by Flush.
		if err := f.AutoFilter(name, fmt.Sprintf("A%d:%s", head, last), nil); err != nil {
			return err
		}
	}
	return out.Flush()
}

// prepare sets what stands before the rows of a sheet: its extent, and how it is printed.
func prepare(f *excelize.File, name string, head int, last string) error {
	fit, wideways, one, many := true, "landscape", 1, 0
	if err := f.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := f.SetPageLayout(name, &excelize.PageLayoutOptions{Orientation: &wideways, FitToWidth: &one, FitToHeight: &many}); err != nil {
		return err
	}
	if err := f.SetSheetDimension(name, "A1:"+last); err != nil {
		return err
	}
	titles := fmt.Sprintf("'%s'!$%d:$%d", name, head, head)
	return f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: titles, Scope: name})
}

// frame freezes everything down to the head and sets the widths.
func frame(out *excelize.StreamWriter, s Sheet, head int) error {
	if len(s.Columns) > 0 {
		panes := excelize.Panes{Freeze: true, YSplit: head, TopLeftCell: fmt.Sprintf("A%d", head+1), ActivePane: "bottomLeft"}
		if err := out.SetPanes(&panes); err != nil {
			return err
		}
	}
	for i := range s.Columns {
		if err := out.SetColWidth(i+1, i+1, columnWidth(s, i)); err != nil {
			return err
		}
	}
	return nil
}

func heading(out *excelize.StreamWriter, styles *palette, s Sheet, head int) error {
	row := 1
	for i, line := range []string{s.Title, s.Note} {
		if line = oneLine(line); line == "" {
			continue
		}
		style, err := styles.style([]look{{title: true}, {note: true}}[i])
		if err != nil {
			return err
		}
		if err := out.SetRow(fmt.Sprintf("A%d", row), []any{excelize.Cell{StyleID: style, Value: capped(line, maxCell)}}); err != nil {
			return err
		}
		row++
	}
	cells := make([]any, len(s.Columns))
	for i, c := range s.Columns {
		style, err := styles.style(look{head: true, right: c.measured()})
		if err != nil {
			return err
		}
		cells[i] = excelize.Cell{StyleID: style, Value: capped(c.head(), maxCell)}
	}
	return out.SetRow(fmt.Sprintf("A%d", head), cells)
}

func (c Column) head() string {
	if label := oneLine(c.Label); label != "" {
		return label
	}
	return oneLine(c.Name)
}

func (c Column) measured() bool {
	return c.Format == Number || c.Format == Percent || c.Format == Decimal
}

// digits that are shown after the point; a count has none.
func (c Column) digits() int {
	if c.Format == Number {
		return 0
	}
	return min(max(c.Digits, 0), maxDigits)
}

// typist turns values into cells.
type typist struct {
	styles  *palette
	columns []Column
	zone    *time.Location
}

func (t typist) row(values []any) ([]any, error) {
	cells := make([]any, len(values))
	for i, v := range values {
		value, pattern := t.cell(v, t.columns[i])
		if value == nil {
			continue
		}
		style, err := t.styles.style(look{pattern: pattern})
		if err != nil {
			return nil, err
		}
		cells[i] = excelize.Cell{StyleID: style, Value: value}
	}
	return cells, nil
}

const (
	asText    = "@"
	dayFormat = "yyyy-mm-dd"
	atFormat  = "yyyy-mm-dd hh:mm:ss"
)

// firstDate is where Excel's calendar begins to agree with everybody's.
var firstDate, lastDate = calendar.MustDay("1900-03-01"), calendar.MustDay("9999-12-31")

// cell is a value as Excel keeps it and the format that shows it.
func (t typist) cell(v any, c Column) (value any, pattern string) {
	switch v := v.(type) {
	case nil:
		return nil, ""
	case bool:
		return v, "General"
	case int64:
		if v >= maxExact || v <= -maxExact {
			return fmt.Sprint(v), asText
		}
		return v, c.pattern()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, ""
		}
		return v, c.pattern()
	case calendar.Day:
		switch {
		case v.IsZero():
			return nil, ""
		case v.Before(firstDate), v.After(lastDate):
			return v.String(), asText
		}
		y, m, d := v.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC), dayFormat
	case time.Time:
		return t.instant(v)
	case string:
		return cellText(v), asText
	}
	return cellText(fmt.Sprint(v)), asText
}

// instant is the reading of the zone's clock, as a cell knows no zones.
func (t typist) instant(v time.Time) (value any, pattern string) {
	if v.IsZero() {
		return nil, ""
	}
	if t.zone != nil {
		v = v.In(t.zone)
	}
	y, m, d := v.Date()
	if day := calendar.Date(y, m, d); day.Before(firstDate) || day.After(lastDate) {
		return v.Format("2006-01-02 15:04:05"), asText
	}
	return time.Date(y, m, d, v.Hour(), v.Minute(), v.Second(), v.Nanosecond(), time.UTC), atFormat
}

func cellText(s string) string { return capped(printable(s), maxCell) }

// pattern is Excel's spelling of a column's format, for numbers.
func (c Column) pattern() string {
	point := ""
	if n := c.digits(); n > 0 {
		point = "." + strings.Repeat("0", n)
	}
	switch c.Format {
	case Number:
		return "#,##0"
	case Percent:
		return "0" + point + "%"
	case Decimal:
		return "#,##0" + point
	}
	return "General"
}
