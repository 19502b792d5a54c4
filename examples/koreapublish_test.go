package examples_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/jobs"
)

func (s *travel) heldBack(t *testing.T) {
	url, conn := database(t)
	s.database = url
	calls := s.api.Calls("/")
	s.build(jobs.Request{Day: s.first, Through: thursday})

	published := map[string]bool{}
	for _, day := range calendar.Range(s.first, thursday) {
		var orphans []string
		halls := map[string]bool{}
		for _, p := range s.Performances(day) {
			if _, known := s.Hall(p.Hall); known {
				published[p.ID] = true
			} else {
				orphans = append(orphans, p.ID)
				halls[p.Hall] = true
			}
		}
		s.named(day, halls)
		b, made, err := s.Store.Build(context.Background(), "site_performances", day)
		if err != nil || !made || b.Rejected != int64(len(orphans)) || b.RowsIn != int64(len(s.Performances(day))) {
			t.Errorf("%s: %d of %d rows were held back, not %d (%v)", day, b.Rejected, b.RowsIn, len(orphans), err)
		}
		for _, id := range orphans[:min(5, len(orphans))] {
			if !strings.Contains(b.Note, id) {
				t.Errorf("%s: %s is not named in %q", day, id, b.Note)
			}
		}
	}
	if n := read(t, conn, "SELECT count(*) FROM performances")[0][0]; n != int64(len(published)) {
		t.Errorf("%v performances are published, not %d", n, len(published))
	}
	for _, row := range read(t, conn, "SELECT mt20id FROM performances") {
		if !published[row[0].(string)] {
			t.Errorf("%s is published without its hall", row[0])
		}
	}
	if refers := read(t, conn, "SELECT count(*) FROM information_schema.table_constraints WHERE table_name = 'performances' AND constraint_type = 'FOREIGN KEY'"); refers[0][0] != int64(1) {
		t.Errorf("performances have %v foreign keys", refers[0][0])
	}
	s.published(t, conn)
	if built := s.build(jobs.Request{Day: s.first, Through: thursday}); len(built) > 0 || s.api.Calls("/") != calls {
		t.Errorf("publishing made %d calls, publishing again %v", s.api.Calls("/")-calls, built)
	}
}

// named holds that the relationship names the halls that are not known, as a warning.
func (s *travel) named(day calendar.Day, halls map[string]bool) {
	s.t.Helper()
	results, err := s.Store.Checks(context.Background(), "performances", day, day)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(results, func(c store.CheckResult) bool { return c.Name == "mt10id in facilities" })
	if i < 0 {
		s.t.Fatalf("there is no relationship among %v", results)
	}
	state := "passed"
	if len(halls) > 0 {
		state = "warned"
	}
	if results[i].State != state {
		s.t.Errorf("%s: the relationship %s", day, results[i].State)
	}
	for hall := range halls {
		if !strings.Contains(strings.Join(results[i].Examples, "; "), hall) {
			s.t.Errorf("%s: %s is not among %v", day, hall, results[i].Examples)
		}
	}
}

// published compares what has no references with the truth.
func (s *travel) published(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var halls [][]any
	for id, h := range s.halls(thursday) {
		halls = append(halls, []any{id, h.Name, null(h.District), int64(h.Seats)})
	}
	if diff := cmp.Diff(sorted(halls), sorted(read(t, conn, "SELECT mt10id, fcltynm, gugunnm, seatscale::bigint FROM facilities")), same); diff != "" {
		t.Errorf("halls (-counted +published)\n%s", diff)
	}
	if diff := cmp.Diff(sorted(pick(s.attractionRows(), 0, 2, 5)), sorted(read(t, conn, "SELECT contentid, title, gugunnm FROM attractions")), same); diff != "" {
		t.Errorf("attractions (-counted +published)\n%s", diff)
	}
	for _, day := range calendar.Range(s.first, thursday) {
		got := read(t, conn, fmt.Sprintf("SELECT channel, sessions, searches, clicks, purchases, won FROM channel_usage WHERE day = '%s'", day))
		if diff := cmp.Diff(sorted(s.channels(day)), sorted(got), same); diff != "" {
			t.Errorf("channels of %s (-counted +published)\n%s", day, diff)
		}
	}
}

func (s *travel) portable(t *testing.T) { portable(t, s.house, s.first, thursday, same) }
