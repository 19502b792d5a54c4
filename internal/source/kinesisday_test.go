package source_test

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

func (k *kinesisStream) split(t *testing.T, shard int) {
	t.Helper()
	open := k.open(t)
	keys := open[shard].HashKeyRange
	from, to := decimal(keys.StartingHashKey), decimal(keys.EndingHashKey)
	middle := new(big.Int).Rsh(from.Add(from, to), 1).String()
	_, err := k.client.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: &k.name, ShardToSplit: open[shard].ShardId, NewStartingHashKey: &middle})
	if err != nil {
		t.Fatal(err)
	}
	k.ready(t)
}

func (k *kinesisStream) merge(t *testing.T, shard int) {
	t.Helper()
	open := k.open(t)
	_, err := k.client.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: &k.name, ShardToMerge: open[shard].ShardId, AdjacentShardToMerge: open[shard+1].ShardId})
	if err != nil {
		t.Fatal(err)
	}
	k.ready(t)
}

func TestKinesisDayInWhichShardsWereSplitAndMergedIsWhole(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 2)
	k.page = 2
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start.Add(-time.Hour), `{"id":"yesterday"}`)
	k.put(t, 0, start.Add(time.Hour), numbered(0, 3)...)
	k.put(t, 1, start.Add(2*time.Hour), numbered(3, 5)...)
	ahead := &kept{}
	_, err := k.fetch(t, streamDay, start.Add(3*time.Hour), nil, ahead)
	isFault(t, err, fault.Unavailable, "still runs")
	k.put(t, 0, start.Add(4*time.Hour), numbered(5, 6)...)
	k.split(t, 0)
	k.put(t, 0, start.Add(5*time.Hour), numbered(6, 8)...)
	k.put(t, 1, start.Add(5*time.Hour), numbered(8, 9)...)
	k.merge(t, 1) // the second child and the other shard
	k.put(t, 1, start.Add(6*time.Hour), numbered(9, 12)...)
	k.put(t, 1, end.Add(time.Minute), `{"id":12}`)
	once := &kept{}
	for _, into := range []*kept{ahead, once} {
		result, err := k.fetch(t, streamDay, end.Add(5*time.Minute), nil, into)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, numbered(0, 12), into)
		next := &kept{}
		second, err := k.fetch(t, streamDay.Add(1), end.Add(30*time.Hour), result.Checkpoint, next)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, numbered(12, 13), next)
		if len(second.Checkpoint) != 5 {
			t.Errorf("checkpoint of five shards: %v", second.Checkpoint)
		}
	}
}

func TestKinesisDaysFollowEachOtherWithNothingLostAndNothingTwice(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 2)
	k.source.Days, k.page = 0, 7
	want := map[calendar.Day][]string{}
	first := streamDay.Start(k.source.Zone).Add(-time.Hour)
	for i := range 170 {
		at := first.Add(time.Duration(i) * 33 * time.Minute)
		value := fmt.Sprintf(`{"id":%d}`, i)
		if d := calendar.DayOf(at, k.source.Zone); d != streamDay.Add(2) { // the third day is quiet
			k.put(t, i%2, at, value)
			want[d] = append(want[d], value)
		}
		if i == 60 {
			k.split(t, 0)
		}
	}
	var checkpoint map[string]string
	for d := streamDay; d.Before(streamDay.Add(4)); d = d.Add(1) {
		got := &kept{}
		result, err := k.fetch(t, d, d.End(k.source.Zone).Add(5*time.Minute), checkpoint, got)
		if err != nil {
			t.Fatal(err)
		}
		if len(want[d]) > 0 {
			sameRecords(t, want[d], got)
		} else if len(got.parts) > 0 {
			t.Errorf("a quiet day has %v", got.parts)
		}
		checkpoint = result.Checkpoint
	}
}

