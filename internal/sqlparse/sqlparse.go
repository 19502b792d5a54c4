// Package sqlparse turns the text of a SELECT into facts without running it: the tables it reads, their positions, and the columns it gives.
package sqlparse

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"daybook/internal/fault"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// Day is the only parameter that a statement may have, written $day.
const Day = "day"

// dsn keeps statements away from files, extensions and the memory of the warehouse.
const dsn = "?autoinstall_known_extensions=false&autoload_known_extensions=false&enable_external_access=false&threads=1&memory_limit=256MB"

// Parser holds a private in-memory engine that binds statements against empty tables. It is safe for concurrent use.
type Parser struct{ db *sql.DB }

// Ref is a name as it is written in the statement. Line and Column are 1-based, Column in characters; both are 0 when unknown.
type Ref struct {
	Name         string
	Line, Column int
}

// Statement is what one SELECT says about itself. Tables lists every table read, once per mention and in the order of the text, without the
// names that the statement defines itself (WITH). Columns lists the column names it mentions, qualified as written. Params is empty or ["day"].
type Statement struct {
	Tables  []Ref
	Columns []Ref
	UsesDay bool
	Params  []string
}

// Column is a column with its engine type, such as VARCHAR[] or DECIMAL(18,2).
type Column struct{ Name, Type string }

// Open starts the engine.
func Open(ctx context.Context) (*Parser, error) {
	db, err := sql.Open("duckdb", dsn)
	if err != nil {
		return nil, fmt.Errorf("open the SQL parser: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open the SQL parser: %w", err)
	}
	return &Parser{db: db}, nil
}

// Close frees the engine.
func (p *Parser) Close() error { return p.db.Close() }

// serialized is the answer of json_serialize_sql.
type serialized struct {
	Error        bool   `json:"error"`
	ErrorMessage string `json:"error_message"`
	ErrorType    string `json:"error_type"`
	Position     string `json:"position"`
	Statements   []struct {
		Node   json.RawMessage `json:"node"`
		Params []struct {
			Key string `json:"key"`
		} `json:"named_param_map"`
	} `json:"statements"`
}

// Parse reads the text of exactly one SELECT. What is wrong with it comes back as a fault of code invalid with line and column within the text:
// syntax errors, other statements, several statements, qualified table names, table functions that read files, parameters other than $day.
func (p *Parser) Parse(ctx context.Context, text string) (Statement, error) {
	tokens, err := scan(text)
	if err != nil {
		return Statement{}, err
	}
	var answer string
	row := p.db.QueryRowContext(ctx, `SELECT json_serialize_sql(?::VARCHAR, skip_default := true, skip_null := true, skip_empty := true)::VARCHAR`, text)
	if err := row.Scan(&answer); err != nil {
		return Statement{}, fmt.Errorf("parse SQL: %w", err)
	}
	var s serialized
	if err := json.Unmarshal([]byte(answer), &s); err != nil {
		return Statement{}, fmt.Errorf("read the parsed SQL: %w", err)
	}
	if s.Error {
		return Statement{}, syntaxFault(text, tokens, s)
	}
	switch len(s.Statements) {
	case 0:
		return Statement{}, invalid(text, 0, "there is no statement here", "write one SELECT")
	case 1:
	default:
		return Statement{}, invalid(text, secondStatement(tokens), "there are several statements here", "write one SELECT per file; WITH names the steps of a longer one")
	}
	st := Statement{}
	for _, param := range s.Statements[0].Params {
		if !strings.EqualFold(param.Key, Day) {
			return Statement{}, badParam(text, tokens, param.Key)
		}
		st.UsesDay, st.Params = true, []string{Day}
	}
	w := walker{text: text, seen: &st}
	if err := w.node(s.Statements[0].Node, nil); err != nil {
		return Statement{}, err
	}
	w.sort()
	return st, nil
}

func syntaxFault(text string, tokens []token, s serialized) error {
	if s.ErrorType == "parser" {
		return invalid(text, byteOffset(text, offset(s.Position)), s.ErrorMessage, "")
	}
	if strings.HasPrefix(s.ErrorMessage, "Only SELECT") {
		first := firstToken(tokens)
		return invalid(text, first.at, fmt.Sprintf("%s is not a SELECT", strings.ToUpper(first.text)), "write one SELECT; Daybook makes and fills the tables itself")
	}
	for _, t := range tokens {
		if t.kind == parameter && !strings.EqualFold(t.text, "$"+Day) {
			return badParam(text, tokens, strings.TrimPrefix(t.text, "$"))
		}
	}
	return invalid(text, offset(s.Position), s.ErrorMessage, "")
}

func badParam(text string, tokens []token, name string) error {
	at := -1
	for _, t := range tokens {
		if t.kind == parameter && !strings.EqualFold(t.text, "$"+Day) {
			at, name = t.at, t.text
			break
		}
	}
	return invalid(text, at, fmt.Sprintf("%s is not a parameter here", name), "$day, the day that is built, is the only parameter")
}

// invalid is a fault at a byte offset of the text; the place is unknown when the offset is negative.
func invalid(text string, at int, message, hint string) error {
	f := fault.New(fault.Invalid, message, hint)
	f.Line, f.Column = place(text, at)
	return f
}
