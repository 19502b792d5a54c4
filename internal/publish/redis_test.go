package publish_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/publish"
	"daybook/internal/publish/publishtest"
	"daybook/internal/testenv"
)

func TestRedisDoesWhatTargetsMust(t *testing.T) {
	t.Parallel()
	publishtest.Run(t, func(t *testing.T) publishtest.World { return redisWorld(t).World })
}

type redisPlace struct {
	publishtest.World
	client *redis.Client
}

func redisWorld(t *testing.T) redisPlace {
	addr := testenv.Redis(t)
	const password = "rEdIs-p4ss"
	client := redis.NewClient(&redis.Options{Addr: addr, Password: password})
	t.Cleanup(func() { client.Close() })
	open := redis.NewClient(&redis.Options{Addr: addr})
	defer open.Close()
	if err := open.ConfigSet(t.Context(), "requirepass", password).Err(); err != nil {
		t.Fatal(err)
	}
	proxy := publishtest.NewProxy(t, addr)
	p := redisPlace{client: client}
	secrets := func(password string) map[string]string {
		return map[string]string{"env:TARGET": "redis://:" + password + "@" + proxy.Addr + "/0"}
	}
	publication := func(mode string) project.Publication {
		name := "items"
		if mode == "day" {
			name = "items:{day}"
		}
		return project.Publication{Name: "items", Mart: "items", To: "redis", Mode: mode, URL: "env:TARGET", Redis: project.Redis{Name: name, Structure: "hash"}}
	}
	p.World = publishtest.World{
		To: "redis", Modes: []string{"swap", "upsert", "day"}, Secrets: secrets(password), Secret: password, Proxy: proxy, Atomic: true, Publication: publication,
		Read: func(mode string, d calendar.Day) []string {
			all, err := client.HGetAll(t.Context(), strings.ReplaceAll(publication(mode).Redis.Name, "{day}", d.String())).Result()
			if err != nil {
				t.Error(err)
			}
			var out []string
			for field, value := range all {
				row := readObject(t, []byte(value))
				if !strings.Contains(row, "|"+field+"|") {
					t.Errorf("field %s holds %s", field, value)
				}
				out = append(out, row)
			}
			slices.Sort(out)
			return out
		},
		Denied: func(mode string) (project.Publication, map[string]string) {
			return publication(mode), secrets("wrong-" + password)
		},
	}
	return p
}

// readObject is a row of JSON as the suite writes it.
func readObject(t *testing.T, object []byte) string {
	t.Helper()
	var row struct {
		Day   string
		ID    any
		Name  *string
		Price string
		Tags  []any
		At    string
		Data  struct{ N int }
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&row); err != nil {
		t.Errorf("%s: %v", object, err)
	}
	if row.At != "2026-11-18T22:30:00.123456Z" || len(row.Tags) != 3 || row.Data.N != 1 {
		t.Errorf("at, tags or data of %s", object)
	}
	name := publishtest.Null
	if row.Name != nil {
		name = *row.Name
	}
	id, ok := row.ID.(string)
	if !ok {
		id = row.ID.(json.Number).String()
	}
	return publishtest.Text(row.Day, id, name, row.Price)
}

func (p redisPlace) request(settings project.Redis, mode string, columns []publish.Column, keys ...string) publish.Request {
	r := p.Request("swap", day)
	r.Publication.Redis, r.Publication.Mode, r.Columns, r.Keys = settings, mode, columns, keys
	return r
}

var books = []publish.Column{{Name: "day", Type: "DATE"}, {Name: "isbn", Type: "VARCHAR"}, {Name: "loans", Type: "BIGINT"}, {Name: "rate", Type: "DOUBLE"}}

