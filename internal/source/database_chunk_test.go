package source_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
)

// thousands fills a table with rows 1 to n of a day, whose keys have gaps, among rows of other days.
func thousands(t *testing.T, b *base, n int) (want []string) {
	t.Helper()
	do(t, b.db, "CREATE TABLE events (id BIGINT PRIMARY KEY, name VARCHAR(40), created TIMESTAMP NULL)")
	numbers := fmt.Sprintf("generate_series(1, %d) AS s(seq)", n)
	if b.kind == "mysql" {
		numbers = fmt.Sprintf("seq_1_to_%d", n)
	}
	do(t, b.db, "INSERT INTO events SELECT seq * 3 + CASE WHEN seq > 1000 THEN 300 ELSE 0 END, concat('row ', seq), '2026-11-19 10:00:00' FROM "+numbers,
		"INSERT INTO events SELECT seq * 3 + 1, 'another day', '2026-11-18 10:00:00' FROM "+numbers)
	for i := 1; i <= n; i++ {
		id := i * 3
		if i > 1000 {
			id += 300
		}
		want = append(want, strconv.Itoa(id))
	}
	return want
}

func sortedIDs(t *testing.T, parts []part) []string {
	t.Helper()
	all := ids(t, parts)
	slices.SortFunc(all, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	return all
}

func TestAnInterruptedFetchLosesAndRepeatsNoRow(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		want := thousands(t, b, 30_000)
		seeded := rand.New(rand.NewPCG(4, 3))
		kind, err := source.New(b.kind)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := b.fetch(t, b.request("2026-11-19", project.Database{Created: "created", Chunk: 1000, Parallel: 2}))
		if err != nil {
			t.Fatal(err)
		}
		asked := len(b.wire.chunks())
		// Ten interruptions, one fetch: each goes on behind what all before it have put.
		var kept []part
		tries, readers, lost := 0, []int{2, 1, 3}, 0
		for ; len(kept) < len(whole); tries++ {
			stop, crash := 1+seeded.IntN(3), errors.New("crash")
			if tries == 10 {
				stop = len(whole)
			}
			r := b.request("2026-11-19", project.Database{Created: "created", Chunk: 1000, Parallel: readers[tries%3]})
			for _, p := range kept {
				r.Kept = append(r.Kept, p.Part)
			}
			k := &keeper{fail: func(n int) error {
				if n >= stop {
					return crash
				}
				return nil
			}}
			if _, err := kind.Fetch(t.Context(), r, k); errors.Is(err, crash) {
				lost += readers[tries%3]
			} else if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, k.parts...)
			if tries > 10 {
				t.Fatal("the fetch does not end")
			}
		}
		if tries < 10 {
			t.Errorf("the fetch was whole after %d tries", tries)
		}
		if d := cmp.Diff(want, sortedIDs(t, kept)); d != "" {
			t.Errorf("ids (-want +got):\n%s", d)
		}
		names := map[string]bool{}
		for _, p := range kept {
			names[p.Name] = true
		}
		if len(names) != len(kept) {
			t.Errorf("%d names of %d objects", len(names), len(kept))
		}
		// Beside each chunk that was put, a try has asked for those that its readers could not put.
		if again := len(b.wire.chunks()) - asked; again < len(kept) || again > len(kept)+lost {
			t.Errorf("%d objects were asked for in %d chunks, %d of them lost", len(kept), again, lost)
		}
	})
}

func TestADroppedConnectionEndsAFetchThatGoesOnLater(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		want := thousands(t, b, 5000)
		r := b.request("2026-11-19", project.Database{Created: "created", Chunk: 1000})
		b.wire.most = 100_000
		first, err := b.fetch(t, r)
		if !fault.Is(err, fault.Unavailable) || len(first) == 0 || len(first) > 4 {
			t.Fatalf("%d objects, %v", len(first), err)
		}
		for _, p := range first {
			r.Kept = append(r.Kept, p.Part)
		}
		b.wire.most = 0
		rest, err := b.fetch(t, r)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, sortedIDs(t, append(first, rest...))); d != "" {
			t.Errorf("ids (-want +got):\n%s", d)
		}
	})
}

