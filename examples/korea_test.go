package examples_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/generate"
	"daybook/internal/project"
	"daybook/internal/store"
	"daybook/jobs"
)

// travel is the example korea with its APIs, and three days of files that end on thursday.
type travel struct {
	*house
	*truth
	api      *generate.KoreaAPI
	database string // to publish to; none at first
	first    calendar.Day
}

func korea(t *testing.T, perDay int, api *generate.KoreaAPI) *travel {
	t.Helper()
	api.Korea = generate.Korea{Seed: 1, PerDay: perDay}
	dir, first := copyOf(t, "korea"), thursday.Add(-2)
	if _, err := api.Korea.Write(context.Background(), filepath.Join(dir, "data"), first, thursday, nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	s := &travel{house: live(t, dir, map[string]string{"KOREA_API": server.URL}), truth: newTruth(api.Korea, first, thursday), api: api, first: first}
	s.Secret = func(_ context.Context, ref string) (string, error) {
		switch {
		case ref == "env:KOREA_KEY":
			return "a key", nil
		case ref == "env:KOREA_DB" && s.database != "":
			return s.database, nil
		}
		return "", fault.New(fault.NotFound, ref+" is not set", "")
	}
	return s
}

// unpublished are all nodes but the publications.
func (s *travel) unpublished() []string {
	var names []string
	for _, n := range s.Graph.Order {
		if n.Kind != project.KindPublication {
			names = append(names, n.Name)
		}
	}
	return names
}

// Three days are built once, and looked at by each part in turn.
func TestKorea(t *testing.T) {
	s := korea(t, 400, &generate.KoreaAPI{})
	s.withoutDatabase()
	for _, part := range []struct {
		fact  string
		prove func(*testing.T)
	}{
		{"every mart equals a count of what was generated", s.counted},
		{"marts give the same rows in PostgreSQL", s.portable},
		{"a rerun makes no call", s.rerun},
		{"a performance in a hall that is not known is named and held back", s.heldBack},
	} {
		t.Run(part.fact, func(t *testing.T) {
			outer := s.t
			s.t = t
			defer func() { s.t = outer }()
			part.prove(t)
		})
	}
}

// withoutDatabase asks for everything: all but the publications is built.
func (s *travel) withoutDatabase() {
	s.t.Helper()
	var built []string
	run, err := s.try(jobs.Request{Day: s.first, Through: thursday}, &built)
	if err != nil || run.State != store.StateFailed {
		s.t.Fatalf("the run ended %s: %v", run.State, err)
	}
	slices.Sort(built)
	want := s.unpublished()
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(built)); diff != "" {
		s.t.Fatalf("without a database (-all but publications +built)\n%s", diff)
	}
}

// rerun asks for the same days again.
func (s *travel) rerun(t *testing.T) {
	calls := s.api.Calls("/")
	if built := s.build(jobs.Request{Nodes: s.unpublished(), Day: s.first, Through: thursday}); len(built) > 0 || s.api.Calls("/") != calls {
		t.Errorf("a rerun built %v and made %d calls", built, s.api.Calls("/")-calls)
	}
}

