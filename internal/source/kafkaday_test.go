package source_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// Records come up to four minutes out of order, and days are asked for when five more have passed.
func TestKafkaDaysFollowEachOtherWithNothingLostAndNothingTwice(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 2, nil)
	want := map[calendar.Day][]string{}
	first := streamDay.Start(k.source.Zone).Add(-30 * time.Minute)
	for i := range 600 { // every eight minutes, for more than three days
		at := first.Add(time.Duration(i)*8*time.Minute - time.Duration(i*7%5)*time.Minute)
		value := fmt.Sprintf(`{"id":%d}`, i)
		k.put(t, int32(i%2), at, value)
		d := calendar.DayOf(at, k.source.Zone)
		want[d] = append(want[d], value)
	}
	var checkpoint map[string]string
	for d := streamDay; d.Before(streamDay.Add(3)); d = d.Add(1) {
		s := k.source
		s.Days = 0
		got := &kept{}
		result, err := fetchDay(t, source.Kafka{}, s, d, d.End(s.Zone).Add(5*time.Minute), checkpoint, got)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, want[d], got)
		checkpoint = result.Checkpoint
	}
}

func TestKafkaDayThatIsReadAheadIsTheDayThatIsReadAtOnce(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 2, nil)
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	ahead := &kept{}
	for i := range 5 {
		at := start.Add(time.Duration(i) * 4 * time.Hour)
		for p := range int32(2) {
			k.put(t, p, at.Add(time.Duration(p)*time.Minute), fmt.Sprintf(`{"id":%d}`, 2*i+int(p)))
		}
		_, err := k.fetch(t, streamDay, at.Add(time.Hour), nil, ahead)
		isFault(t, err, fault.Unavailable, "still runs until 2026-11-19T15:05:00Z")
	}
	sameRecords(t, numbered(0, 10), ahead)
	k.put(t, 0, end.Add(time.Minute), `{"of":"tomorrow"}`)
	k.put(t, 0, end.Add(-time.Minute), `{"id":10}`) // late, and in time
	_, err := k.fetch(t, streamDay, end.Add(4*time.Minute), nil, ahead)
	isFault(t, err, fault.Unavailable)
	k.put(t, 0, end.Add(-time.Second), `{"id":11}`)
	inTime, err := k.fetch(t, streamDay, end.Add(5*time.Minute), nil, ahead)
	if err != nil {
		t.Fatal(err)
	}
	once := &kept{}
	atOnce, err := k.fetch(t, streamDay, end.Add(5*time.Minute), nil, once)
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 12), once)
	sameRecords(t, numbered(0, 12), ahead)
	if d := cmp.Diff(atOnce, inTime); d != "" {
		t.Errorf("result (-at once +ahead):\n%s", d)
	}
}

func TestKafkaOffsetsDroppedBeforeTheyWereReadAreNamed(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 2, nil)
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	for i, value := range numbered(0, 20) {
		k.put(t, 1, start.Add(time.Duration(i)*time.Hour), value)
	}
	checkpoint := map[string]string{"partition-0": "0/0", "partition-1": "0/0"}
	ahead := &kept{}
	_, err := k.fetch(t, streamDay, start.Add(20*time.Hour), checkpoint, ahead)
	isFault(t, err, fault.Unavailable)
	for i, value := range numbered(20, 24) {
		k.put(t, 1, start.Add(time.Duration(i+20)*time.Hour), value)
	}
	if err := k.cluster.DeleteRecords(topic, 1, 22); err != nil {
		t.Fatal(err)
	}
	names := "part of partition-1: from 2026-11-19T10:00:00Z to 2026-11-19T13:00:00Z, 2 offsets before 22, which the topic dropped before they were read"
	_, err = k.fetch(t, streamDay, end.Add(time.Hour), checkpoint, ahead)
	isFault(t, err, "lost", names)
	sameRecords(t, numbered(0, 20), ahead)

	k.source.Stream.Accept = true
	result, err := k.fetch(t, streamDay, end.Add(time.Hour), checkpoint, ahead)
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, append(numbered(0, 20), numbered(22, 24)...), ahead)
	if d := cmp.Diff([]string{names}, result.Missing); d != "" {
		t.Errorf("missing (-want +got):\n%s", d)
	}
	again, err := k.fetch(t, streamDay, end.Add(time.Hour), checkpoint, ahead) // as after a crash behind the last part
	if d := cmp.Diff(result, again); err != nil || d != "" {
		t.Errorf("%v, another fetch behind the same parts (-want +got):\n%s", err, d)
	}
}