func TestRedisSortedSetHoldsMembersByScore(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := p.request(project.Redis{Name: "top:{day}", Structure: "sorted_set", Member: "isbn", Score: "loans", Expire: time.Hour}, "day", books)
	for range 2 {
		must(t, with(r, []any{day, "a:1", int64(3), 0.5}, []any{day, "b", int64(-7), 0.5}))
		got, err := p.client.ZRangeWithScores(t.Context(), "top:2026-11-19", 0, -1).Result()
		if d := cmp.Diff([]redis.Z{{Score: -7, Member: "b"}, {Score: 3, Member: "a:1"}}, got); err != nil || d != "" {
			t.Error(err, d)
		}
	}
	if left := p.client.TTL(t.Context(), "top:2026-11-19").Val(); left <= 0 || left > time.Hour {
		t.Errorf("it expires in %s", left)
	}
	refused(t, with(r, []any{day, "a", int64(3), 0.5}, []any{day, "a", int64(4), 0.5}), fault.CheckFailed, "isbn=a")
	refused(t, with(r, []any{day, "a", int64(1<<53 + 1), 0.5}), fault.Invalid, "isbn=a", "2^53")
	refused(t, with(r, []any{day, "a", nil, 0.5}), fault.Invalid, "isbn=a", "loans")
	r.Publication.Mode, r.Publication.Redis.Name = "upsert", "all"
	must(t, with(r, []any{day, "a", int64(3), 0.5}, []any{day, "b", int64(5), 0.5}))
	must(t, with(r, []any{day, "b", int64(1), 0.5}, []any{day, "c", int64(2), 0.5}))
	if got := p.client.ZRange(t.Context(), "all", 0, -1).Val(); !slices.Equal(got, []string{"b", "c", "a"}) {
		t.Errorf("%q", got)
	}
}

func TestRedisStringIsOneArrayOfAllRows(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := p.request(project.Redis{Name: "books", Structure: "string"}, "swap", books)
	var rows [][]any
	want := bytes.NewBufferString("[")
	for i := range 20_000 {
		rows = append(rows, []any{day, "b", int64(i), 0.5})
		fmt.Fprintf(want, `{"day":"2026-11-19","isbn":"b","loans":%d,"rate":0.5},`, i)
	}
	must(t, with(r, rows...))
	if got := p.client.Get(t.Context(), "books").Val(); got != strings.TrimSuffix(want.String(), ",")+"]" {
		t.Errorf("%.200s", got)
	}
	must(t, with(r))
	if got := p.client.Get(t.Context(), "books").Val(); got != "[]" {
		t.Errorf("%.200s", got)
	}
	if ttl := p.client.TTL(t.Context(), "books").Val(); ttl != -1 {
		t.Errorf("it expires in %s", ttl)
	}
}

func TestRedisArrayThatLosesItsFrontIsNotPublished(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := with(p.request(project.Redis{Name: "books", Structure: "string"}, "swap", books), []any{day, "a", int64(1), 0.5})
	must(t, r)
	const many = 20_000
	r.Count, r.Rows = many, func(yield func([]any, error) bool) {
		for i := range many {
			if i == many*3/4 { // an eviction
				for _, k := range p.client.Keys(t.Context(), "*daybook:*").Val() {
					p.client.Unlink(t.Context(), k)
				}
			}
			if !yield([]any{day, "b", int64(i), 0.5}, nil) {
				return
			}
		}
	}
	refused(t, r, fault.Unavailable, "the new key of books")
	if got := p.client.Get(t.Context(), "books").Val(); !strings.Contains(got, `"isbn":"a"`) || !json.Valid([]byte(got)) {
		t.Errorf("%.60q", got)
	}
}

func TestRedisHashThatVanishesIsNotPublished(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := with(p.request(project.Redis{Name: "books", Structure: "hash"}, "swap", books, "isbn"), []any{day, "a", int64(1), 0.5})
	must(t, r)
	const many = 700
	r.Count, r.Rows = many, func(yield func([]any, error) bool) {
		for i := range many {
			if i == 600 {
				for _, k := range p.client.Keys(t.Context(), "*daybook:*").Val() {
					p.client.Unlink(t.Context(), k)
				}
			}
			if !yield([]any{day, fmt.Sprint(i), int64(i), 0.5}, nil) {
				return
			}
		}
	}
	refused(t, r, fault.CheckFailed, "would hold 200 rows")
	if got := p.client.HKeys(t.Context(), "books").Val(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("%q", got)
	}
}

