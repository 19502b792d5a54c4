package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// Kinesis is the kind kinesis: a data stream of Amazon Kinesis. A day of a shard begins with the first record that arrived in it, by
// the stream's clock, and ends before the first that arrived after it; every shard that the stream lists is read, so that a day in which
// shards were split and merged is whole.
type Kinesis struct{}

type kinesisFetch struct {
	*streamFetch
	client  *kinesis.Client
	created time.Time     // of the stream
	keeps   time.Duration // how long the stream keeps records
	horizon time.Time     // what arrived earlier may be gone
}

// Fetch implements Source. A day of which a part is older than the stream's retention is a fault of code lost.
func (Kinesis) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	f, result, err := beginStream(ctx, r, sink)
	if f == nil {
		return result, err
	}
	cfg, err := awsConfig(ctx, r)
	if err != nil {
		return Result{}, err
	}
	k := &kinesisFetch{streamFetch: f, client: kinesis.NewFromConfig(cfg)}
	if err := k.describe(ctx); err != nil {
		return Result{}, err
	}
	read := map[string]bool{}
	for first := true; ; first = false {
		shards, err := k.shards(ctx)
		if err != nil {
			return Result{}, err
		}
		if first {
			if err := k.gone(ctx, shards); err != nil {
				return Result{}, err
			}
		}
		shards = slices.DeleteFunc(shards, func(s string) bool { return read[s] })
		if len(shards) == 0 {
			return k.finish()
		}
		if err := k.each(ctx, shards, k.shard); err != nil {
			return Result{}, err
		}
		for _, s := range shards { // then once more: a shard may have ended meanwhile, and others taken its place
			read[s] = true
		}
	}
}

// describe learns how long the stream keeps its records.
func (k *kinesisFetch) describe(ctx context.Context) error {
	name := k.Source.Stream.Name
	var about *kinesis.DescribeStreamSummaryOutput
	err := awsAsk(ctx, k.Request, "describe stream "+name, func(ctx context.Context) (err error) {
		about, err = k.client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if err == nil && about.StreamDescriptionSummary == nil {
			return errEmptyAnswer()
		}
		return err
	})
	if err != nil {
		return err
	}
	d := about.StreamDescriptionSummary
	if d.StreamStatus == types.StreamStatusCreating || d.StreamStatus == types.StreamStatusDeleting {
		return fault.New(fault.Unavailable, fmt.Sprintf("fetch %s: stream %s is %s", k.Source.Name, name, d.StreamStatus), "run the day again when the stream is active")
	}
	k.created = aws.ToTime(d.StreamCreationTimestamp)
	k.keeps = time.Duration(aws.ToInt32(d.RetentionPeriodHours)) * time.Hour
	k.horizon = k.began.Add(-k.keeps)
	return nil
}

// errEmptyAnswer is the fault for an answer that has nothing of what it must have.
func errEmptyAnswer() error {
	return fault.New(fault.Unavailable, "the answer of Kinesis is empty", "run the day again")
}

// shards lists the stream's shards, with those that are closed and still hold records.
func (k *kinesisFetch) shards(ctx context.Context) ([]string, error) {
	var names []string
	ask := &kinesis.ListShardsInput{StreamName: &k.Source.Stream.Name}
	for {
		var page *kinesis.ListShardsOutput
		err := awsAsk(ctx, k.Request, "list the shards of stream "+k.Source.Stream.Name, func(ctx context.Context) (err error) {
			page, err = k.client.ListShards(ctx, ask)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, s := range page.Shards {
			names = append(names, aws.ToString(s.ShardId))
		}
		if page.NextToken == nil {
			return names, nil
		}
		ask = &kinesis.ListShardsInput{NextToken: page.NextToken} // it stands for the stream too
	}
}

// gone notes what the stream has dropped with whole shards that were not read to their end.
func (k *kinesisFetch) gone(ctx context.Context, listed []string) error {
	known := slices.AppendSeq(slices.Collect(maps.Keys(k.Checkpoint)), maps.Keys(k.kept))
	slices.Sort(known)
	for _, shard := range slices.Compact(known) {
		if slices.Contains(listed, shard) || k.Checkpoint[shard] == shardClosed {
			continue
		}
		w := k.writer(shard)
		if k.lose(w, k.since(w), k.horizon, "the shard is not there any more") {
			if err := w.close(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// since is the instant up to which a strand was read.
func (k *kinesisFetch) since(w *streamWriter) time.Time {
	if w.kept != nil {
		return time.UnixMilli(max(w.kept.At, w.kept.Seen))
	}
	return k.start
}

// shard reads one shard as far as the day goes.
func (k *kinesisFetch) shard(ctx context.Context, shard string) error {
	if k.Checkpoint[shard] == shardClosed {
		k.done(shard, shardClosed)
		return nil
	}
	w := k.writer(shard)
	s := &shardReader{k: k, w: w, name: shard, place: k.place(shard, w), pace: pace{slowest: 64}}
	found, err := s.open(ctx)
	if err != nil || !found {
		return err
	}
	return w.close(ctx, s.read(ctx))
}

// Places in a shard, as checkpoints have them.
const (
	shardAt     = "at:"    // a record's sequence number: with it
	shardAfter  = "after:" // the same: behind it
	shardTime   = "time:"  // with the first record that arrived then or later
	shardStart  = "start"  // with the shard's first record
	shardClosed = "closed" // there are no more
)

// place is where to go on in a shard: behind what is kept, where the day before ended, or by the time at which the day begins.
func (k *kinesisFetch) place(shard string, w *streamWriter) string {
	if w.kept != nil && w.kept.Last != "" {
		return shardAfter + w.kept.Last
	}
	if at := k.Checkpoint[shard]; at != "" {
		return at
	}
	if k.Checkpoint == nil {
		return shardTime + utcMillis(k.start)
	}
	return shardStart // it is younger than the checkpoint
}

func validateKinesis(s project.Source) error { return validateStream(s, "stream") }
