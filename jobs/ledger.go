package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

// ledger is what is built now, in memory: the store's builds without their inputs. The runner alone writes builds, so it need not be read again.
type ledger struct {
	mu     sync.RWMutex
	builds map[string]map[calendar.Day]store.Build
}

// openLedger reads every build of the graph's nodes.
func openLedger(ctx context.Context, s *store.Store, g *Graph) (*ledger, error) {
	l := &ledger{builds: map[string]map[calendar.Day]store.Build{}}
	for _, n := range g.Order {
		builds, err := s.NodeBuilds(ctx, n.Name, 0)
		if err != nil {
			return nil, err
		}
		replaced := otherRefresh(n, builds)
		for _, b := range builds {
			if b.Kind == n.Kind && b.Day.IsZero() == n.Current && !b.At.Before(replaced) {
				l.put(b)
			}
		}
	}
	return l, nil
}

// otherRefresh is when a table or mart was last built the other way: a current state replaces the rows of its days, and a day
// those of a current state.
func otherRefresh(n *Node, builds []store.Build) time.Time {
	var last time.Time
	for _, b := range builds {
		if n.Query != nil && b.Day.IsZero() != n.Current && b.At.After(last) {
			last = b.At
		}
	}
	return last
}

func (l *ledger) at(c Cell) (store.Build, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	b, ok := l.builds[c.Node][c.Day]
	return b, ok
}

func (l *ledger) put(b store.Build) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.Inputs = nil
	if l.builds[b.Node] == nil {
		l.builds[b.Node] = map[calendar.Day]store.Build{}
	}
	l.builds[b.Node][b.Day] = b
}

// doubt makes a build stale and leaves its output: what it was made from is not what is there now.
func (l *ledger) doubt(c Cell) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.builds[c.Node][c.Day]; ok {
		b.Fingerprint = ""
		l.builds[c.Node][c.Day] = b
	}
}

func (l *ledger) drop(c Cell) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.builds[c.Node], c.Day)
}

// days lists the days that a node has a build of, in order.
func (l *ledger) days(node string) []calendar.Day {
	l.mu.RLock()
	defer l.mu.RUnlock()
	days := make([]calendar.Day, 0, len(l.builds[node]))
	for d := range l.builds[node] {
		days = append(days, d)
	}
	slices.SortFunc(days, calendar.Day.Compare)
	return days
}
