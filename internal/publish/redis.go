package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"daybook/internal/fault"
)

// Redis publishes to a key of Redis: the rows go into a new key beside it, whose rows are counted, and RENAME puts it into the place of the
// old one. Readers see all of the old or all of the new. What a publish that died left is removed by the next one, or after an hour.
type Redis struct{}

// Publish is Target.
func (Redis) Publish(ctx context.Context, r Request) (Result, error) {
	l, err := layoutOf(r)
	if err != nil {
		return Result{}, err
	}
	s := &redisRun{request: r, layout: l, name: dated(r.Publication.Redis.Name, r.Day)}
	if err := s.shape(); err != nil {
		return Result{}, err
	}
	address, err := r.Secret(ctx, r.Publication.URL)
	if err != nil {
		return Result{}, fmt.Errorf("look up url: %w", err)
	}
	options, err := redis.ParseURL(address)
	if err != nil { // its text may show the address
		return Result{}, invalid(r, r.Publication.URL+" is not the address of a Redis server", "put redis://user:password@host:6379/0 or rediss://… into it")
	}
	options.MaxRetries = -1 // APPEND twice is not APPEND once
	options.ContextTimeoutEnabled = true
	s.client = redis.NewClient(options)
	defer s.client.Close()
	beside := s.name + ":daybook" // the braces of the name, or these, keep both keys in one slot of a cluster
	if !strings.Contains(s.name, "{") {
		beside = "{" + s.name + "}:daybook"
	}
	s.note, s.fresh = beside, beside+":"+strings.ToLower(rand.Text())
	if err := s.all(ctx); err != nil {
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		s.client.Unlink(tidy, s.fresh) // it goes by itself where this fails
		return Result{}, err
	}
	s.result.Step = "RENAME: readers see all of the old key or all of the new one"
	return s.result, nil
}

type redisRun struct {
	request       Request
	layout        *layout
	client        *redis.Client
	name          string // of the key that readers know
	note          string // of the key that says what the new one is called
	fresh         string // of the new key
	member, score int    // of sorted_set
	before, added int64  // rows of the old key, bytes of a string; rows that were not in the new one before
	size          int64  // rows of the new key, bytes of a string
	result        Result
}

const (
	hash      = "hash"
	sortedSet = "sorted_set"
	text      = "string"
)

// shape holds that the columns are there which the structure needs.
func (s *redisRun) shape() error {
	p := s.request.Publication.Redis
	switch p.Structure {
	case hash:
		if len(s.layout.key) == 0 {
			return invalid(s.request, "a hash needs a key for its fields", "write key: with the columns that name a row")
		}
	case sortedSet:
		s.member, s.score = s.layout.find(p.Member), s.layout.find(p.Score)
		if s.member < 0 || s.score < 0 {
			return invalid(s.request, "member or score is no published column", "name two of: "+s.layout.names())
		}
		s.layout.key = []int{s.member} // what cannot be there twice
	case text:
		if s.request.Publication.Mode == "upsert" {
			return invalid(s.request, "a string has no rows to put in", "write mode: swap or day, or structure: hash")
		}
	default:
		return invalid(s.request, fmt.Sprintf("there is no structure %q", p.Structure), "write structure: hash, sorted_set or string")
	}
	return nil
}

func (s *redisRun) all(ctx context.Context) error {
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"look at the key", s.look},
		{"begin a new key", s.begin},
		{"fill the new key", s.fill},
		{"count the new key", s.compare},
		{"rename the new key", s.rename},
	} {
		if err := step.do(ctx); err != nil {
			return redisFault(err, step.doing)
		}
	}
	return nil
}

// look refuses to take the place of a key that is something else.
func (s *redisRun) look(ctx context.Context) (err error) {
	kind, err := s.client.Type(ctx, s.name).Result()
	if err != nil {
		return err
	}
	want := map[string]string{hash: "hash", sortedSet: "zset", text: "string"}[s.request.Publication.Redis.Structure]
	if kind != "none" && kind != want {
		return invalid(s.request, fmt.Sprintf("the key %s is a %s already", s.name, kind), "give name: another name, or delete the key")
	}
	if s.before, err = s.count(ctx, s.name); err != nil || kind == "none" || !s.request.guarded() {
		return err
	}
	if note, err := s.client.Get(ctx, s.note).Result(); err != nil && !errors.Is(err, redis.Nil) || note == s.renamed() {
		return err
	}
	return invalid(s.request, fmt.Sprintf("the key %s is there already, and no publish on record made it; nothing was changed", s.name), takeOver)
}

