package warehouse

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"daybook/internal/calendar"
	"daybook/internal/fault"

	"github.com/duckdb/duckdb-go/v2"
)

// one refuses anything but a single SELECT, without preparing it: the driver runs all but the last of several statements to prepare them.
func (w *DuckDB) one(ctx context.Context, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return fault.New(fault.Invalid, "the SQL is not UTF-8", "save the file as UTF-8")
	}
	var answer string
	err := w.db.QueryRowContext(ctx, `SELECT json_serialize_sql(?::VARCHAR, skip_default := true, skip_null := true, skip_empty := true)::VARCHAR`, text).Scan(&answer)
	if err != nil {
		return engineFault(ctx, "read the SQL", "", 0, err)
	}
	var parsed struct {
		Kind       string            `json:"error_type"`
		Message    string            `json:"error_message"`
		Position   string            `json:"position"`
		Statements []json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		return fmt.Errorf("read the SQL: %w", err)
	}
	switch {
	case parsed.Kind == "parser":
		f := fault.New(fault.Invalid, parsed.Message, "")
		f.Line, f.Column = syntaxPlace(text, parsed.Position)
		return f
	case len(parsed.Statements) != 1:
		return fault.New(fault.Invalid, "this is not exactly one SELECT", "write one SELECT")
	}
	return nil
}

// Query implements Warehouse.
func (w *DuckDB) Query(ctx context.Context, text string, day calendar.Day) (Rows, error) {
	if w.options.Guard != nil {
		if err := w.options.Guard(ctx, text); err != nil {
			return Rows{}, err
		}
	}
	select {
	case w.readers <- struct{}{}:
		defer func() { <-w.readers }()
	case <-ctx.Done():
		return Rows{}, fmt.Errorf("wait for a free reader: %w", ctx.Err())
	}
	if err := w.one(ctx, text); err != nil {
		return Rows{}, err
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return Rows{}, engineFault(ctx, "query", "", 0, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return Rows{}, engineFault(ctx, "query", "", 0, err)
	}
	rows, err := w.read(ctx, conn, text, day)
	if end := rollback(ctx, conn); err == nil {
		err = end
	}
	return rows, err
}

func (w *DuckDB) read(ctx context.Context, conn *sql.Conn, text string, day calendar.Day) (Rows, error) {
	answer, err := conn.QueryContext(ctx, text, sql.Named("day", date(day)))
	if err != nil {
		return Rows{}, engineFault(ctx, "query", text, 0, err)
	}
	defer answer.Close()
	types, err := answer.ColumnTypes()
	if err != nil {
		return Rows{}, fmt.Errorf("query: %w", err)
	}
	rows := Rows{Columns: make([]Column, len(types))}
	for i, t := range types {
		rows.Columns[i] = Column{Name: t.Name(), Type: t.DatabaseTypeName()}
	}
	for answer.Next() {
		row, err := w.row(answer, rows.Columns)
		if err != nil {
			return Rows{}, err
		}
		rows.Values = append(rows.Values, row)
	}
	if err := answer.Err(); err != nil {
		return Rows{}, engineFault(ctx, "query", text, 0, err)
	}
	return rows, nil
}

// value turns what the driver gives for a type into one of the kinds that Rows promises.
func (w *DuckDB) value(v any, kind string) (any, error) {
	switch x := v.(type) {
	case nil, bool, int64, float64:
		if strings.HasPrefix(kind, "JSON") && v != nil {
			return asJSON(v)
		}
		return v, nil
	case string:
		if kind == "JSON" {
			return asJSON(v)
		}
		return x, nil
	case int8:
		return int64(x), nil
	case int16:
		return int64(x), nil
	case int32:
		return int64(x), nil
	case uint8:
		return int64(x), nil
	case uint16:
		return int64(x), nil
	case uint32:
		return int64(x), nil
	case uint64:
		return whole(new(big.Int).SetUint64(x))
	case *big.Int:
		return whole(x)
	case float32:
		return float64(x), nil
	case duckdb.Decimal:
		return x.Float64(), nil
	case time.Time:
		return w.instant(x, kind), nil
	case []byte:
		if kind == "UUID" && len(x) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", x[:4], x[4:6], x[6:8], x[8:10], x[10:]), nil
		}
		return hex.EncodeToString(x), nil
	case duckdb.UUID:
		return x.String(), nil
	case []any:
		if !strings.HasSuffix(kind, "]") {
			return asJSON(v)
		}
		return w.list(x, kind[:strings.LastIndexByte(kind, '[')])
	}
	return asJSON(v)
}

func (w *DuckDB) list(items []any, kind string) (any, error) {
	out := make([]any, len(items))
	for i, item := range items {
		var err error
		if out[i], err = w.value(item, kind); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *DuckDB) instant(t time.Time, kind string) any {
	switch {
	case kind == "DATE":
		return calendar.DayOf(t, time.UTC)
	case strings.HasPrefix(kind, "TIMESTAMPTZ"), strings.HasPrefix(kind, "TIMESTAMP WITH TIME ZONE"):
		return t.In(w.options.Zone)
	case strings.HasPrefix(kind, "TIMESTAMP"):
		return t.UTC()
	}
	return t.Format("15:04:05.999999")
}

func whole(n *big.Int) (any, error) {
	if !n.IsInt64() {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("%s does not fit into 64 bits", n), "CAST it to DOUBLE or VARCHAR")
	}
	return n.Int64(), nil
}

func asJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v), nil
	}
	return string(b), nil
}
