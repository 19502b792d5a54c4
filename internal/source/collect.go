package source

import (
	"context"
	"fmt"
	"path"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// Collect is the kind collect: what programs and pages have sent to /collect/NAME, by the day of its arrival in the source's zone. A day
// on which the server listened and nothing came is empty.
type Collect struct{}

// Fetch implements Source. It copies the closed segments of the day.
func (Collect) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	segments, err := r.Collected(ctx, r.Day)
	if err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	names := make([]string, len(segments))
	for i, s := range segments {
		names[i] = s.Name
	}
	// What was copied may be all that is left of it, and is not thrown away.
	if p := goneOf(r.Kept, names); p != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, fault.New(fault.Damaged, p.Origin+", which an unfinished fetch has copied, is not there any more",
			"put the segment back, or fetch the day anew to do without it"))
	}
	for _, s := range segments {
		origin := path.Join("collect", r.Source.Name, r.Day.String(), s.Name)
		if err := put(ctx, r.Kept, sink, s.Name, match{path: origin, file: s.Path}); err != nil {
			return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
		}
	}
	return Result{}, nil
}

func validateCollect(s project.Source) error {
	if snapshot(s) {
		return place(s, fault.New(fault.Invalid, "what is sent to a source belongs to the day of its arrival", "leave holds out"))
	}
	return nil
}