// renamed is what the note says from the RENAME until its answer has come.
func (s *redisRun) renamed() string { return "published by " + s.request.mark() }

func (s *redisRun) count(ctx context.Context, name string) (int64, error) {
	switch s.request.Publication.Redis.Structure {
	case hash:
		return s.client.HLen(ctx, name).Result()
	case sortedSet:
		return s.client.ZCard(ctx, name).Result()
	}
	return s.client.StrLen(ctx, name).Result()
}

// begin removes what a publish that died left, and notes the name of the new key before there is one.
func (s *redisRun) begin(ctx context.Context) error {
	left, err := s.client.Get(ctx, s.note).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	if strings.HasPrefix(left, s.note+":") {
		if err := s.client.Unlink(ctx, left).Err(); err != nil {
			return err
		}
	}
	if err := s.client.Set(ctx, s.note, s.fresh, 24*time.Hour).Err(); err != nil {
		return err
	}
	if s.request.Publication.Mode == "upsert" && s.before > 0 {
		return s.client.Do(ctx, "COPY", s.name, s.fresh, "REPLACE").Err()
	}
	return nil
}

const (
	pipelineRows  = 500
	pipelineBytes = 1 << 20
)

func (s *redisRun) fill(ctx context.Context) error {
	if s.request.Publication.Redis.Structure == text {
		return s.array(ctx)
	}
	pipe := s.client.Pipeline()
	rows, size := 0, 0
	send := func() error {
		pipe.Expire(ctx, s.fresh, time.Hour)
		commands, err := pipe.Exec(ctx)
		for _, c := range commands {
			switch c := c.(type) {
			case *redis.IntCmd: // HSET
				s.added += c.Val()
			case *redis.Cmd: // ZADD
				n, _ := c.Int64() // an error is Exec's
				s.added += n
			}
		}
		rows, size = 0, 0
		return err
	}
	distinct := s.layout.distinct()
	err := s.layout.each(ctx, func(row []any) error {
		if err := distinct(row); err != nil {
			return err
		}
		n, err := s.put(ctx, pipe, row)
		if err != nil {
			return err
		}
		if rows, size = rows+1, size+n; rows >= pipelineRows || size >= pipelineBytes {
			return send()
		}
		return nil
	})
	s.result.Sent, s.result.Written = s.layout.sent, s.layout.sent
	if err != nil || rows == 0 {
		return err
	}
	return send()
}

func (s *redisRun) put(ctx context.Context, pipe redis.Pipeliner, row []any) (size int, err error) {
	if s.request.Publication.Redis.Structure == hash {
		var b bytes.Buffer
		if err := s.layout.object(&b, row); err != nil {
			return 0, err
		}
		pipe.HSet(ctx, s.fresh, s.layout.joined(row), b.Bytes())
		return b.Len(), nil
	}
	member := plain(row[s.member], s.layout.columns[s.member].Type)
	score, err := s.scored(row)
	if err != nil {
		return 0, err
	}
	pipe.Do(ctx, "ZADD", s.fresh, score, member)
	return len(member), nil
}

// scored is a score as Redis reads it, a double.
func (s *redisRun) scored(row []any) (string, error) {
	switch v := row[s.score].(type) {
	case int64:
		if v > exact || v < -exact {
			return "", s.layout.bad(row, s.score, "is beyond 2^53, which a score rounds", "take a smaller number as score:")
		}
		return plain(v, ""), nil
	case float64:
		if math.IsNaN(v) {
			return "", s.layout.bad(row, s.score, errNotFinite{v}.Error(), finiteHint)
		}
		return strings.Replace(number(v), "Infinity", "inf", 1), nil
	case string:
		if strings.HasPrefix(s.layout.columns[s.score].Type, "DECIMAL") {
			return v, nil
		}
	}
	return "", s.layout.bad(row, s.score, "is no number", "take a column of numbers without NULL as score:")
}

