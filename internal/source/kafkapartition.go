package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"daybook/internal/fault"
)

const (
	kafkaBytes = 4 << 20        // of one answer, compressed
	kafkaWild  = 48 * time.Hour // a timestamp that far in the future is a wrong clock's
	kafkaIdle  = 50             // answers without progress
)

// partitionReader reads one partition of a day.
type partitionReader struct {
	k      *kafkaFetch
	w      *streamWriter
	name   string
	n      int32
	next   int64 // offset to read
	cut    int64 // the first offset of a later day, -1 before it is seen
	read0  int64 // up to which the day before has read: what is older than this day and behind it came too late for any; -1 for unknown
	newest int64 // latest timestamp, in ms, of a clock that is not wrong
	gap    int64 // offsets before next that the topic has dropped, to be told with the first record's time; 0 for none

	late, wild, coded strays

	count kafkaCount
}

// kafkaCount is how many records of the day were read, and how many of them are in the format of a schema registry.
type kafkaCount struct {
	Records int64 `json:"records"`
	Coded   int64 `json:"coded,omitempty"`
}

// readable reports whether what a contract rejects is not most of it.
func (c kafkaCount) readable() bool { return 2*c.Coded <= c.Records }

// strays are records that are in no day, or in none that can be read.
type strays struct {
	n           int
	first, last int64 // offsets
	furthest    time.Duration
}

func (s *strays) add(offset int64, by time.Duration) {
	if s.n == 0 {
		s.first = offset
	}
	s.n, s.last, s.furthest = s.n+1, offset, max(s.furthest, by)
}

// open finds the offset to go on at and reports whether there is one.
func (p *partitionReader) open() (bool, error) {
	k, err := p.k, error(nil)
	checkpoint := k.Checkpoint[p.name]
	p.read0 = -1
	if cut, read, ok := strings.Cut(checkpoint, "/"); ok {
		if p.next, err = offsetOf(cut); err == nil {
			p.read0, err = offsetOf(read)
		}
	} else if k.Checkpoint == nil {
		p.next = k.begin[p.n].Offset
	} else if checkpoint != "" {
		err = fault.New(fault.Damaged, fmt.Sprintf("%q does not name two offsets", checkpoint), "")
	}
	if kept := p.w.kept; kept != nil && err == nil {
		p.next, err = offsetOf(kept.Last)
		p.next++
		p.newest = kept.Newest
		if kept.Count != nil {
			p.count = *kept.Count
		}
		if kept.Cut != nil {
			p.cut = *kept.Cut
		}
	}
	if err != nil {
		return false, fmt.Errorf("fetch %s: checkpoint of %s: %w", k.Source.Name, p.name, err)
	}
	first, end := k.first[p.n], k.ends[p.n]
	switch {
	case p.next > end:
		detail := fmt.Sprintf("it ends at offset %d, before the checkpoint %d: the topic was made anew or cut off", end, p.next)
		if !k.lose(p.w, p.since(), k.end, detail) {
			return false, nil
		}
		p.next, p.cut, p.read0 = k.begin[p.n].Offset, -1, -1
	case p.next < first:
		p.gap, p.next = first-p.next, first
	case p.next == first && first > 0 && k.Checkpoint == nil && p.w.kept == nil && !k.keeps && k.begin[p.n].Timestamp != k.start.UnixMilli():
		p.gap = first // how many of them were of this day, nobody knows any more
	}
	return true, nil
}

func (p *partitionReader) since() time.Time {
	if p.w.kept != nil {
		return time.UnixMilli(p.w.kept.At)
	}
	return p.k.start
}

