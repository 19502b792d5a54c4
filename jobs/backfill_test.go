package jobs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/store"
)

// first and last are the days of the shop's files.
var first, last = calendar.MustDay("2026-11-14"), calendar.MustDay("2026-11-18")

// same compares everything that two projects have built, and every row of it.
func same(t *testing.T, want, got *house) {
	t.Helper()
	if d := cmp.Diff(want.outputs(), got.outputs()); d != "" {
		t.Errorf("outputs: %s", d)
	}
	if d := cmp.Diff(want.contents(), got.contents()); d != "" {
		t.Errorf("contents: %s", d)
	}
}

func TestABackfillGivesWhatRunsDayByDayGive(t *testing.T) {
	whole := open(t, shop())
	whole.run(store.StateDone, Request{Day: first, Through: last})
	daily := open(t, shop())
	for _, day := range calendar.Range(first, last) {
		daily.run(store.StateDone, Request{Day: day})
	}
	same(t, whole, daily)
}

func TestDaysInAnyOrderGiveTheSameOnceTheRangeIsUpToDate(t *testing.T) {
	whole := open(t, shop())
	whole.run(store.StateDone, Request{Day: first, Through: last})
	for seed := range uint64(2) {
		chance := rand.New(rand.NewPCG(seed, 1))
		days := calendar.Range(first, last)
		chance.Shuffle(len(days), func(i, j int) { days[i], days[j] = days[j], days[i] })
		pool := fmt.Sprintf("name: shop\npools: {default: %d}\nwarehouse: {memory: 256MB, threads: %d}\n", 1+chance.IntN(8), 1+chance.IntN(2))
		h := open(t, shop().with(files{"daybook.yaml": pool}))
		var running []*Running
		for _, day := range days {
			running = append(running, h.begin(Request{Day: day}))
			if chance.IntN(2) == 0 {
				for _, r := range running {
					h.end(r)
				}
			}
		}
		for _, r := range running {
			if run := h.end(r); run.State != store.StateDone {
				t.Fatalf("seed %d: run %d is %s: %s", seed, run.Number, run.State, run.Error)
			}
		}
		h.run(store.StateDone, Request{Day: first, Through: last})
		same(t, whole, h)
	}
}

func TestABackfillMakesLookbacksInTheOrderOfDays(t *testing.T) {
	h := open(t, shop())
	h.run(store.StateDone, Request{Day: first, Through: last})
	if got := h.rows("SELECT day, orders FROM rolling ORDER BY day"); !slices.Equal(got, []string{"2026-11-14 2", "2026-11-15 5", "2026-11-16 9", "2026-11-17 8", "2026-11-18 7"}) {
		t.Errorf("rolling is %v", got)
	}
	h.wants(Request{Day: first, Through: last})
}

func TestADayThatFailsDoesNotStopTheOtherDaysOfABackfill(t *testing.T) {
	h := open(t, shop().with(files{"data/2026-11-16.ndjson": "not json\n"}))
	h.run(store.StateFailed, Request{Day: first, Through: last})
	if got := h.rows("SELECT day, orders FROM rolling ORDER BY day"); !slices.Equal(got, []string{"2026-11-14 2", "2026-11-15 5", "2026-11-17 4", "2026-11-18 3"}) {
		t.Errorf("rolling is %v", got)
	}
}

// garden is a random project: sources, tables and marts over them, some that look back, some that are a current state.
type garden struct {
	chance  *rand.Rand
	days    []calendar.Day
	sources []string
	queries []string
	reads   map[string][]string
	back    map[string]int
	full    map[string]bool
	plus    map[string]int
}

func newGarden(seed uint64) *garden {
	g := &garden{chance: rand.New(rand.NewPCG(seed, 2)), days: calendar.Range(first, first.Add(3)), reads: map[string][]string{}, back: map[string]int{}, full: map[string]bool{}, plus: map[string]int{}}
	for i := range 1 + g.chance.IntN(2) {
		g.sources = append(g.sources, fmt.Sprintf("s%d", i))
	}
	var tables []string
	for i := range 2 {
		tables = append(tables, fmt.Sprintf("t%d", i))
		g.plant(tables[i], g.sources)
	}
	readable := tables
	for i := range 2 + g.chance.IntN(3) {
		name := fmt.Sprintf("m%d", i)
		g.plant(name, readable)
		if g.full[name] = g.chance.IntN(4) == 0; !g.full[name] {
			readable = append(readable, name)
			g.back[name] = g.chance.IntN(3)
		}
	}
	return g
}