func (s *travel) counted(t *testing.T) {
	for _, day := range calendar.Range(s.first, thursday) {
		s.holds(day, "SELECT purchase_id, user_id, price_krw, session_id, channel, minutes FROM purchase_paths WHERE day = $day ORDER BY purchase_id", pathRows(s.paths(day)))
		s.holds(day, "SELECT channel, sessions, searches, clicks, purchases, won FROM channel_usage WHERE day = $day ORDER BY channel", s.channels(day))
		s.holds(day, "SELECT country, users, active, searches, clicks, purchases, buyers, won FROM country_usage WHERE day = $day ORDER BY country", s.users(day, country))
		s.holds(day, "SELECT CAST(age_from AS BIGINT), users, active, searches, clicks, purchases, buyers, won FROM age_usage WHERE day = $day ORDER BY age_from NULLS LAST", s.users(day, age))
		s.holds(day, "SELECT user_id, searches, clicks, purchases, won FROM user_activity WHERE day = $day ORDER BY user_id",
			activity(s.users(day, func(u generate.User) any { return u.ID })))
		s.holds(day, "SELECT rank, code, city_en, searches, searches_30d FROM popular_airports WHERE day = $day ORDER BY rank", s.airports(day))
		s.holds(day, "SELECT CAST(step AS BIGINT), purchases FROM time_to_purchase WHERE day = $day ORDER BY step", s.times(day))
		s.holds(day, "SELECT sessions, searches, known_searches, clicks, purchases, buyers, won, conversion, median_minutes FROM daily_site WHERE day = $day", s.site(day))
		s.holds(day, "SELECT mt20id, place, grade, CAST(won AS BIGINT) FROM seat_prices WHERE day = $day ORDER BY mt20id, place", s.seats(day))
		s.holds(day, `SELECT mt20id, prfnm, genrenm, prfstate, opens_on, closes_on, mt10id, fcltynm, gugunnm, seatprice, CAST(lowest AS BIGINT), CAST(highest AS BIGINT)
			FROM performance_list WHERE day = $day ORDER BY mt20id`, s.performances(day))
		s.holds(day, "SELECT genrenm, performances, opening, mean_lowest FROM genre_performances WHERE day = $day ORDER BY genrenm", s.genres(day))
		var opening [][]any
		for _, row := range s.performances(day) {
			if row[4] == day {
				opening = append(opening, pick([][]any{row}, 0, 7, 8, 10, 11)...)
			}
		}
		s.holds(day, "SELECT mt20id, fcltynm, gugunnm, CAST(lowest AS BIGINT), CAST(highest AS BIGINT) FROM openings WHERE day = $day ORDER BY mt20id", opening)
	}
	s.holds(thursday, `SELECT contentid, CAST(contenttypeid AS BIGINT), title, addr1, CAST(sigungucode AS BIGINT), gugunnm, mapx, mapy, tel, strftime(modified_at, '%Y-%m-%d %H:%M:%S')
		FROM attraction_list ORDER BY contentid`, s.attractionRows())
	s.holds(thursday, "SELECT gugunnm, attractions, facilities, seats, libraries FROM district_places ORDER BY gugunnm", s.truth.districts())
	if n := s.one(thursday, "SELECT count(*) FROM facility_list"); n != int64(len(s.halls(thursday))) {
		t.Errorf("facility_list has %d halls, not %d", n, len(s.halls(thursday)))
	}
}

// activity keeps the people who did something, with searches, clicks, purchases and won.
func activity(users [][]any) [][]any {
	var rows [][]any
	for _, r := range users {
		if r[2] == int64(1) {
			rows = append(rows, []any{r[0], r[3], r[4], r[5], r[7]})
		}
	}
	return rows
}

func TestTheGeneratedSiteHasWhatTheOriginalsCountedWrong(t *testing.T) {
	k := newTruth(generate.Korea{Seed: 1, PerDay: 400}, thursday.Add(-2), thursday)
	var midnight, late, unsearched, several, old, closed int
	for day, web := range k.webs {
		of := map[string]bool{}
		for _, s := range web.Sessions {
			of[s.ID] = true
		}
		for _, s := range web.Searches {
			if !of[s.Session] {
				midnight++
			}
		}
		for _, p := range k.paths(day) {
			if len(k.sessionsOf(p.Purchase, k.window(day, 6))) > 1 {
				several++
			}
			if m, ok := p.minutes.(float64); !ok {
				unsearched++
			} else if m > 60 {
				late++
			}
		}
		for _, p := range k.Performances(day) {
			if _, ok := k.Hall(p.Hall); !ok {
				closed++
			}
		}
	}
	for _, u := range k.people {
		if u.Age >= 100 {
			old++
		}
	}
	for what, n := range map[string]int{"searches after midnight": midnight, "purchases hours after the search": late, "purchases without a search": unsearched,
		"purchases of people with several sessions": several, "people of a hundred": old, "performances in a hall that is not known": closed} {
		if n == 0 {
			t.Errorf("there are no %s", what)
		}
	}
}

func TestAFlakyAPIGivesTheSameRows(t *testing.T) {
	nodes := []string{"performance_list", "attraction_list", "openings"}
	s := korea(t, 60, &generate.KoreaAPI{Flaky: true})
	s.build(jobs.Request{Nodes: nodes, Day: thursday})
	s.holds(thursday, "SELECT mt20id FROM performance_list WHERE day = $day ORDER BY mt20id", pick(s.truth.performances(thursday), 0))
	n := 0
	for _, a := range s.Attractions(thursday) {
		if !a.Hidden {
			n++
		}
	}
	if got := s.one(thursday, "SELECT count(*) FROM attraction_list"); got != int64(n) {
		t.Errorf("there are %d attractions, not %d", got, n)
	}
}

func TestAnAPIThatHasNoCallsLeftMakesTheDayWait(t *testing.T) {
	s := korea(t, 60, &generate.KoreaAPI{Quota: 10})
	var built []string
	run, err := s.try(jobs.Request{Nodes: []string{"performances"}, Day: thursday}, &built)
	if err != nil || run.State == store.StateDone {
		t.Fatalf("the run ended %s: %v", run.State, err)
	}
	tasks, err := s.Store.Tasks(context.Background(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if task.Node == "kopis_details" && strings.Contains(task.Error, "quota") {
			return
		}
	}
	t.Errorf("no task waits for the quota: %+v", tasks)
}