// read reads on until the day is over.
func (p *partitionReader) read(ctx context.Context) error {
	for idle := 0; ; {
		over := p.k.over() // before the request: what arrives during it need not be in it
		from := p.next
		page, err := p.fetch(ctx)
		if err != nil {
			return err
		}
		ended, err := p.take(ctx, page.Records)
		if ended || err != nil {
			return err
		}
		if page.next > p.next {
			p.next = page.next
		}
		if p.next >= page.stable { // nothing more can be read
			if p.gap > 0 && !p.lost(p.k.end) {
				return nil
			}
			if !over || page.stable < page.high { // an open transaction holds records back
				p.k.stillRuns()
				return nil
			}
			p.done()
			return nil
		}
		if idle++; p.next > from {
			idle = 0
		} else if idle == kafkaIdle {
			return fault.New(fault.Unavailable, fmt.Sprintf("fetch %s: %s gives nothing at offset %d", p.k.Source.Name, p.name, p.next), "see the brokers' logs, then run the day again")
		} else if err := p.k.Wait(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// take writes the records of the day and reports whether the partition needs no more reading.
func (p *partitionReader) take(ctx context.Context, records []*kgo.Record) (bool, error) {
	k, now := p.k, p.k.Now()
	for _, r := range records {
		at := r.Timestamp
		if p.gap > 0 && !p.lost(at) {
			return true, nil
		}
		p.next = r.Offset + 1
		switch {
		case at.Before(k.start):
			if p.read0 >= 0 && r.Offset >= p.read0 {
				p.late.add(r.Offset, time.UnixMilli(max(p.newest, r.Timestamp.UnixMilli())).Sub(k.start))
			}
		case at.After(now.Add(kafkaWild)) && !at.Before(k.end):
			p.wild.add(r.Offset, at.Sub(now))
		case !at.Before(k.end):
			if p.cut < 0 {
				p.cut = r.Offset
			}
		default:
			line := p.line(r)
			if p.w.fills(line) && !p.count.readable() {
				p.w.forget() // it would be the same the next time
				return true, p.k.coded(p.count)
			}
			if err := p.w.add(ctx, line, p.note(r)); err != nil {
				return true, err
			}
		}
		if !at.After(now) {
			p.newest = max(p.newest, at.UnixMilli())
		}
		if p.newest >= k.closes().UnixMilli() {
			p.done()
			return true, nil
		}
	}
	return false, nil
}

func (p *partitionReader) note(r *kgo.Record) streamNote {
	n := streamNote{Last: strconv.FormatInt(r.Offset, 10), At: r.Timestamp.UnixMilli(), Newest: p.newest}
	count := p.count
	n.Count = &count
	if cut := p.cut; cut >= 0 {
		n.Cut = &cut
	}
	return n
}

// line is a record of the day; one in the format of a schema registry cannot be read, and its bytes are a line that every contract rejects.
func (p *partitionReader) line(r *kgo.Record) []byte {
	p.count.Records++
	switch {
	case r.Value == nil:
		return deletedLine(r.Key)
	case len(r.Value) > 4 && r.Value[0] == 0:
		p.count.Coded++
		p.coded.add(r.Offset, 0)
		return base64Line(r.Value)
	}
	return streamLine(r.Value)
}

// lost tells of offsets that were dropped before the record that is there now, and reports whether to read on.
func (p *partitionReader) lost(to time.Time) bool {
	detail := fmt.Sprintf("%d offsets before %d, which the topic dropped before they were read", p.gap, p.k.first[p.n])
	if p.gap == p.k.first[p.n] && p.k.Checkpoint == nil {
		detail = fmt.Sprintf("up to %d offsets, which the topic has dropped", p.gap)
	}
	p.gap = 0
	return p.k.lose(p.w, p.since(), to, detail)
}

// done notes where the next day begins, and up to where this one has read.
func (p *partitionReader) done() {
	cut := p.cut
	if cut < 0 {
		cut = p.next
	}
	p.k.done(p.name, fmt.Sprintf("%d/%d", cut, p.next))
}

// tell names the records that are in no day, or in none that can be read.
func (p *partitionReader) tell() {
	if s := p.late; s.n > 0 {
		p.k.Log("warn", "%s: %d records, offsets %d to %d, are older than %s and came after the day before was closed: they are in no day; to have them, write a lateness above %s and fetch that day anew",
			p.name, s.n, s.first, s.last, p.k.Day, max(s.furthest, p.k.Source.Stream.Lateness).Round(time.Second))
	}
	if s := p.coded; s.n > 0 {
		p.k.Log("warn", "%s: %d records, offsets %d to %d, are in the format of a schema registry; they are stored as base64 for the contract to reject", p.name, s.n, s.first, s.last)
	}
	if s := p.wild; s.n > 0 {
		p.k.Log("warn", "%s: %d records, offsets %d to %d, have times up to %s in the future; they are in no day", p.name, s.n, s.first, s.last, s.furthest.Round(time.Minute))
	}
}

// kafkaPage is an answer: records, the offset behind them, and up to where the partition can be read and is written.
type kafkaPage struct {
	kgo.FetchPartition
	next, stable, high int64
}

// fetch asks the partition's leader for records, and its next leader when it is none any more.
func (p *partitionReader) fetch(ctx context.Context) (page kafkaPage, err error) {
	doing := fmt.Sprintf("read %s of topic %s", p.name, p.k.Source.Stream.Name)
	err = p.k.ask(ctx, doing, func(ctx context.Context) error {
		page, err = p.fetchOnce(ctx)
		if kafkaMoved(err) {
			return errors.Join(err, p.k.lead(ctx))
		}
		return err
	})
	return page, err
}

// kafkaMoved reports whether a partition may be led by another broker by now.
func kafkaMoved(err error) bool {
	for _, e := range []error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownTopicID, kerr.LeaderNotAvailable} {
		if errors.Is(err, e) {
			return true
		}
	}
	return kgo.IsRetryableBrokerErr(err)
}

func (p *partitionReader) fetchOnce(ctx context.Context) (kafkaPage, error) {
	p.k.mu.Lock()
	leader, id := p.k.leaders[p.n], p.k.id
	p.k.mu.Unlock()
	if leader < 0 {
		return kafkaPage{}, kerr.LeaderNotAvailable
	}
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = p.n, p.next, kafkaBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = p.k.Source.Stream.Name, id, []kmsg.FetchRequestTopicPartition{partition}
	request := kmsg.NewPtrFetchRequest()
	request.MaxBytes, request.IsolationLevel, request.Topics = kafkaBytes, 1, []kmsg.FetchRequestTopic{topic}
	request.SessionEpoch = -1
	answer, err := p.k.client.Broker(int(leader)).Request(ctx, request)
	if err != nil {
		return kafkaPage{}, err
	}
	response, ok := answer.(*kmsg.FetchResponse)
	if !ok || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		if ok && response.ErrorCode != 0 {
			return kafkaPage{}, kerr.ErrorForCode(response.ErrorCode)
		}
		return kafkaPage{}, errors.New("the broker's answer is about something else")
	}
	got := &response.Topics[0].Partitions[0]
	options := kgo.ProcessFetchPartitionOpts{Offset: p.next, IsolationLevel: kgo.ReadCommitted(), Topic: p.k.Source.Stream.Name, Partition: p.n}
	read, next := kgo.ProcessFetchPartition(options, got, p.k.unpack, nil)
	page := kafkaPage{read, next, got.LastStableOffset, got.HighWatermark}
	if page.stable < 0 { // a broker without transactions
		page.stable = page.high
	}
	return page, read.Err
}