func TestAViewIsReadWhenItsKeyHasNoRepeats(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		want := thousands(t, b, 100)
		do(t, b.db, "CREATE VIEW seen AS SELECT id, created FROM events", "CREATE VIEW doubled AS SELECT id, created FROM events UNION ALL SELECT id, created FROM events")
		parts, err := b.fetch(t, b.request("2026-11-19", project.Database{Table: "seen", Created: "created", Chunk: 7}))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, sortedIDs(t, parts)); d != "" {
			t.Errorf("ids (-want +got):\n%s", d)
		}
		if _, err := b.fetch(t, b.request("2026-11-19", project.Database{Table: "doubled", Created: "created", Chunk: 7})); !fault.Is(err, fault.Invalid) {
			t.Errorf("a view that repeats rows: %v", err)
		}
	})
}

func TestReadersSeeOneSnapshot(t *testing.T) {
	t.Parallel()
	for name, may := range map[string]bool{"several readers": true, "one reader, as it may not lock": false} {
		t.Run(name, func(t *testing.T) {
			bases(t, func(t *testing.T, b *base) {
				want := thousands(t, b, 3000)
				if b.kind == "mysql" && may {
					user := strings.SplitN(b.dsn(later), ":", 2)[0]
					do(t, b.db, "GRANT RELOAD ON *.* TO '"+user+"'@'127.0.0.1'")
				}
				r := b.request("2026-11-19", project.Database{Created: "created", Chunk: 100, Parallel: 3})
				var mu sync.Mutex
				var warned []string
				r.Log = func(level, format string, args ...any) {
					mu.Lock()
					defer mu.Unlock()
					if level == "warn" {
						warned = append(warned, fmt.Sprintf(format, args...))
					}
				}
				var once sync.Once
				k := &keeper{fail: func(n int) error {
					once.Do(func() {
						do(t, b.db, "DELETE FROM events WHERE id > 3600", "INSERT INTO events VALUES (100000000, 'too late', '2026-11-19 11:00:00')",
							"UPDATE events SET created = '2026-11-20 10:00:00' WHERE id < 3000")
					})
					return nil
				}}
				kind, err := source.New(b.kind)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := kind.Fetch(t.Context(), r, k); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, sortedIDs(t, k.parts)); d != "" {
					t.Errorf("ids (-want +got):\n%s", d)
				}
				if alone := len(warned) > 0; alone != (b.kind == "mysql" && !may) {
					t.Errorf("warned %q", warned)
				}
			})
		})
	}
}

func TestKeysOfAnyKindLoseNoRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kinds, keys string // columns and their values for row n, as SQL over s
		order             []string
		only              string
	}{
		{"two columns", "a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b)", "seq / 7, seq", []string{"a", "b"}, "postgres"},
		{"two columns", "a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b)", "seq DIV 7, seq", []string{"a", "b"}, "mysql"},
		{"three columns of texts and dates", "a DATE NOT NULL, b VARCHAR(20) NOT NULL, c INT NOT NULL, PRIMARY KEY (a, b, c)", "'2026-11-19', concat('it''s ', seq % 5), seq", []string{"a", "b", "c"}, ""},
		{"texts", "a VARCHAR(80) NOT NULL UNIQUE", `concat('한국어 "', seq, ''' \\ x')`, []string{"a"}, ""},
		{"decimals", "a DECIMAL(38,10) NOT NULL UNIQUE", "seq * 0.0000000001 + 9007199254740993", []string{"a"}, ""},
		{"times", "a TIMESTAMP NOT NULL, b INT NOT NULL, PRIMARY KEY (b, a)", "'2026-11-19 01:02:03', seq", []string{"b", "a"}, ""},
		{"big unsigned numbers", "a BIGINT UNSIGNED NOT NULL UNIQUE", "18446744073709550000 + seq", []string{"a"}, "mysql"},
		{"bytes", "a BINARY(16) NOT NULL UNIQUE", "unhex(md5(seq))", []string{"a"}, "mysql"},
		{"bytes", "a BYTEA NOT NULL UNIQUE", `decode(md5(seq::text), 'hex')`, []string{"a"}, "postgres"},
		{"uuids", "a UUID NOT NULL UNIQUE", "md5(seq::text)::uuid", []string{"a"}, "postgres"},
		{"negative numbers", "a INT NOT NULL UNIQUE", "50 - CAST(seq AS DECIMAL)", []string{"a"}, ""},
		{"texts that ignore case", "a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL UNIQUE", "concat(CASE WHEN seq % 2 = 1 THEN 'a' ELSE 'A' END, seq)", []string{"a"}, "mysql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bases(t, func(t *testing.T, b *base) {
				if c.only != "" && c.only != b.kind {
					t.Skip("another spelling")
				}
				numbers := map[string]string{"mysql": "seq_1_to_100", "postgres": "generate_series(1, 100) AS s(seq)"}[b.kind]
				do(t, b.db, "CREATE TABLE events (id INT, "+c.kinds+")", "INSERT INTO events SELECT seq, "+c.keys+" FROM "+numbers)
				var want []string
				for i := range 100 {
					want = append(want, strconv.Itoa(i+1))
				}
				r := b.request("2026-11-19", project.Database{Order: c.order, Chunk: 7, Parallel: 2})
				r.Source.Holds = "snapshot"
				r.Log = func(level, format string, args ...any) {
					if strings.Contains(format, "unique") {
						t.Errorf(format, args...)
					}
				}
				parts, err := b.fetch(t, r)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, sortedIDs(t, parts)); d != "" {
					t.Errorf("ids (-want +got):\n%s", d)
				}
				// Behind any chunk of a strand the next one can be asked for in another fetch.
				r.Kept = []source.Part{parts[0].Part}
				rest, err := b.fetch(t, r)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, sortedIDs(t, append(parts[:1:1], rest...))); d != "" {
					t.Errorf("in two fetches (-want +got):\n%s", d)
				}
			})
		})
	}
}

func TestAKeyThatMayLoseRowsIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, table, rows, want, only string
	}{
		{"repeats", "id INT NOT NULL", "(1), (1), (2)", "share a value of id", ""},
		{"nulls", "id INT UNIQUE", "(1), (NULL), (2)", "share a value of id, or have none", ""},
		{"not unique, but no repeats", "id INT", "(1), (2)", "", ""},
		{"enum", "id ENUM('b', 'a') PRIMARY KEY", "('a'), ('b')", "not safe to read in order by", "mysql"},
		{"double", "id DOUBLE PRECISION PRIMARY KEY", "(1), (2)", "not safe to read in order by", ""},
		{"no such column", "number INT PRIMARY KEY", "(1)", "no column id", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			bases(t, func(t *testing.T, b *base) {
				if c.only != "" && c.only != b.kind {
					t.Skip("the other server has none")
				}
				do(t, b.db, "CREATE TABLE events ("+c.table+")", "INSERT INTO events VALUES "+c.rows)
				r := b.request("2026-11-19", project.Database{})
				r.Source.Holds = "snapshot"
				_, err := b.fetch(t, r)
				if c.want == "" {
					if err != nil {
						t.Error(err)
					}
				} else if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
}

func TestAWholeTableOfTwoFetchesSaysThatItHasTwoSnapshots(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		want := thousands(t, b, 100)
		r := b.request("2026-11-19", project.Database{Chunk: 30})
		r.Source.Holds = "snapshot"
		parts, err := b.fetch(t, r)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ids(t, parts)); n != 2*len(want) {
			t.Errorf("%d rows of %d", n, 2*len(want))
		}
		kind, err := source.New(b.kind)
		if err != nil {
			t.Fatal(err)
		}
		r.Secret = func(context.Context, string) (string, error) { return b.dsn(later.AddDate(0, 0, 1)), nil }
		for _, n := range []int{2, len(parts)} { // when all of it is kept, nothing is read from another snapshot
			r.Kept = nil
			for _, p := range parts[:n] {
				r.Kept = append(r.Kept, p.Part)
			}
			rest := &keeper{}
			result, err := kind.Fetch(t.Context(), r, rest)
			if err != nil || len(rest.parts) != len(parts)-n {
				t.Errorf("%d objects, %v", len(rest.parts), err)
			}
			says := strings.Join(result.Missing, "; ")
			if mixed := strings.Contains(says, "2026-12-01T") && strings.Contains(says, " and of 2026-12-02T"); mixed != (n == 2) || says != "" && !mixed {
				t.Errorf("behind %d of %d objects it says %q", n, len(parts), says)
			}
		}
	})
}

func TestAnotherKeyMakesWhatIsKeptWorthless(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		do(t, b.db, "CREATE TABLE events (id INT PRIMARY KEY, other INT NOT NULL UNIQUE)", "INSERT INTO events VALUES (1, 2), (2, 1)")
		r := b.request("2026-11-19", project.Database{})
		r.Source.Holds = "snapshot"
		parts, err := b.fetch(t, r)
		if err != nil {
			t.Fatal(err)
		}
		r.Kept = []source.Part{parts[0].Part}
		r.Source.Database.Order = []string{"other"}
		if _, err := b.fetch(t, r); !errors.Is(err, source.ErrChanged) {
			t.Errorf("another key: %v", err)
		}
	})
}
