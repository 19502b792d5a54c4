package source

import (
	"time"

	"daybook/internal/project"
)

// Allowance is what a source's calls count against: how many may be made within the window that runs now, and when that ends.
type Allowance struct {
	Name   string
	Window string
	Calls  int64
	Ends   time.Time
	Zone   *time.Location // of the window
}

// AllowanceOf is the allowance of a source's quota at an instant; false for a source without one.
func AllowanceOf(s project.Source, now time.Time) (Allowance, bool, error) {
	if s.HTTP.Quota.Calls == 0 {
		return Allowance{}, false, nil
	}
	h := &httpFetch{r: Request{Source: s, Now: func() time.Time { return now }}, s: s.HTTP}
	day, ends, err := h.quotaDay()
	if err != nil {
		return Allowance{}, false, err
	}
	return Allowance{Name: h.quotaName(), Window: day.String(), Calls: s.HTTP.Quota.Calls, Ends: ends, Zone: h.quotaZone()}, true, nil
}
