package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	shardInterval = time.Second / 5 // five reads a second are allowed
	shardBytes    = 2 << 20         // and as many bytes
	shardSkew     = time.Minute     // that the clock of this machine may be ahead
	shardReopens  = 10              // iterators that may expire before a record is read
)

// shardReader reads one shard of a day.
type shardReader struct {
	k        *kinesisFetch
	w        *streamWriter
	name     string
	pace     pace
	place    string // to go on at
	expect   string // the sequence number that the first record must have, if nothing was dropped
	again    bool   // that record was taken already
	taken    string // the sequence number up to which records were taken, where the shard is read from its start; empty for none
	iterator *string
}

// open finds the shard's place and reports whether nothing before it was lost, or may be.
func (s *shardReader) open(ctx context.Context) (bool, error) {
	k, since := s.k, s.k.since(s.w)
	if sequenced(s.place) && k.created.After(since) {
		return s.restart(ctx, since, "the stream was made anew")
	}
	sequence, after := strings.CutPrefix(s.place, shardAfter)
	switch {
	case strings.HasPrefix(s.place, shardAt):
		s.expect = strings.TrimPrefix(s.place, shardAt)
	case after && since.Before(k.horizon): // that it is still there proves that nothing behind it was dropped
		s.place, s.expect, s.again = shardAt+sequence, sequence, true
	case after && s.w.kept != nil && time.UnixMilli(s.w.kept.At).Before(k.horizon): // it is gone, and there was nothing behind it
		s.place, s.taken = shardStart, sequence
	case s.place == shardTime+utcMillis(k.start) && k.began.Before(k.start.Add(shardSkew)):
		k.stillRuns() // by the stream's clock the day may not have begun, and a time to come is refused
		return false, nil
	case !after:
		from := since
		if k.created.After(from) {
			from = k.created
		}
		if from.Before(k.horizon) && !k.lose(s.w, from, k.horizon, "which is older than the stream keeps records") {
			return false, nil
		}
	}
	err := s.seek(ctx)
	var invalid *types.InvalidArgumentException
	if !sequenced(s.place) || !errors.As(err, &invalid) {
		return err == nil, err
	}
	if s.expect != "" {
		return s.restart(ctx, since, "which the stream dropped before it was read")
	}
	s.place, s.taken = shardStart, sequence // the stream does not know a record that it has dropped
	err = s.seek(ctx)
	return err == nil, err
}

// restart goes on with what there still is, if that is wanted.
func (s *shardReader) restart(ctx context.Context, since time.Time, why string) (bool, error) {
	to := s.k.horizon
	if s.k.created.After(to) {
		to = s.k.created
	}
	if !s.k.lose(s.w, since, to, why) {
		return false, nil
	}
	s.place, s.expect, s.again = shardTime+utcMillis(since), "", false
	err := s.seek(ctx)
	return err == nil, err
}

// later reports whether a sequence number of a shard comes after another one.
func later(a, b string) bool {
	return len(a) > len(b) || len(a) == len(b) && a > b
}

func sequenced(place string) bool {
	return strings.HasPrefix(place, shardAt) || strings.HasPrefix(place, shardAfter)
}

// seek asks for an iterator at the place.
func (s *shardReader) seek(ctx context.Context) error {
	ask := &kinesis.GetShardIteratorInput{StreamName: &s.k.Source.Stream.Name, ShardId: &s.name, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if sequence, ok := strings.CutPrefix(s.place, shardAt); ok {
		ask.ShardIteratorType, ask.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, &sequence
	} else if sequence, ok := strings.CutPrefix(s.place, shardAfter); ok {
		ask.ShardIteratorType, ask.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, &sequence
	} else if text, ok := strings.CutPrefix(s.place, shardTime); ok {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fmt.Errorf("checkpoint of %s: %w", s.name, err)
		}
		ask.ShardIteratorType, ask.Timestamp = types.ShardIteratorTypeAtTimestamp, &at
	}
	return s.ask(ctx, func(ctx context.Context) error {
		out, err := s.k.client.GetShardIterator(ctx, ask)
		if err != nil {
			return err
		}
		if s.iterator = out.ShardIterator; s.iterator == nil {
			return errEmptyAnswer()
		}
		return nil
	})
}