func TestRedisKeyOfAnotherIsNotTakenOverUnasked(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	p.client.HSet(t.Context(), "books", "somebody's", "x")
	r := p.request(project.Redis{Name: "books", Structure: "hash"}, "swap", books, "isbn")
	r.First = true
	row := []any{day, "a", int64(1), 0.5}
	refused(t, with(r, row), fault.Invalid, "the key books is there already")
	if got := p.client.HKeys(t.Context(), "books").Val(); !slices.Equal(got, []string{"somebody's"}) {
		t.Errorf("%q", got)
	}
	r.Publication.TakesOver = true
	must(t, with(r, row))
	r.Publication.TakesOver = false
	// The RENAME was made, and its answer was lost.
	p.client.Set(t.Context(), "{books}:daybook", "published by items", 0)
	must(t, with(r, row))
}

func TestRedisKeyThatWouldShrinkStays(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	for _, structure := range []string{"hash", "string"} {
		r := p.request(project.Redis{Name: structure, Structure: structure}, "swap", books, "isbn")
		r.Publication.Shrink = 0.5
		must(t, with(r, []any{day, "a", int64(1), 0.5}, []any{day, "b", int64(1), 0.5}, []any{day, "c", int64(1), 0.5}))
		must(t, with(r, []any{day, "a", int64(1), 0.5}, []any{day, "b", int64(1), 0.5}))
		refused(t, with(r), fault.CheckFailed, "50%")
		if p.client.Exists(t.Context(), structure).Val() != 1 {
			t.Errorf("%s is gone", structure)
		}
	}
}

func TestRedisKeysOfSeveralColumnsStayApart(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := p.request(project.Redis{Name: "books", Structure: "hash"}, "swap", books, "day", "isbn")
	must(t, with(r, []any{day, "a:b", int64(1), 0.5}, []any{day, "a%3Ab", int64(2), 0.5}))
	got := p.client.HKeys(t.Context(), "books").Val()
	slices.Sort(got)
	if d := cmp.Diff([]string{"2026-11-19:a%253Ab", "2026-11-19:a%3Ab"}, got); d != "" {
		t.Error(d)
	}
}

func TestRedisLeavesNothingBeside(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	r := p.request(project.Redis{Name: "books", Structure: "hash"}, "swap", books, "isbn")
	must(t, with(r, []any{day, "a", int64(1), 0.5}))
	// A publish that died has its note and its key.
	p.client.Set(t.Context(), "{books}:daybook", "{books}:daybook:dead", 0)
	p.client.HSet(t.Context(), "{books}:daybook:dead", "x", "y")
	refused(t, with(r, []any{day, "a", int64(1), math.NaN()}), fault.Invalid, "rate")
	must(t, with(r, []any{day, "a", int64(1), 0.5}))
	if keys := p.client.Keys(t.Context(), "*").Val(); !slices.Equal(keys, []string{"books"}) {
		t.Errorf("keys %q", keys)
	}
}

func TestRedisTakesThePlaceOfItsKindOnly(t *testing.T) {
	t.Parallel()
	p := redisWorld(t)
	p.client.Set(t.Context(), "books", "somebody's", 0)
	refused(t, with(p.request(project.Redis{Name: "books", Structure: "hash"}, "swap", books, "isbn"), []any{day, "a", int64(1), 0.5}), fault.Invalid, "books is a string already")
	refused(t, with(p.request(project.Redis{Name: "x", Structure: "hash"}, "swap", books)), fault.Invalid, "key")
	if got := p.client.Get(t.Context(), "books").Val(); got != "somebody's" {
		t.Errorf("%q", got)
	}
}
