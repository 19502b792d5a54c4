package source_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// kafka is a cluster in this process, with a topic and a client that writes to it.
type kafka struct {
	cluster *kfake.Cluster
	client  *kgo.Client
	source  project.Source

	mu    sync.Mutex
	high  map[int32]int64
	asked []string
}

const topic = "clicks"

func openKafka(t *testing.T, partitions int32, config map[string]string) *kafka {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.EnableSASL(), kfake.Superuser("PLAIN", "daybook", sourcetest.Secret),
		kfake.Superuser("SCRAM-SHA-256", "daybook", sourcetest.Secret), kfake.Superuser("SCRAM-SHA-512", "daybook", sourcetest.Secret))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	if err := cluster.CreateTopic(topic, partitions, config); err != nil {
		t.Fatal(err)
	}
	k := &kafka{cluster: cluster, source: streamSource("kafka", topic), high: map[int32]int64{}}
	k.connect(t)
	s := &k.source.Stream
	s.Brokers, s.SASL, s.User, s.Password = cluster.ListenAddrs(), "plain", "daybook", "env:KAFKA"
	cluster.ControlKey(int16(kmsg.Fetch), k.note)
	return k
}

// connect makes a new client, which knows the partitions of now.
func (k *kafka) connect(t *testing.T) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.SASL(plain.Auth{User: "daybook", Pass: sourcetest.Secret}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	k.client = client
}

// note remembers the fetches that bring records.
func (k *kafka) note(r kmsg.Request) (kmsg.Response, error, bool) {
	k.cluster.KeepControl()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range r.(*kmsg.FetchRequest).Topics {
		for _, p := range t.Partitions {
			if p.FetchOffset < k.high[p.Partition] {
				k.asked = append(k.asked, fmt.Sprintf("partition %d from offset %d", p.Partition, p.FetchOffset))
			}
		}
	}
	return nil, nil, false
}

func (k *kafka) put(t *testing.T, partition int32, at time.Time, values ...string) {
	t.Helper()
	for _, v := range values {
		k.record(t, &kgo.Record{Topic: topic, Partition: partition, Timestamp: at, Value: []byte(v)})
	}
}

func (k *kafka) record(t *testing.T, r *kgo.Record) {
	t.Helper()
	if err := k.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.high[r.Partition] = r.Offset + 1
}

func TestKafkaIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		k, clock := openKafka(t, 3, nil), &streamClock{}
		return sourcetest.World{
			Source: source.Kafka{},
			Request: func(d calendar.Day) source.Request {
				r := sourcetest.Request(k.source, d)
				r.Now = func() time.Time { return clock.at(k.source, d) }
				return r
			},
			Fill: func(d calendar.Day, parts []string) {
				clock.fill(d)
				for i, p := range parts {
					k.put(t, int32(i%3), d.Start(k.source.Zone).Add(time.Duration(i)*time.Hour), strings.Split(strings.TrimSuffix(p, "\n"), "\n")...)
				}
			},
			Records: func(b []byte) []string { return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") },
			Secret:  sourcetest.Secret,
			Deny: func() {
				k.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, TopLevel: true, Err: kerr.SaslAuthenticationFailed, Count: -1})
			},
			Asked: func() []string {
				k.mu.Lock()
				defer k.mu.Unlock()
				return append([]string(nil), k.asked...)
			},
		}
	})
}

func (k *kafka) fetch(t *testing.T, d calendar.Day, now time.Time, checkpoint map[string]string, into *kept) (source.Result, error) {
	t.Helper()
	return fetchDay(t, source.Kafka{}, k.source, d, now, checkpoint, into)
}