// ask makes a call at the shard's pace.
func (s *shardReader) ask(ctx context.Context, call func(context.Context) error) error {
	return awsAsk(ctx, s.k.Request, fmt.Sprintf("read %s of stream %s", s.name, s.k.Source.Stream.Name), func(ctx context.Context) error {
		if err := s.pace.wait(ctx, s.k.Request, shardInterval); err != nil {
			return err
		}
		if err := s.k.going(ctx); err != nil {
			return err
		}
		err := call(ctx)
		if awsBusy(err) {
			s.pace.halve(s.k.Now())
		}
		return err
	})
}

// read reads on until the day's end, the shard's or the newest record.
func (s *shardReader) read(ctx context.Context) error {
	for expired := 0; ; {
		now, over := s.k.Now(), s.k.over() // before the call: what arrives during it need not be in it
		var page *kinesis.GetRecordsOutput
		err := s.ask(ctx, func(ctx context.Context) (err error) {
			page, err = s.k.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: s.iterator})
			if err == nil && page.MillisBehindLatest == nil { // an answer without an iterator would look like the shard's end
				return errEmptyAnswer()
			}
			return err
		})
		var old *types.ExpiredIteratorException
		if errors.As(err, &old) && expired < shardReopens {
			expired++
			if err := s.seek(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		ended, err := s.take(ctx, page.Records)
		if ended || err != nil {
			return err
		}
		if len(page.Records) > 0 {
			expired = 0
		}
		s.iterator = page.NextShardIterator
		tip := *page.MillisBehindLatest == 0
		switch {
		case s.iterator == nil || tip && over && len(page.Records) == 0:
			return s.end()
		case tip && !over:
			s.k.stillRuns()
			return s.seen(ctx, now)
		}
	}
}

// seen notes how far a quiet shard was read, before its last record is so old that the stream drops it.
func (s *shardReader) seen(ctx context.Context, now time.Time) error {
	if s.w.n > 0 || now.Sub(s.k.since(s.w)) < s.k.keeps/4 {
		return nil
	}
	return s.w.mark(ctx, now)
}

// take writes the records of an answer and reports whether the shard needs no more reading.
func (s *shardReader) take(ctx context.Context, records []types.Record) (bool, error) {
	if len(records) == 0 {
		return false, nil
	}
	if s.expect != "" {
		if aws.ToString(records[0].SequenceNumber) != s.expect {
			if !s.k.lose(s.w, s.k.since(s.w), aws.ToTime(records[0].ApproximateArrivalTimestamp), "which the stream dropped before it was read") {
				return true, nil
			}
		} else if s.again {
			records, s.place = records[1:], shardAfter+s.expect
		}
		s.expect = ""
	}
	size := 0
	for _, r := range records {
		size += len(r.Data)
		if s.taken != "" && !later(aws.ToString(r.SequenceNumber), s.taken) {
			continue
		}
		sequence, at := aws.ToString(r.SequenceNumber), aws.ToTime(r.ApproximateArrivalTimestamp)
		if !at.Before(s.k.end) {
			s.k.done(s.name, shardAt+sequence)
			return true, nil
		}
		if bytes.HasPrefix(r.Data, []byte{0xf3, 0x89, 0x9a, 0xc2}) {
			return true, s.k.unsupported("record "+sequence+" in "+s.name, "several records that the Kinesis Producer Library put into one",
				"set AggregationEnabled = false in the producer; aggregated records are not supported")
		}
		if err := s.w.add(ctx, streamLine(r.Data), streamNote{Last: sequence, At: at.UnixMilli()}); err != nil {
			return true, err
		}
		s.place = shardAfter + sequence
	}
	s.pace.spend(time.Duration(size) * time.Second / shardBytes)
	return false, nil
}

// end notes where the next day begins in a shard that shows no record behind this day.
func (s *shardReader) end() error {
	if s.expect != "" {
		if !s.k.lose(s.w, s.k.since(s.w), s.k.began, "which the stream dropped before it was read") {
			return nil
		}
		s.place = shardStart
	}
	if s.place == shardStart && s.taken != "" {
		s.place = shardAfter + s.taken
	}
	switch {
	case s.iterator == nil:
		s.k.done(s.name, shardClosed)
	case strings.HasPrefix(s.place, shardAfter):
		s.k.done(s.name, s.place)
	default:
		s.k.done(s.name, shardTime+utcMillis(s.k.end))
	}
	return nil
}
