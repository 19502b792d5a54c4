package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// Kafka is the kind kafka: a topic of Apache Kafka or of what speaks its protocol. A day is the records whose timestamp lies in it;
// timestamps need not be in order, those of a day may come until lateness after its end. There is no consumer group: where a day ends
// is noted with it.
type Kafka struct{}

type kafkaFetch struct {
	*streamFetch
	client  *kgo.Client
	admin   *kadm.Client
	unpack  kgo.Decompressor
	id      [16]byte        // of the topic
	leaders map[int32]int32 // under mu
	first   map[int32]int64 // offsets that the topic still has
	begin   map[int32]kadm.ListedOffset
	ends    map[int32]int64
	keeps   bool       // the day is younger than anything that the topic drops
	count   kafkaCount // under mu: of the partitions that were read
}

// Fetch implements Source. A day of which offsets were dropped before they were read is a fault of code lost.
func (Kafka) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	f, result, err := beginStream(ctx, r, sink)
	if f == nil {
		return result, err
	}
	client, err := kafkaClient(ctx, r)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	k := &kafkaFetch{streamFetch: f, client: client, admin: kadm.NewClient(client), unpack: kgo.DefaultDecompressor()}
	if err := k.describe(ctx); err != nil {
		return Result{}, err
	}
	var partitions []string
	for p := range int32(len(k.leaders)) {
		partitions = append(partitions, partitionName(p))
	}
	if err := k.each(ctx, partitions, k.partition); err != nil {
		return Result{}, err
	}
	result, err = k.finish()
	if err == nil && !k.count.readable() {
		return Result{}, k.coded(k.count)
	}
	return result, err
}

// coded is the fault for a day that is mostly in the format of a schema registry; a few such records are left to the contract.
func (k *kafkaFetch) coded(c kafkaCount) error {
	return k.unsupported(fmt.Sprintf("most of %s (%d of %d records)", k.Day, c.Coded, c.Records), "Avro, Protobuf or JSON of a schema registry",
		"have the producer write plain JSON; a schema registry is not supported")
}

func partitionName(p int32) string { return fmt.Sprintf("partition-%d", p) }

// describe learns the topic's partitions, what they hold, and whether it may have dropped something of the day.
func (k *kafkaFetch) describe(ctx context.Context) error {
	topic := k.Source.Stream.Name
	if err := k.ask(ctx, "look up topic "+topic, k.lead); err != nil {
		return err
	}
	doing := "look up the offsets of topic " + topic
	err := k.ask(ctx, doing, func(ctx context.Context) (err error) {
		if k.first, err = offsets(k.admin.ListStartOffsets(ctx, topic)); err != nil {
			return err
		}
		if k.ends, err = offsets(k.admin.ListEndOffsets(ctx, topic)); err != nil {
			return err
		}
		listed, err := k.admin.ListOffsetsAfterMilli(ctx, k.start.UnixMilli(), topic)
		if _, err := offsets(listed, err); err != nil {
			return err
		}
		k.begin = map[int32]kadm.ListedOffset{}
		listed.Each(func(o kadm.ListedOffset) { k.begin[o.Partition] = o })
		return nil
	})
	if err != nil {
		return err
	}
	if k.Checkpoint != nil {
		return nil
	}
	return k.retention(ctx)
}

// retention learns whether the topic may have dropped records of the day; who may not ask assumes it.
func (k *kafkaFetch) retention(ctx context.Context) error {
	topic := k.Source.Stream.Name
	err := k.ask(ctx, "look up the settings of topic "+topic, func(ctx context.Context) error {
		configs, err := k.admin.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return err
		}
		config, err := configs.On(topic, nil)
		if err = errors.Join(err, config.Err); err != nil {
			return err
		}
		values := map[string]string{}
		for _, v := range config.Configs {
			values[v.Key] = v.MaybeValue()
		}
		ms, err := strconv.ParseInt(values["retention.ms"], 10, 64)
		k.keeps = err == nil && values["retention.bytes"] == "-1" && (ms < 0 || k.began.Add(-time.Duration(ms)*time.Millisecond).Before(k.start))
		return nil
	})
	if fault.Is(err, fault.Refused) {
		return nil
	}
	return err
}

func offsets(listed kadm.ListedOffsets, err error) (map[int32]int64, error) {
	if err == nil {
		err = listed.Error()
	}
	all := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { all[o.Partition] = o.Offset })
	return all, err
}

// lead learns which brokers lead the topic's partitions, by now: the client's own knowledge may be older.
func (k *kafkaFetch) lead(ctx context.Context) error {
	name := k.Source.Stream.Name
	wanted := kmsg.NewMetadataRequestTopic()
	wanted.Topic = &name
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{wanted}
	answer, err := request.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	if len(answer.Topics) != 1 {
		return kerr.UnknownTopicOrPartition
	}
	topic := answer.Topics[0]
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return err
	}
	leaders := map[int32]int32{}
	for _, p := range topic.Partitions {
		leaders[p.Partition] = p.Leader
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leaders, k.id = leaders, topic.TopicID
	return nil
}

// partition reads one partition as far as the day goes.
func (k *kafkaFetch) partition(ctx context.Context, name string) error {
	n, err := strconv.ParseInt(strings.TrimPrefix(name, "partition-"), 10, 32)
	if err != nil {
		return fmt.Errorf("name of a partition: %w", err)
	}
	p := &partitionReader{k: k, w: k.writer(name), name: name, n: int32(n), cut: -1}
	found, err := p.open()
	if err != nil || !found {
		return err
	}
	err = p.read(ctx)
	p.tell()
	k.mu.Lock()
	k.count.Records += p.count.Records
	k.count.Coded += p.count.Coded
	k.mu.Unlock()
	return p.w.close(ctx, err)
}

// offsetOf reads an offset of a checkpoint or state.
func offsetOf(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Damaged, fmt.Sprintf("%q is not an offset", text), "")
	}
	return n, nil
}

func validateKafka(s project.Source) error {
	if len(s.Stream.Brokers) == 0 {
		return place(s, fault.New(fault.Invalid, "the source names no brokers", "write brokers: [host:9092]"))
	}
	return validateStream(s, "topic")
}