func TestKafkaDayThatBeginsBeforeTheTopicDoesMayHaveLostItsBeginning(t *testing.T) {
	t.Parallel()
	for retention, code := range map[string]string{"604800000": "", "3600000": "lost"} {
		k := openKafka(t, 1, map[string]string{"retention.ms": retention})
		start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
		k.put(t, 0, start.Add(-30*24*time.Hour), `{"id":0}`)
		k.put(t, 0, start.Add(9*time.Hour), `{"id":1}`)
		if err := k.cluster.DeleteRecords(topic, 0, 1); err != nil {
			t.Fatal(err)
		}
		got := &kept{}
		_, err := k.fetch(t, streamDay, end.Add(time.Hour), nil, got)
		if code == "" && err == nil {
			sameRecords(t, numbered(1, 2), got)
			continue
		}
		isFault(t, err, code, "from 2026-11-18T15:00:00Z to 2026-11-19T00:00:00Z, up to 1 offsets")
	}
}

func TestKafkaTopicMadeAnewHasLostTheRest(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	k.put(t, 0, streamDay.Start(k.source.Zone), numbered(0, 3)...)
	_, err := k.fetch(t, streamDay, streamDay.End(k.source.Zone).Add(time.Hour), map[string]string{"partition-0": "7/9"}, &kept{})
	isFault(t, err, "lost", "it ends at offset 3, before the checkpoint 7")
}

func TestKafkaRecordsOfWrongClocksAndLateOnesAreToldOf(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start, `{"id":0}`)
	k.put(t, 0, end.AddDate(60, 0, 0), `{"id":"future"}`)
	k.put(t, 0, end.Add(-time.Minute), `{"id":1}`)
	k.put(t, 0, end.Add(10*time.Minute), `{"id":2}`)
	k.put(t, 0, end.Add(-2*time.Minute), `{"id":"late"}`)
	k.put(t, 0, end.Add(11*time.Minute), `{"id":3}`)
	var checkpoint map[string]string
	for i, want := range [][]string{numbered(0, 2), numbered(2, 4)} {
		var told []string
		d := streamDay.Add(i)
		r := sourcetest.Request(k.source, d)
		r.Now = func() time.Time { return d.End(k.source.Zone).Add(time.Hour) }
		r.Checkpoint = checkpoint
		r.Log = func(level, format string, args ...any) { told = append(told, level+" "+fmt.Sprintf(format, args...)) }
		got := &kept{}
		result, err := source.Kafka{}.Fetch(t.Context(), r, got)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, want, got)
		says := []string{"partition-0: 1 records, offsets 1 to 1, have times up to", "partition-0: 1 records, offsets 4 to 4, are older than 2026-11-20"}[i]
		if len(told) != 1 || !strings.Contains(told[0], says) {
			t.Errorf("%s: told %q, want %q", d, told, says)
		}
		checkpoint = result.Checkpoint
	}
}

func TestKafkaPartitionThatIsNewIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	admin := kadm.NewClient(k.client)
	d := streamDay
	k.put(t, 0, d.Start(k.source.Zone), `{"id":0}`)
	result, err := k.fetch(t, d, d.End(k.source.Zone).Add(time.Hour), nil, &kept{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreatePartitions(t.Context(), 2, topic); err != nil {
		t.Fatal(err)
	}
	k.connect(t)
	k.put(t, 0, d.Add(1).Start(k.source.Zone), `{"id":1}`)
	k.put(t, 2, d.Add(1).Start(k.source.Zone), `{"id":2}`)
	got := &kept{}
	result, err = k.fetch(t, d.Add(1), d.Add(1).End(k.source.Zone).Add(time.Hour), result.Checkpoint, got)
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(1, 3), got)
	if want := []string{"partition-0", "partition-1", "partition-2"}; !slices.Equal(want, slices.Sorted(maps.Keys(result.Checkpoint))) {
		t.Errorf("checkpoint %v", result.Checkpoint)
	}
}

