package source

import (
	"context"
	"errors"
	"io"
	"strings"
)

// dbDialect is how a server's SQL is written.
type dbDialect interface {
	quote(name string) string
	// value is what stands for a value of the column in a statement; it adds what it refers to.
	value(args *[]any, c dbColumn, text string) string
	// behind is the condition of a key that is greater than values, or with them when same.
	behind(args *[]any, key []dbColumn, values []string) string
	upto(args *[]any, key []dbColumn, values []string) string
	// keyText is the expression for a key's text, as value takes it.
	keyText(c dbColumn) string
}

// dbQuery is a statement that is being written. Arguments come in the order in which they stand in it.
type dbQuery struct {
	dialect dbDialect
	sql     strings.Builder
	args    []any
}

func newDBQuery(d dbDialect) *dbQuery { return &dbQuery{dialect: d} }

func (q *dbQuery) add(parts ...string) {
	for _, p := range parts {
		q.sql.WriteString(p)
	}
}

func (q *dbQuery) value(c dbColumn, text string) string { return q.dialect.value(&q.args, c, text) }

// names lists the columns, quoted.
func (q *dbQuery) names(columns []dbColumn) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = q.dialect.quote(c.name)
	}
	return strings.Join(names, ", ")
}

// reads lists the expressions that give the columns.
func (q *dbQuery) reads(columns []dbColumn) string {
	exprs := make([]string, len(columns))
	for i, c := range columns {
		if exprs[i] = c.read; c.read == "" {
			exprs[i] = q.dialect.quote(c.name)
		}
	}
	return strings.Join(exprs, ", ")
}

func (q *dbQuery) run(ctx context.Context, s dbSession) (dbRows, error) {
	return s.query(ctx, q.sql.String(), q.args)
}

// all reads the few rows of an answer.
func (q *dbQuery) all(ctx context.Context, s dbSession) ([][]*string, error) {
	return allRows(ctx, s, q.sql.String(), q.args...)
}

// allRows reads the few rows of an answer; null is nil.
func allRows(ctx context.Context, s dbSession, statement string, args ...any) (all [][]*string, err error) {
	rows, err := s.query(ctx, statement, args)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		texts := make([]*string, len(row))
		for i, b := range row {
			if b != nil {
				text := string(b)
				texts[i] = &text
			}
		}
		all = append(all, texts)
	}
}

// cell is a text, empty for null.
func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
