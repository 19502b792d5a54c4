package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// base is a database of a test, with a user that may only read it.
type base struct {
	kind     string
	db       *sql.DB // its owner
	dsn      func(clock time.Time) string
	password string
	wire     *wire
	limit    string // a statement that allows the user %d connections
	free     int    // connections that stand for no limit
	driver   string
	deny     string
}

func opened(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func do(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
}

// bases are the servers that every fact holds on.
func bases(t *testing.T, test func(t *testing.T, b *base)) {
	for kind, open := range map[string]func(testing.TB) *base{"postgres": postgresBase, "mysql": mysqlBase} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// later is when the days of the tests are long over.
var later = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func (b *base) request(day string, set project.Database) source.Request {
	weekdays, _ := calendar.ParseWeekdays("weekdays")
	set.URL = "env:DB"
	if set.Table == "" {
		set.Table = "events"
	}
	set.Chunk, set.Parallel = max(set.Chunk, 1), max(set.Parallel, 1)
	s := project.Source{Name: "events", File: "sources/events.yaml", Line: 1, From: b.kind, Format: "ndjson", Zone: time.UTC, Days: weekdays, Holds: "day",
		Key: []string{"id"}, Database: set}
	r := sourcetest.Request(s, calendar.MustDay(day))
	r.Secret = func(context.Context, string) (string, error) { return b.dsn(later), nil }
	return r
}

func (b *base) fetch(t testing.TB, r source.Request) ([]part, error) {
	t.Helper()
	s, err := source.New(b.kind)
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{}
	_, err = s.Fetch(t.Context(), r, k)
	slices.SortFunc(k.parts, func(a, b part) int { return strings.Compare(a.Name, b.Name) })
	return k.parts, err
}

type part struct {
	source.Part
	lines []string
}

// keeper keeps parts; fail, if there, may refuse one.
type keeper struct {
	mu    sync.Mutex
	parts []part
	fail  func(n int) error
}

func (k *keeper) Put(_ context.Context, p source.Part, r io.Reader) error {
	k.mu.Lock()
	n := len(k.parts)
	k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(n); err != nil {
			_, _ = io.CopyN(io.Discard, r, 10)
			return err
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	lines, err := unzipped(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parts = append(k.parts, part{p, lines})
	return err
}

func unzipped(b []byte) ([]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
}

// ids are the values of id in the lines of parts, in order of parts.
func ids(t testing.TB, parts []part) []string {
	t.Helper()
	all := []string{}
	for _, p := range parts {
		for _, line := range p.lines {
			var row struct{ ID json.RawMessage }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, strings.Trim(string(row.ID), `"`))
		}
	}
	return all
}

// wire is a proxy before a server that remembers what clients said.
type wire struct {
	address string
	passing sync.WaitGroup // connections
	mu      sync.Mutex
	said    []*bytes.Buffer
	most    int64 // bytes of answers, after which a connection drops; 0 for no end
}

func wiretap(t testing.TB, server string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: l.Addr().String()}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			w.passing.Go(func() { w.pass(client, server) })
		}
	}()
	return w
}

func (w *wire) pass(client net.Conn, server string) {
	defer client.Close()
	behind, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer behind.Close()
	w.mu.Lock()
	said := &bytes.Buffer{}
	w.said = append(w.said, said)
	var answers io.Reader = behind
	if w.most > 0 {
		answers = io.LimitReader(behind, w.most)
	}
	w.mu.Unlock()
	go func() {
		defer behind.Close()
		defer client.Close()
		_, _ = io.Copy(client, answers)
	}()
	b := make([]byte, 1<<16)
	for {
		n, err := client.Read(b)
		w.mu.Lock()
		said.Write(b[:n])
		w.mu.Unlock()
		if _, werr := behind.Write(b[:n]); werr != nil || err != nil {
			return
		}
	}
}

var chunkRE = regexp.MustCompile(`SELECT [^\x00]*? FROM [^\x00]*?events[^\x00]*?ORDER BY .id.( LIMIT)?`)

// chunks are the statements that asked for rows, told when every connection has ended: what a reader said whose fetch was broken off may
// still be on its way when the fetch is over.
func (w *wire) chunks() []string {
	w.passing.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, said := range w.said {
		for _, s := range chunkRE.FindAllString(said.String(), -1) {
			if !strings.HasSuffix(s, " LIMIT") {
				all = append(all, s)
			}
		}
	}
	return all
}

func TestDatabasesAreSources(t *testing.T) {
	t.Parallel()
	bases(t, func(t *testing.T, b *base) {
		for name, set := range map[string]project.Database{
			"one row at a time, two readers": {Chunk: 1, Parallel: 2},
			"three rows at a time":           {Chunk: 3, Parallel: 1},
		} {
			t.Run(name, func(t *testing.T) {
				sourcetest.Run(t, func(t *testing.T) sourcetest.World { return b.world(t, set) })
			})
		}
	})
}

// world is a table events in a database of its own. A day is there when it has rows, or when days without are right.
func (*base) world(t *testing.T, set project.Database) sourcetest.World {
	b := map[bool]func(testing.TB) *base{true: postgresBase, false: mysqlBase}[strings.Contains(t.Name(), "postgres")](t)
	do(t, b.db, "CREATE TABLE events (id BIGINT PRIMARY KEY, name VARCHAR(40), created TIMESTAMP NULL)")
	set.Created, set.Lag = "created", 10*time.Minute
	empty, refusals := map[calendar.Day]bool{}, 0
	var held []*sql.Conn
	return sourcetest.World{
		Source: map[string]source.Source{"postgres": source.Postgres{}, "mysql": source.MySQL{}}[b.kind],
		Request: func(d calendar.Day) source.Request {
			r := b.request(d.String(), set)
			if empty[d] {
				r.Source.Empty = "ok"
			}
			r.Wait = func(ctx context.Context, _ time.Duration) error {
				if refusals--; refusals == 0 {
					do(t, b.db, fmt.Sprintf(b.limit, b.free))
					for _, c := range held {
						c.Close()
					}
				}
				return ctx.Err()
			}
			return r
		},
		Fill: func(d calendar.Day, parts []string) {
			empty[d] = len(parts) == 0
			for line := range strings.Lines(strings.Join(parts, "")) {
				var row struct {
					ID   int
					Name *string
				}
				if err := json.Unmarshal([]byte(line), &row); err != nil {
					t.Fatal(err)
				}
				name := "NULL"
				if row.Name != nil {
					name = "'" + *row.Name + "'"
				}
				do(t, b.db, fmt.Sprintf("INSERT INTO events VALUES (%d, %s, '%s 12:00:00')", row.ID, name, d))
			}
		},
		Records: func(object []byte) []string {
			lines, err := unzipped(object)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range lines {
				line = strings.Replace(line, `,"name":null`, "", 1)
				lines[i] = regexp.MustCompile(`,"created":"[^"]*"`).ReplaceAllString(line, "")
			}
			return lines
		},
		Secret: b.password,
		Deny:   func() { do(t, b.db, b.deny) },
		Asked:  b.wire.chunks,
		Throttle: func(n int) {
			refusals = n
			db := opened(t, b.driver, b.dsn(later))
			db.SetMaxIdleConns(-1)
			do(t, b.db, fmt.Sprintf(b.limit, 1))
			for end := time.Now().Add(20 * time.Second); len(held) == 0; { // those of an earlier fetch are still being closed
				c, err := db.Conn(t.Context())
				if err == nil {
					held = append(held, c)
				} else if time.Now().After(end) {
					t.Fatal(err)
				}
			}
		},
	}
}
