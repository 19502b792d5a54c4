package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// errTogether is that the checks could not be asked in one statement; the transaction may have ended with it.
var errTogether = errors.New("the checks cannot be asked together")

// check asks every check and keeps all answers; the error says which blocking ones said no.
func (l loading) check(ctx context.Context) ([]Result, error) {
	ask := l.askTogether
	if l.singly || len(l.Checks) == 1 {
		ask = l.askSingly
	}
	results, err := ask(ctx)
	if err != nil {
		return results, err
	}
	var failed []string
	for _, r := range results {
		if !r.OK && !r.Warning {
			no := fmt.Sprintf("%s is %s, not %s", r.Name, r.Value, r.Want)
			if len(r.Examples) > 0 {
				no += " (" + strings.Join(r.Examples[:min(len(r.Examples), 3)], "; ") + ")"
			}
			failed = append(failed, no)
		}
	}
	if len(failed) > 0 {
		return results, fault.New(fault.CheckFailed, fmt.Sprintf("%s of %s: %s", l.Node, l.Asked, strings.Join(failed, "; ")),
			"mend the source or the SQL and run it again; readers keep the rows from before")
	}
	return results, nil
}

// askTogether asks all checks in one statement, which the engine reads once and works on with all its threads.
func (l loading) askTogether(ctx context.Context) ([]Result, error) {
	results := make([]Result, len(l.Checks))
	if len(results) == 0 {
		return results, nil
	}
	parts := make([]string, len(l.Checks))
	for i, c := range l.Checks {
		results[i] = Result{Name: c.Name, Warning: c.Warning}
		parts[i] = fmt.Sprintf("SELECT %d, * FROM (%s\n) AS c(ok, value, want, examples)", i, c.SQL)
	}
	rows, err := l.conn.QueryContext(ctx, strings.Join(parts, " UNION ALL "), l.day)
	if err != nil {
		return nil, l.together(ctx, err)
	}
	defer rows.Close()
	answered := 0
	seen := make([]bool, len(results))
	for ; rows.Next(); answered++ {
		var i int
		var a answer
		if err := rows.Scan(append([]any{&i}, a.into()...)...); err != nil {
			return nil, l.together(ctx, err)
		}
		seen[i] = true
		a.fill(&results[i])
	}
	if err := rows.Err(); err != nil {
		return nil, l.together(ctx, err)
	}
	if answered != len(results) || slices.Contains(seen, false) {
		return nil, errTogether
	}
	return results, nil
}

// together keeps the end of the context and takes everything else for a reason to ask one by one, so that the error names its check.
func (l loading) together(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return engineFault(ctx, "check "+l.Node, "", 0, err)
	}
	return errors.Join(errTogether, err)
}

func (l loading) askSingly(ctx context.Context) ([]Result, error) {
	results := make([]Result, 0, len(l.Checks))
	for _, c := range l.Checks {
		r, err := l.ask(ctx, c)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

// answer is the row that a check gives.
type answer struct {
	ok          sql.NullBool
	value, want sql.NullString
	examples    any
}

func (a *answer) into() []any { return []any{&a.ok, &a.value, &a.want, &a.examples} }

func (a *answer) fill(r *Result) {
	r.OK, r.Value, r.Want = a.ok.Bool, a.value.String, a.want.String
	if list, is := a.examples.([]any); is {
		for _, e := range list {
			if e == nil {
				e = "null"
			}
			r.Examples = append(r.Examples, fmt.Sprint(e))
		}
	}
}

func (l loading) ask(ctx context.Context, c Check) (Result, error) {
	r := Result{Name: c.Name, Warning: c.Warning}
	var a answer
	err := l.conn.QueryRowContext(ctx, c.SQL, l.day).Scan(a.into()...)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.New(fault.Invalid, fmt.Sprintf("check %s of %s gives no row", c.Name, l.Node), "")
	}
	if err != nil {
		err = engineFault(ctx, fmt.Sprintf("check %s of %s", c.Name, l.Node), c.SQL, 0, err)
		// The check's SQL is made by the program, so a place in it is none in the user's file.
		var f *fault.Error
		if errors.As(err, &f) {
			f.Line, f.Column = 0, 0
		}
		return r, err
	}
	a.fill(&r)
	return r, nil
}