func TestKinesisDayThatIsReadAheadIsTheDayThatIsReadAtOnce(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 2)
	k.retention = 24 * time.Hour
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	before := map[string]string{} // the day before was quiet
	for _, s := range k.open(t) {
		before[aws.ToString(s.ShardId)] = "time:" + start.UTC().Format(time.RFC3339)
	}
	ahead := &kept{}
	for i := range 5 {
		at := start.Add(time.Duration(i) * 4 * time.Hour)
		k.put(t, i%2, at, numbered(2*i, 2*i+2)...)
		_, err := k.fetch(t, streamDay, at.Add(time.Hour), before, ahead)
		isFault(t, err, fault.Unavailable, "still runs until 2026-11-19T15:05:00Z")
	}
	sameRecords(t, numbered(0, 10), ahead)
	if len(ahead.parts) != 5 {
		t.Errorf("%d parts of five calls", len(ahead.parts))
	}
	k.put(t, 0, end.Add(time.Minute), `{"of":"tomorrow"}`)
	late := end.Add(5 * time.Minute)
	inTime, err := k.fetch(t, streamDay, late, before, ahead) // by now the day's beginning is gone from the stream, and kept
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 10), ahead)
	_, err = k.fetch(t, streamDay, late, before, &kept{})
	isFault(t, err, "lost")
	k.retention *= 2
	once := &kept{}
	atOnce, err := k.fetch(t, streamDay, late, before, once)
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 10), once)
	if d := cmp.Diff(atOnce, inTime); d != "" {
		t.Errorf("result (-at once +ahead):\n%s", d)
	}
}

func TestKinesisRecordsDroppedBeforeTheyWereReadAreNamed(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.retention = 24 * time.Hour
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start.Add(-time.Hour), `{"id":"yesterday"}`)
	for i, value := range numbered(0, 24) {
		k.put(t, 0, start.Add(time.Duration(i)*time.Hour), value)
	}
	yesterday, err := k.fetch(t, streamDay.Add(-1), start.Add(5*time.Minute), nil, &kept{})
	isFault(t, err, "lost", "from 2026-11-17T15:00:00Z to 2026-11-17T15:05:00Z, which is older than the stream keeps records")
	k.source.Stream.Accept = true
	if yesterday, err = k.fetch(t, streamDay.Add(-1), start.Add(5*time.Minute), nil, &kept{}); err != nil {
		t.Fatal(err)
	}
	k.source.Stream.Accept = false
	ahead := &kept{}
	_, err = k.fetch(t, streamDay, start.Add(10*time.Hour), yesterday.Checkpoint, ahead)
	isFault(t, err, fault.Unavailable)
	sameRecords(t, numbered(0, 11), ahead)

	now := end.Add(13 * time.Hour) // what arrived until 13:00 is gone, and was read until 10:00
	names := "part of shardId-000000000000: from 2026-11-19T01:00:00Z to 2026-11-19T04:00:00Z, which the stream dropped before it was read"
	_, err = k.fetch(t, streamDay, now, yesterday.Checkpoint, ahead)
	isFault(t, err, "lost", names)
	sameRecords(t, numbered(0, 11), ahead)
	k.source.Stream.Accept = true
	result, err := k.fetch(t, streamDay, now, yesterday.Checkpoint, ahead)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{names}, result.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	sameRecords(t, append(numbered(0, 11), numbered(13, 24)...), ahead)
	again, err := k.fetch(t, streamDay, now, yesterday.Checkpoint, ahead) // as after a crash behind the last part
	if d := cmp.Diff(result, again); err != nil || d != "" {
		t.Errorf("%v, another fetch behind the same parts (-want +got):\n%s", err, d)
	}
}