func (g *garden) plant(name string, readable []string) {
	for _, in := range readable {
		if g.chance.IntN(2) == 0 {
			g.reads[name] = append(g.reads[name], in)
		}
	}
	if len(g.reads[name]) == 0 {
		g.reads[name] = readable[:1]
	}
	g.queries = append(g.queries, name)
}

// files is the garden as it is planted now.
func (g *garden) files() files {
	f := files{"daybook.yaml": fmt.Sprintf("name: garden\npools: {default: %d}\nwarehouse: {memory: 256MB, threads: 1}\n", 1+g.chance.IntN(4))}
	for _, s := range g.sources {
		f["sources/"+s+".yaml"] = "from: files\npath: \"data/" + s + "-{day}.csv\"\ncolumns:\n  v: bigint\n"
	}
	for _, q := range g.queries {
		f[g.file(q)] = g.sql(q)
	}
	return f
}

func (g *garden) file(query string) string {
	if query[0] == 't' {
		return "tables/" + query + ".sql"
	}
	return "marts/" + query + ".sql"
}

func (g *garden) sql(query string) string {
	var parts []string
	for _, in := range g.reads[query] {
		where := fmt.Sprintf(" WHERE day BETWEEN CAST($day AS DATE) - %d AND $day", g.back[query])
		if query[0] == 't' || g.full[query] {
			where = ""
		}
		parts = append(parts, "SELECT v FROM "+in+where)
	}
	header := fmt.Sprintf("lookback: %dd", g.back[query])
	if g.full[query] {
		header = "refresh: full"
	}
	return fmt.Sprintf("/*\n%s\n*/\nSELECT CAST(coalesce(sum(v), 0) + %d AS BIGINT) AS v FROM (%s) AS u\n", header, g.plus[query], strings.Join(parts, " UNION ALL "))
}

func (g *garden) data(source string, day calendar.Day) files {
	var b strings.Builder
	b.WriteString("v\n")
	for range 1 + g.chance.IntN(3) {
		fmt.Fprintf(&b, "%d\n", g.chance.IntN(5))
	}
	return files{fmt.Sprintf("data/%s-%s.csv", source, day): b.String()}
}

// For any project and any changes to its SQL and its sources' bytes: what is rebuilt step by step is what is built from nothing.
func TestRebuildingWhatIsStaleGivesWhatBuildingFromNothingGives(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := newGarden(seed)
			f := g.files()
			for _, s := range g.sources {
				for _, day := range g.days {
					f = f.with(g.data(s, day))
				}
			}
			h := open(t, f)
			from, to := g.days[0], g.days[len(g.days)-1]
			for range 4 {
				switch g.chance.IntN(3) {
				case 0:
					h.run(store.StateDone, Request{Day: from.Add(g.chance.IntN(len(g.days)))})
				case 1:
					q := g.queries[g.chance.IntN(len(g.queries))]
					g.plus[q]++
					h.write(files{g.file(q): g.sql(q)})
					h.reopen()
				case 2:
					s, day := g.sources[g.chance.IntN(len(g.sources))], from.Add(g.chance.IntN(len(g.days)))
					h.write(g.data(s, day))
					h.run(store.StateDone, Request{Nodes: []string{s}, Day: day, Force: ForceFetch})
				}
			}
			h.run(store.StateDone, Request{Day: from, Through: to})
			h.wants(Request{Day: from, Through: to})
			fresh := open(t, g.files())
			fresh.remove("data")
			fresh.copyFrom(h, "data")
			fresh.run(store.StateDone, Request{Day: from, Through: to})
			same(t, fresh, h)
		})
	}
}
