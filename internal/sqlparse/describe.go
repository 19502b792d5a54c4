package sqlparse

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/internal/fault"

	"github.com/duckdb/duckdb-go/v2"
)

// Describe binds the statement against empty tables of the given columns and returns the columns it gives, in order. Unknown tables, columns and
// functions, and types that do not go together, are faults of code invalid with line, column and the engine's suggestion as the hint.
func (p *Parser) Describe(ctx context.Context, text string, inputs map[string][]Column) (columns []Column, err error) {
	if _, err := p.Parse(ctx, text); err != nil {
		return nil, err
	}
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe SQL: %w", err)
	}
	defer conn.Close()
	// The scratch tables live in a transaction that never ends well, so the connection goes back empty.
	if _, err := conn.ExecContext(ctx, "SET errors_as_json = true; BEGIN"); err != nil {
		return nil, fmt.Errorf("describe SQL: %w", err)
	}
	defer func() {
		if _, end := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); end != nil && err == nil {
			err = fmt.Errorf("describe SQL: %w", end)
		}
	}()
	for name, inputColumns := range inputs {
		if err := scratch(ctx, conn, name, inputColumns); err != nil {
			return nil, err
		}
	}
	const prefix = "DESCRIBE "
	day := sql.Named(Day, duckdb.Typed(time.Unix(0, 0).UTC(), duckdb.TYPE_DATE))
	rows, err := conn.QueryContext(ctx, prefix+text, day)
	if err != nil {
		return nil, bindFault(text, len(prefix), err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Column
		var nullable, key, standard, extra sql.NullString
		if err := rows.Scan(&c.Name, &c.Type, &nullable, &key, &standard, &extra); err != nil {
			return nil, fmt.Errorf("describe SQL: %w", err)
		}
		c.Type = shortType(c.Type)
		columns = append(columns, c)
	}
	if err := rows.Err(); err != nil {
		return nil, bindFault(text, len(prefix), err)
	}
	return columns, unique(columns)
}

func scratch(ctx context.Context, conn *sql.Conn, name string, columns []Column) error {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quote(c.Name) + " " + c.Type
	}
	if len(list) == 0 {
		return fmt.Errorf("describe SQL: input %s has no columns", name)
	}
	if _, err := conn.ExecContext(ctx, "CREATE TEMP TABLE "+quote(name)+" ("+strings.Join(list, ", ")+")"); err != nil {
		return fmt.Errorf("describe SQL: make the input %s: %w", name, err)
	}
	return nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// shortType spells instants as a project does.
func shortType(t string) string {
	return strings.ReplaceAll(t, "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
}

func unique(columns []Column) error {
	var seen []string
	for _, c := range columns {
		if slices.Contains(seen, strings.ToLower(c.Name)) {
			return fault.New(fault.Invalid, fmt.Sprintf("there are two columns named %s", c.Name), "give one of them another name with AS")
		}
		seen = append(seen, strings.ToLower(c.Name))
	}
	return nil
}

// bindFault turns the engine's error about prefix+text into a fault about the text.
func bindFault(text string, prefix int, err error) error {
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		return fmt.Errorf("describe SQL: %w", err)
	}
	var said struct {
		Kind       string `json:"exception_type"`
		Message    string `json:"exception_message"`
		Candidates string `json:"candidates"`
		Position   string `json:"position"`
	}
	body := engine.Msg[max(0, strings.IndexByte(engine.Msg, '{')):]
	if json.Unmarshal([]byte(body), &said) != nil {
		return fmt.Errorf("describe SQL: %w", err)
	}
	at := offset(said.Position)
	if at >= prefix {
		at -= prefix
	} else {
		at = -1
	}
	message, hint, _ := strings.Cut(said.Message, "\n")
	hint = strings.Join(strings.Fields(hint), " ")
	hint = strings.Replace(hint, "Candidate bindings: :", "Candidate bindings:", 1)
	return invalid(text, at, strings.TrimSuffix(message, "!"), strings.TrimSuffix(hint, "!"))
}