// A record that is still there proves that nothing behind it was dropped, however old it is.
func TestKinesisStreamThatWasQuietForLongerThanItKeepsRecordsHasLostNothing(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start, numbered(0, 1)...)
	ahead := &kept{}
	_, err := k.fetch(t, streamDay, start.Add(time.Hour), nil, ahead)
	isFault(t, err, fault.Unavailable)
	k.put(t, 0, end.Add(-time.Hour), numbered(1, 2)...)
	k.retention = 25 * time.Hour // the proxy drops exactly then; here it does so an hour after the horizon of the fetch
	k.at(end.Add(time.Hour))
	r := sourcetest.Request(k.source, streamDay)
	r.Now, r.Kept = func() time.Time { return end.Add(2 * time.Hour) }, ahead.parts
	result, err := source.Kinesis{}.Fetch(t.Context(), r, ahead)
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 2), ahead)
	if next := slices.Collect(maps.Values(result.Checkpoint)); len(next) != 1 || !strings.HasPrefix(next[0], "after:") {
		t.Errorf("checkpoint %v", result.Checkpoint)
	}
}

func TestKinesisCheckpointsOfAnotherStreamAndOfShardsThatAreGoneAreLosses(t *testing.T) {
	t.Parallel()
	k, other := openKinesis(t, 1), openKinesis(t, 2)
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	other.put(t, 1, start, `{"id":0}`)
	checkpoint := map[string]string{"shardId-000000000000": "after:" + other.shards["shardId-000000000001"][0]}
	k.created = start.Add(time.Hour)
	_, err := k.fetch(t, streamDay, now, checkpoint, &kept{})
	isFault(t, err, "lost", "from 2026-11-18T15:00:00Z to 2026-11-18T16:00:00Z, the stream was made anew")
	k.created, k.retention = time.Time{}, 48*time.Hour
	for at, lost := range map[string]bool{"closed": false, "time:2026-11-18T15:00:00Z": true} {
		_, err = k.fetch(t, streamDay, now, map[string]string{"shardId-000000000000": "time:2026-11-18T15:00:00Z", "shardId-000000000009": at}, &kept{})
		if lost {
			isFault(t, err, "lost", "part of shardId-000000000009", "the shard is not there any more")
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestKinesisIsAskedMoreSlowlyWhenItSaysSo(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.page = 1
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	k.put(t, 0, start, numbered(0, 10)...)
	k.at(now)
	var waits []time.Duration
	r := sourcetest.Request(k.source, streamDay)
	clock := now
	r.Now = func() time.Time { return clock }
	r.Wait = func(ctx context.Context, d time.Duration) error {
		waits, clock = append(waits, d), clock.Add(d)
		return ctx.Err()
	}
	k.refuses(2, "ProvisionedThroughputExceededException")
	got := &kept{}
	if _, err := (source.Kinesis{}).Fetch(t.Context(), r, got); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 10), got)
	longest := waits[len(waits)-1]
	if longest < 700*time.Millisecond || longest > 900*time.Millisecond {
		t.Errorf("after two refusals reads are %s apart, four times 200ms is wanted: %v", longest, waits)
	}
}

func TestKinesisIteratorThatExpiredIsAskedForAgain(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.page = 2
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	k.put(t, 0, start, numbered(0, 6)...)
	whole := &kept{}
	result, err := k.fetch(t, streamDay, now, nil, whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		k.refuses(n, "ThrottlingException")
		k.refuses(2, "ExpiredIteratorException")
		got := &kept{}
		again, err := k.fetch(t, streamDay, now, nil, got)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, numbered(0, 6), got)
		if d := cmp.Diff(result, again); d != "" {
			t.Errorf("result (-want +got):\n%s", d)
		}
	}
	k.refuses(100, "ExpiredIteratorException")
	if _, err := k.fetch(t, streamDay, now, nil, &kept{}); err == nil {
		t.Error("iterators that always expire are no fault")
	}
}

func TestKinesisDayOfTwentyFiveHoursHasThemAll(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	twentyFiveHours(t, &k.source, func(at time.Time, value string) { k.put(t, 0, at, value) }, func(d calendar.Day, now time.Time, into *kept) error {
		_, err := k.fetch(t, d, now, nil, into)
		return err
	})
}

