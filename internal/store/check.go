package store

import (
	"context"
	"fmt"
	"time"

	"daybook/internal/calendar"
)

// CheckResult is what a rule on a node's rows found for a day.
type CheckResult struct {
	Node        string
	Day         calendar.Day
	Name        string // unique in its node
	Severity    string
	State       string // passed, failed or warned
	Value, Want string
	Examples    []string
	At          time.Time
}

const checkColumns = "node, day, name, severity, state, value, want, examples, at"

func (c *CheckResult) fields() []any {
	return []any{&c.Node, (*date)(&c.Day), (*prose)(&c.Name), &c.Severity, &c.State, (*prose)(&c.Value), (*prose)(&c.Want),
		(*list[string])(&c.Examples), (*instant)(&c.At)}
}

func replaceChecks(ctx context.Context, q querier, node string, day calendar.Day, checks []CheckResult) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM check_result WHERE node = $1 AND day = $2", node, dayText(day)); err != nil {
		return fmt.Errorf("replace the checks of %s: %w", node, err)
	}
	rows := make([][]any, len(checks))
	for i, c := range checks {
		c.Node, c.Day = node, day
		rows[i] = c.fields()
	}
	if err := insertAll(ctx, q, "check_result", checkColumns, rows); err != nil {
		return fmt.Errorf("save the checks of %s: %w", node, err)
	}
	return nil
}

// Checks returns what the newest builds of a node were found to be on the days from..to, by day, then name.
func (s *Store) Checks(ctx context.Context, node string, from, to calendar.Day) ([]CheckResult, error) {
	checks, err := all[CheckResult](ctx, s.read, "SELECT "+checkColumns+" FROM check_result WHERE node = $1 AND day BETWEEN $2 AND $3 ORDER BY day, name",
		node, dayText(from), dayText(to))
	if err != nil {
		return nil, fmt.Errorf("read the checks of %s: %w", node, err)
	}
	return checks, nil
}