// array makes the new key one JSON array of all rows.
func (s *redisRun) array(ctx context.Context) error {
	b := bytes.NewBufferString("[")
	distinct := s.layout.distinct()
	send := func() error {
		s.size += int64(b.Len())
		var there *redis.IntCmd
		_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			there = pipe.Append(ctx, s.fresh, b.String())
			pipe.Expire(ctx, s.fresh, time.Hour)
			return nil
		})
		b.Reset()
		if err == nil && there.Val() != s.size { // it went meanwhile, and APPEND began it anew
			err = s.lost(there.Val(), s.size)
		}
		return err
	}
	first := true
	err := s.layout.each(ctx, func(row []any) error {
		if err := distinct(row); err != nil {
			return err
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := s.layout.object(b, row); err != nil || b.Len() < pipelineBytes/4 {
			return err
		}
		return send()
	})
	s.result.Sent, s.result.Written = s.layout.sent, s.layout.sent
	if err != nil {
		return err
	}
	b.WriteByte(']')
	return send()
}

func (s *redisRun) compare(ctx context.Context) error {
	if s.request.Publication.Redis.Structure == text {
		there, err := s.count(ctx, s.fresh)
		if err == nil && there != s.size {
			err = s.lost(there, s.size)
		}
		if err != nil {
			return err
		}
		return shrunk(s.request, s.before, s.size, "bytes")
	}
	count, err := s.count(ctx, s.fresh)
	if err != nil {
		return err
	}
	want := s.result.Sent
	if s.request.Publication.Mode == "upsert" {
		want = s.before + s.added
	} else {
		s.result.Removed = s.before
	}
	if count != want || s.added > s.result.Sent {
		return counted(s.request, count, want)
	}
	if s.size = count; s.request.Publication.Mode == "upsert" {
		return nil
	}
	return shrunk(s.request, s.before, count, "rows")
}

func (s *redisRun) lost(there, want int64) error {
	return fault.New(fault.Unavailable, fmt.Sprintf("the new key of %s has %d bytes and not %d, as somebody removed it meanwhile; nothing was changed", s.name, there, want),
		"see that the server does not evict keys (maxmemory-policy), and that nobody else publishes there; it is tried again")
}

// rename puts the new key into the place of the old one. A new key that went meanwhile is an error of RENAME.
func (s *redisRun) rename(ctx context.Context) error {
	_, err := s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		switch {
		case s.size == 0: // Redis has no empty hashes
			pipe.Unlink(ctx, s.name)
		case s.request.Publication.Redis.Expire > 0:
			pipe.PExpire(ctx, s.fresh, s.request.Publication.Redis.Expire)
			pipe.Rename(ctx, s.fresh, s.name)
		default:
			pipe.Persist(ctx, s.fresh)
			pipe.Rename(ctx, s.fresh, s.name)
		}
		pipe.Set(ctx, s.note, s.renamed(), 24*time.Hour)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.client.Unlink(ctx, s.note).Err(); err != nil { // it is published all the same
		s.request.Log("warn", "Redis: a note of this publish stays for a day: %v", err)
	}
	return nil
}

// redisFault says what an error of the driver means to a person; errors of this room and of the rows pass.
func redisFault(err error, doing string) error {
	if fault.Code(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	doing = "Redis: " + doing
	word, _, _ := strings.Cut(err.Error(), " ")
	var answer redis.Error
	switch {
	case !errors.As(err, &answer) && !broken(err):
		return fmt.Errorf("%s: %w", doing, err)
	case !errors.As(err, &answer):
		return fault.Wrap(fault.Unavailable, err, doing, "see that the server runs and can be reached from here")
	case word == "NOAUTH" || word == "WRONGPASS" || word == "NOPERM" || strings.Contains(err.Error(), "AUTH"):
		return fault.Wrap(fault.Refused, err, doing, "see that user and password of url: are right and may use the keys "+exampleKeys)
	case word == "MOVED" || word == "ASK" || word == "CROSSSLOT":
		return fault.Wrap(fault.Invalid, err, doing, "url: names a node of a cluster that does not have the key; name the one that has it")
	case word == "ERR" || word == "WRONGTYPE" || word == "EXECABORT":
		return fault.Wrap(fault.Invalid, err, doing, "see that the server is Redis 6.2 or newer, and that nobody else writes the key")
	}
	return fault.Wrap(fault.Unavailable, err, doing, "it is tried again; see the server's log if it stays")
}

const exampleKeys = "NAME and {NAME}:daybook*"