func TestKinesisRecordsOfTheProducerLibraryAreRefused(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.put(t, 0, streamDay.Start(k.source.Zone), "\xf3\x89\x9a\xc2aggregated")
	got := &kept{}
	_, err := k.fetch(t, streamDay, streamDay.End(k.source.Zone).Add(time.Hour), nil, got)
	isFault(t, err, "unsupported", "Kinesis Producer Library", "AggregationEnabled = false")
	if len(got.parts) > 0 {
		t.Errorf("parts %v", got.parts)
	}
}

func TestKinesisStreamThatIsNotThereIsAMistakeAndNotAMissingDay(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.source.Stream.Name = "nothing"
	_, err := k.fetch(t, streamDay, streamDay.End(k.source.Zone).Add(time.Hour), nil, &kept{})
	isFault(t, err, fault.Invalid, "nothing")
}

// Such an answer would say, were it believed, that the shard has ended.
func TestKinesisAnswerThatIsEmptyIsNotTheEndOfAShard(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	k.put(t, 0, streamDay.Start(k.source.Zone), numbered(0, 3)...)
	k.refuses(1, "")
	_, err := k.fetch(t, streamDay, streamDay.End(k.source.Zone).Add(time.Hour), nil, &kept{})
	isFault(t, err, fault.Unavailable, "the answer of Kinesis is empty")
}

// With a retention of 24 hours the last record that was read is gone before the day can close.
func TestKinesisShardThatIsQuietWhileItIsReadAheadHasLostNothing(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 2)
	k.retention = 24 * time.Hour
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start.Add(time.Minute), numbered(0, 1)...)
	ahead := &kept{}
	for hour := range 24 {
		_, err := k.fetch(t, streamDay, start.Add(time.Duration(hour)*time.Hour+30*time.Minute), map[string]string{
			"shardId-000000000000": "time:" + start.UTC().Format(time.RFC3339), "shardId-000000000001": "time:" + start.UTC().Format(time.RFC3339)}, ahead)
		isFault(t, err, fault.Unavailable)
	}
	k.put(t, 0, end.Add(-time.Minute), numbered(1, 2)...)
	k.put(t, 1, end.Add(-time.Minute), numbered(2, 3)...)
	if _, err := k.fetch(t, streamDay, end.Add(5*time.Minute), map[string]string{}, ahead); err != nil {
		t.Fatal(err)
	}
	if len(ahead.parts) > 10 {
		t.Errorf("%d parts for three records", len(ahead.parts))
	}
	text := ""
	for _, p := range ahead.text {
		text += p
	}
	if got := slices.Sorted(strings.Lines(text)); strings.Join(got, "") != strings.Join(numbered(0, 3), "\n")+"\n" {
		t.Errorf("records %q", got)
	}
}

func TestKinesisShardThatCannotBeReadKeepsNoneOfTheOthersFromBeingKept(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 6)
	start := streamDay.Start(k.source.Zone)
	k.put(t, 0, start, numbered(0, 1)...)
	k.put(t, 0, start, "\xf3\x89\x9a\xc2aggregated")
	for shard := 1; shard < 6; shard++ {
		k.put(t, shard, start, numbered(shard, shard+1)...)
	}
	got := &kept{}
	_, err := k.fetch(t, streamDay, start.Add(time.Hour), nil, got)
	isFault(t, err, "unsupported")
	sameRecords(t, numbered(0, 6), got)
}

func TestKinesisIsNotAskedForATimeThatItMayNotHaveReached(t *testing.T) {
	t.Parallel()
	k := openKinesis(t, 1)
	_, err := k.fetch(t, streamDay, streamDay.Start(k.source.Zone).Add(time.Second), nil, &kept{})
	isFault(t, err, fault.Unavailable, "still runs")
	if k.called["GetShardIterator"] > 0 {
		t.Error("the stream was asked for a time of the future")
	}
}