func TestKafkaPartitionIsReadFromItsNewLeader(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	k.put(t, 0, streamDay.Start(k.source.Zone), numbered(0, 3)...)
	r := sourcetest.Request(k.source, streamDay)
	r.Now = func() time.Time { return streamDay.End(k.source.Zone).Add(time.Hour) }
	moved := false
	k.cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if moved {
			return nil, nil, false
		}
		moved = true
		k.cluster.SleepControl(func() {
			if err := k.cluster.MoveTopicPartition(topic, 0, 1-k.cluster.LeaderFor(topic, 0)); err != nil {
				t.Error(err)
			}
		})
		return nil, nil, false
	})
	got := &kept{}
	if _, err := (source.Kafka{}).Fetch(t.Context(), r, got); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 3), got)
}

func TestKafkaDayWaitsForAnOpenTransactionAndLeavesAnAbortedOneOut(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	now := streamDay.End(k.source.Zone).Add(time.Hour)
	writer, err := kgo.NewClient(kgo.SeedBrokers(k.cluster.ListenAddrs()...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic(topic),
		kgo.SASL(plain.Auth{User: "daybook", Pass: sourcetest.Secret}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	into := &kept{}
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		record := &kgo.Record{Value: []byte(numbered(i, i+1)[0]), Timestamp: streamDay.Start(k.source.Zone)}
		if err := writer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		_, err := k.fetch(t, streamDay, now, nil, into)
		isFault(t, err, fault.Unavailable)
		if err := writer.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.fetch(t, streamDay, now, nil, into); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, numbered(0, 1), into)
}

func TestKafkaDayOfTwentyFiveHoursHasThemAll(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	twentyFiveHours(t, &k.source, func(at time.Time, value string) { k.put(t, 0, at, value) }, func(d calendar.Day, now time.Time, into *kept) error {
		_, err := k.fetch(t, d, now, nil, into)
		return err
	})
}

func TestKafkaRecordsBecomeLines(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	start := streamDay.Start(k.source.Zone)
	k.put(t, 0, start, "{\n \"id\": 1.10, \"q\": \"a<b\"\n}\n", "[1, 2]", "plain\n\"text\"", "\xff\x00", "")
	k.record(t, &kgo.Record{Topic: topic, Timestamp: start, Key: []byte("k\n1")})
	got := &kept{}
	if _, err := k.fetch(t, streamDay, start.Add(25*time.Hour), nil, got); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, []string{`{"id":1.10,"q":"a<b"}`, "[1,2]", `"plain\n\"text\""`, `"base64:/wA="`, `""`, `{"_key":"k\n1","_deleted":true}`}, got)
}

// coded is a value as a schema registry has it: a zero byte and the number of a schema come first.
const coded = "\x00\x00\x00\x00\x07avro"

func TestKafkaDayThatIsMostlyOfASchemaRegistryIsRefused(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 2, nil)
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	k.put(t, 0, start, coded, coded)
	k.put(t, 1, start, `{"id":0}`)
	got := &kept{}
	for range 2 { // behind what is kept as well
		_, err := k.fetch(t, streamDay, now, nil, got)
		isFault(t, err, "unsupported", "schema registry", "most of 2026-11-19 (2 of 3 records)")
	}
	k = openKafka(t, 1, nil)
	for range 6 {
		k.put(t, 0, start, coded+strings.Repeat("x", 900_000))
	}
	got = &kept{}
	_, err := k.fetch(t, streamDay, now, nil, got)
	isFault(t, err, "unsupported", "most of 2026-11-19 (4 of 4 records)")
	if len(got.parts) > 0 {
		t.Errorf("parts %v", got.parts)
	}
}

func TestKafkaRecordOfASchemaRegistryAmongOthersIsALineToReject(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 2, nil)
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	k.put(t, 0, start, coded)
	k.put(t, 1, start, `{"id":0}`)
	got := &kept{}
	if _, err := k.fetch(t, streamDay, now, nil, got); err != nil {
		t.Fatal(err)
	}
	sameRecords(t, []string{`"base64:AAAAAAdhdnJv"`, `{"id":0}`}, got)
}

