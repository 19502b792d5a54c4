package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/source"
)

// Calls is what a plan asks of an API that allows only so many calls a day.
type Calls struct {
	Allowance string
	Sources   []string
	Fetches   int   // days that have to be fetched
	Needs     int64 // calls, by what each source's newest day took
	Guess     bool  // some source was never fetched: it takes one call at the least
	Allowed   int64 // a day
	Left      int64 // of the day that runs now
	Until     time.Time
	Done      time.Time // when the last call can be made, if nothing else is asked
}

// calls adds up what the fetches of a plan need of each allowance, in the order of their sources.
func (r *Runner) calls(ctx context.Context, req Request, plan Plan) ([]Calls, error) {
	var out []Calls
	now := r.Now()
	for _, n := range r.Graph.Order {
		if n.Source == nil {
			continue
		}
		a, limited, err := source.AllowanceOf(*n.Source, now)
		if err != nil {
			return nil, err
		}
		fetches, err := r.fetches(ctx, req, plan, n)
		if err != nil || !limited || fetches == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		i := slices.IndexFunc(out, func(c Calls) bool { return c.Allowance == a.Name })
		if i < 0 {
			used, err := r.Store.Spent(ctx, a.Name, a.Window)
			if err != nil {
				return nil, err
			}
			out = append(out, Calls{Allowance: a.Name, Allowed: a.Calls, Left: max(0, a.Calls-used), Until: a.Ends.In(a.Zone)})
			i = len(out) - 1
		}
		took, known, err := r.lastCalls(ctx, n)
		if err != nil {
			return nil, err
		}
		c := &out[i]
		c.Sources = append(c.Sources, n.Name)
		c.Fetches += fetches
		c.Needs += int64(fetches) * took
		c.Guess = c.Guess || !known
	}
	for i := range out {
		out[i].Done = out[i].done(now)
	}
	return out, nil
}

// done is when an allowance gives the last of the calls.
func (c Calls) done(now time.Time) time.Time {
	if c.Needs <= c.Left {
		return now
	}
	days := (c.Needs - c.Left + c.Allowed - 1) / c.Allowed
	return c.Until.AddDate(0, 0, int(days)-1)
}

// fetches counts the days of a source in a plan whose bytes are not in the lake.
func (r *Runner) fetches(ctx context.Context, req Request, plan Plan, n *Node) (int, error) {
	count := 0
	for _, s := range plan.Steps {
		if s.Cell.Node != n.Name {
			continue
		}
		m, err := r.Lake.Manifest(ctx, lake.Key{Layer: lake.Raw, Node: n.Name, Day: s.Cell.Day})
		if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Damaged) {
			return 0, err
		}
		if err != nil || s.Forced && req.Force == ForceFetch || m.Facts[factDefinition] != r.Graph.fetchDefinition(n, s.Cell.Day, r.ledger) {
			count++
		}
	}
	return count, nil
}

// lastCalls is what the newest day of a source in the lake took: an object is an answer. One that has none takes one call at the least.
func (r *Runner) lastCalls(ctx context.Context, n *Node) (int64, bool, error) {
	keys, err := r.Lake.Keys(ctx, lake.Raw, n.Name)
	if err != nil || len(keys) == 0 {
		return 1, false, err
	}
	m, err := r.Lake.Manifest(ctx, keys[len(keys)-1])
	if fault.Is(err, fault.Damaged) {
		return 1, false, nil
	}
	return max(1, int64(len(m.Objects))), true, err
}

// fetchDefinition is what is asked for on a day: the source's own words, and the list that another source gave.
func (g *Graph) fetchDefinition(n *Node, day calendar.Day, builds *ledger) string {
	definition := fetchDefinition(n.Source)
	if s := n.Source.HTTP.ForEach.Source; s != "" && (n.Current || !g.nodes[s].Current) {
		list, _ := builds.at(g.nodes[s].Key(day))
		definition = digest(definition, list.Output)
	}
	return definition
}

// String reads "api.example.com: about 1240 calls for 31 days, 800 of 1000 are left until 2026-11-20 00:00 KST; done on 2026-11-21".
func (c Calls) String() string {
	about := "about"
	if c.Guess {
		about = "at least"
	}
	text := fmt.Sprintf("%s: %s %d calls for %d days, %d of %d are left until %s", c.Allowance, about, c.Needs, c.Fetches, c.Left, c.Allowed, c.Until.Format("2006-01-02 15:04 MST"))
	if c.Needs > c.Left {
		text += "; done on " + c.Done.Format("2006-01-02")
	}
	return text
}
