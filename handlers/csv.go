package handlers

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"daybook/internal/calendar"
	"daybook/templates"
)

// attach makes the answer a file of that name.
func attach(c echo.Context, name string) {
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

// answerCSV answers with a file that spreadsheets read: UTF-8 with a mark, no cell that they would run.
func answerCSV(c echo.Context, name string, columns []string, rows [][]string) error {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	for _, row := range append([][]string{columns}, rows...) {
		line := make([]string, len(row))
		for i, s := range row {
			line[i] = guarded(s)
		}
		if err := w.Write(line); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	attach(c, name)
	return c.Blob(http.StatusOK, "text/csv; charset=utf-8", b.Bytes())
}

// guarded leads what a spreadsheet would run as a formula by an apostrophe; numbers stay numbers.
func guarded(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// asksCSV reports that the page's table is wanted as a file.
func asksCSV(c echo.Context) bool { return c.QueryParam("format") == "csv" }

// csvHref is the address of the page's table as a file, with everything else of the page's address kept.
func csvHref(c echo.Context) string {
	q := c.Request().URL.Query()
	q.Set("format", "csv")
	return c.Request().URL.EscapedPath() + "?" + q.Encode()
}

func (h *Handlers) csvOf(c echo.Context, p templates.Page) []templates.Download {
	return []templates.Download{{Label: "CSV", Hint: p.T("page.csv.hint"), Href: csvHref(c)}}
}

// tableCSV answers with a page's table.
func (h *Handlers) tableCSV(c echo.Context, name string, t templates.Table) error {
	l := who(c).locale
	columns := make([]string, len(t.Columns))
	for i, col := range t.Columns {
		columns[i] = col.Label
	}
	rows := make([][]string, len(t.Rows))
	for i, r := range t.Rows {
		for _, cell := range r.Cells {
			s := cell.Text
			if cell.Status != nil {
				s = strings.TrimSpace(stateWord(*cell.Status, l) + " " + s)
			}
			rows[i] = append(rows[i], s)
		}
	}
	return answerCSV(c, name+".csv", columns, rows)
}

// plain writes a value of the warehouse as data.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case calendar.Day:
		return v.String()
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	if b, err := json.Marshal(v); err == nil {
		return string(b)
	}
	return fmt.Sprint(v)
}