func TestKafkaRecordsOfTomorrowThatComeEarlyAreOfTomorrow(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	start, end := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone)
	k.put(t, 0, start.Add(time.Hour), `{"id":0}`)
	k.put(t, 0, end.Add(2*time.Hour), `{"id":2}`)
	k.put(t, 0, end.Add(-time.Minute), `{"id":1}`)
	k.put(t, 0, end.Add(time.Minute), `{"id":3}`)
	k.source.Days = 0
	var checkpoint map[string]string
	for i, want := range [][]string{numbered(0, 2), numbered(2, 4)} {
		d, got := streamDay.Add(i), &kept{}
		result, err := k.fetch(t, d, d.End(k.source.Zone).Add(5*time.Minute), checkpoint, got)
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, want, got)
		checkpoint = result.Checkpoint
	}
}

func TestKafkaPartsOfALongPartitionAreTakenUpBehindEach(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	start, now := streamDay.Start(k.source.Zone), streamDay.End(k.source.Zone).Add(time.Hour)
	var want []string
	for i := range 14 {
		want = append(want, fmt.Sprintf(`{"id":%d,"text":%q}`, i, strings.Repeat("x", 900_000)))
	}
	k.put(t, 0, start, want...)
	whole := &kept{}
	if _, err := k.fetch(t, streamDay, now, nil, whole); err != nil {
		t.Fatal(err)
	}
	if len(whole.parts) != 3 {
		t.Fatalf("%d parts", len(whole.parts))
	}
	sameRecords(t, want, whole)
	got := &kept{}
	for got.most = 1; got.most <= 2; got.most++ {
		if _, err := k.fetch(t, streamDay, now, nil, got); err == nil {
			t.Fatal("the sink's failure was not told")
		}
	}
	got.most = 0
	if _, err := k.fetch(t, streamDay, now, nil, got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(whole.parts, got.parts); d != "" {
		t.Errorf("parts (-whole +interrupted):\n%s", d)
	}
	sameRecords(t, want, got)
}

func TestKafkaFaultsSayWhatToDo(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	now := streamDay.End(k.source.Zone).Add(time.Hour)
	wrong := openKafka(t, 1, nil)
	wrong.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, TopLevel: true, Err: kerr.SaslAuthenticationFailed, Count: -1})
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	encrypted, err := kfake.NewCluster(kfake.TLS(web.TLS))
	if err != nil {
		t.Fatal(err)
	}
	defer encrypted.Close()
	for name, c := range map[string]struct {
		change func(*project.Source)
		code   string
		says   string
	}{
		"no such topic":    {func(s *project.Source) { s.Stream.Name = "nothing" }, fault.Invalid, "there is no such topic"},
		"nobody is there":  {func(s *project.Source) { s.Stream.Brokers = []string{"127.0.0.1:1"} }, fault.Unavailable, "run the day again when the brokers answer"},
		"a strange broker": {func(s *project.Source) { s.Stream.Brokers, s.Stream.TLS = encrypted.ListenAddrs(), true }, fault.Refused, "the broker's certificate is not trusted"},
		"a wrong password": {func(s *project.Source) { s.Stream.Brokers = wrong.source.Stream.Brokers }, fault.Refused, "see that sasl, user and password are right"},
	} {
		t.Run(name, func(t *testing.T) {
			s := k.source
			c.change(&s)
			_, err := fetchDay(t, source.Kafka{}, s, streamDay, now, nil, &kept{})
			isFault(t, err, c.code, c.says)
			if strings.Contains(err.Error(), sourcetest.Secret) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestKafkaIsSignedInToByEveryMechanism(t *testing.T) {
	t.Parallel()
	k := openKafka(t, 1, nil)
	k.put(t, 0, streamDay.Start(k.source.Zone), numbered(0, 1)...)
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		k.source.Stream.SASL = mechanism
		got := &kept{}
		if _, err := k.fetch(t, streamDay, streamDay.End(k.source.Zone).Add(time.Hour), nil, got); err != nil {
			t.Fatal(err)
		}
		sameRecords(t, numbered(0, 1), got)
	}
}
