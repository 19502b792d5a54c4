package source

import (
	"math"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"daybook/internal/project"
)

// capacityClock is a time that passes only when it is waited for.
type capacityClock struct{ t time.Time }

func (c *capacityClock) now() time.Time { return c.t }

// read reads pages of some units at a rate until so much time has passed, and returns the units.
func (c *capacityClock) read(rate *capacityRate, units float64, d time.Duration) (total float64) {
	for end := c.t.Add(d); c.t.Before(end); {
		t := rate.take()
		c.t = c.t.Add(t.wait)
		rate.settle(t, units)
		total += units
		if rate.rate == 0 {
			c.t = c.t.Add(time.Second)
		}
	}
	return total
}

func TestNoMoreThanTheCapacityIsUsed(t *testing.T) {
	t.Parallel()
	c := &capacityClock{time.Unix(0, 0)}
	if got := c.read(newCapacityRate(50, c.now), 128, 100*time.Second); math.Abs(got-5000) > 2*128 {
		t.Errorf("%g units in 100 s at 50 a second", got)
	}
	c = &capacityClock{time.Unix(0, 0)}
	rate := newCapacityRate(50, c.now)
	c.t = c.t.Add(time.Hour) // what nobody used is not made up for
	if got := c.read(rate, 10, 10*time.Second); got > 520 {
		t.Errorf("%g units in 10 s at 50 a second, after an idle hour", got)
	}
}

func TestSegmentsAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	c := &capacityClock{time.Unix(0, 0)}
	rate := newCapacityRate(10, c.now)
	rate.settle(rate.take(), 10)
	var waits []time.Duration
	for range 3 {
		waits = append(waits, rate.take().wait.Round(time.Millisecond))
	}
	if waits[0] != time.Second || waits[1] != 2*time.Second || waits[2] != 3*time.Second {
		t.Errorf("waits %v", waits)
	}
}

func TestThrottlingHalvesTheRateAndTimeRestoresIt(t *testing.T) {
	t.Parallel()
	c := &capacityClock{time.Unix(0, 0)}
	rate := newCapacityRate(100, c.now)
	together := []capacityTicket{rate.take(), rate.take(), rate.take()}
	for i, ticket := range together { // they were asked for at one rate: it was too high once
		if rate.throttled(ticket) != (i == 0) {
			t.Errorf("throttled page %d", i)
		}
	}
	if rate.rate != 50 {
		t.Errorf("rate %g, want 50", rate.rate)
	}
	rate.throttled(rate.take())
	if rate.rate != 25 {
		t.Errorf("rate %g, want 25", rate.rate)
	}
	for _, step := range []struct {
		after time.Duration
		want  float64
	}{{9 * time.Second, 25}, {time.Second, 27.5}, {20 * time.Second, 33.275}, {time.Hour, 100}} {
		c.t = c.t.Add(step.after)
		rate.take()
		if math.Abs(rate.rate-step.want) > 1e-9 {
			t.Errorf("after %s more: rate %g, want %g", step.after, rate.rate, step.want)
		}
	}
}

func TestTableOnDemandIsReadWithoutLimitUntilItThrottles(t *testing.T) {
	t.Parallel()
	c := &capacityClock{time.Unix(0, 0)}
	rate := newCapacityRate(0, c.now)
	c.read(rate, 100, 10*time.Second) // 100 units a second
	rate.throttled(rate.take())
	if rate.rate != 50 {
		t.Errorf("rate %g, want half of what it was", rate.rate)
	}
	c.t = c.t.Add(time.Minute)
	if rate.take(); math.Abs(rate.rate-50*math.Pow(1.1, 6)) > 1e-9 {
		t.Errorf("rate %g a minute later", rate.rate)
	}
	first := newCapacityRate(0, c.now)
	if first.throttled(first.take()); first.rate != capacityPage/2 {
		t.Errorf("rate %g when the first page is refused", first.rate)
	}
}

func TestShareIsOfWhatIsProvisioned(t *testing.T) {
	t.Parallel()
	table := &types.TableDescription{ProvisionedThroughput: &types.ProvisionedThroughputDescription{ReadCapacityUnits: aws.Int64(400)}}
	index := &types.GlobalSecondaryIndexDescription{ProvisionedThroughput: &types.ProvisionedThroughputDescription{ReadCapacityUnits: aws.Int64(40)}}
	demand := &types.TableDescription{ProvisionedThroughput: &types.ProvisionedThroughputDescription{ReadCapacityUnits: aws.Int64(0)}}
	limited := &types.TableDescription{OnDemandThroughput: &types.OnDemandThroughput{MaxReadRequestUnits: aws.Int64(1000)}}
	for _, c := range []struct {
		d     project.DynamoDB
		table *types.TableDescription
		index *types.GlobalSecondaryIndexDescription
		want  float64
	}{
		{project.DynamoDB{Share: 0.5}, table, nil, 200}, {project.DynamoDB{}, table, nil, 100}, {project.DynamoDB{Share: 0.5}, table, index, 20},
		{project.DynamoDB{Units: 7}, table, index, 7}, {project.DynamoDB{Share: 0.5}, demand, nil, 0}, {project.DynamoDB{Share: 0.1}, limited, nil, 100},
	} {
		if got := dynamoCapacity(c.d, c.table, c.index); got != c.want {
			t.Errorf("%+v: %g units, want %g", c.d, got, c.want)
		}
	}
}
