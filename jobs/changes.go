package jobs

import (
	"context"

	"daybook/internal/fault"
	"daybook/internal/report"
	"daybook/internal/store"
)

// Changes compares an edition with the one that it corrects, or else with the one before it, figure by figure. The first edition of
// a day, and one whose predecessor had no figures, has no changes.
func (r *Runner) Changes(ctx context.Context, e store.Edition) (before store.Edition, list []report.Difference, err error) {
	number := e.Corrects
	if number == 0 {
		number = e.Number - 1
	}
	if number < 1 {
		return store.Edition{}, nil, nil
	}
	was, before, err := r.Figures(ctx, e.Report, e.Day, number)
	if fault.Is(err, fault.NotFound) || err == nil && before.Kind == store.EditionNotice {
		return store.Edition{}, nil, nil
	}
	if err != nil {
		return before, nil, err
	}
	now, _, err := r.Figures(ctx, e.Report, e.Day, e.Number)
	if err != nil {
		return before, nil, err
	}
	return before, report.Diff(was, now), nil
}
