package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"daybook/internal/store"
)

var resultColumns = []string{"scenario", "people", "accepted", "delivered", "bounced", "complained", "failed", "unknown", "lost", "twice", "requests", "seconds", "verdict", "problem"}

// result is what the ledger and SES say after a scene. Accepted are all that SES took, whatever became of them then.
type result struct {
	scene string
	took  time.Duration

	people, accepted, delivered, bounced, complained, failed, unknown int
	lost, twice, requests                                             int

	problems []string
}

// add counts deliveries against the messages that left, by address. Lost is who has no message and is not known to have none.
func (r *result) add(people []string, deliveries []store.Delivery, left map[string]int) {
	r.people = len(people)
	rows := map[string][]store.Delivery{}
	for _, d := range deliveries {
		rows[d.Address] = append(rows[d.Address], d)
	}
	for _, address := range people {
		r.twice += max(left[address]-1, 0)
		if len(rows[address]) != 1 {
			r.lost++
			r.problems = append(r.problems, fmt.Sprintf("%d rows in the ledger for %s", len(rows[address]), address))
			continue
		}
		r.one(rows[address][0], left[address] > 0)
	}
}

func (r *result) one(d store.Delivery, left bool) {
	switch d.State {
	case store.DeliveryFailed, store.DeliveryRejected:
		r.failed++
		if left {
			r.problems = append(r.problems, d.Address+" is recorded as failed and got the mail; sending again would mail it twice")
		}
		return
	case store.DeliveryUnknown:
		r.unknown++
		return
	case store.DeliveryDelivered:
		r.delivered++
	case store.DeliveryBounced:
		r.bounced++
	case store.DeliveryComplained:
		r.complained++
	case store.DeliveryAccepted, store.DeliveryDelayed:
	default: // it waits, and nobody will send it
		r.lost++
		return
	}
	r.accepted++
	if !left {
		r.lost++
		r.problems = append(r.problems, d.Address+" is recorded as mailed and SES never took the mail")
	}
}

// judge compares with how it should have ended.
func (r *result) judge(want result) {
	exact := []struct {
		what      string
		got, want int
	}{{"lost", r.lost, 0}, {"mailed twice", r.twice, 0}, {"delivered", r.delivered, want.delivered}, {"bounced", r.bounced, want.bounced},
		{"complained", r.complained, want.complained}, {"failed", r.failed, want.failed}, {"unknown", r.unknown, want.unknown}}
	for _, e := range exact {
		if e.got != e.want {
			r.problems = append(r.problems, fmt.Sprintf("%d %s, should be %d", e.got, e.what, e.want))
		}
	}
}

func (r result) ok() bool { return len(r.problems) == 0 }

func (r result) verdict() string {
	if r.ok() {
		return "ok"
	}
	return "not ok"
}

// mostSaid bounds the problems that a row repeats.
const mostSaid = 3

func (r result) problem() string {
	said := r.problems
	if len(said) > mostSaid {
		said = append(said[:mostSaid:mostSaid], fmt.Sprintf("and %d more", len(r.problems)-mostSaid))
	}
	return strings.Join(said, "; ")
}

func (r result) cells() []string {
	cells := []string{r.scene}
	for _, n := range []int{r.people, r.accepted, r.delivered, r.bounced, r.complained, r.failed, r.unknown, r.lost, r.twice, r.requests} {
		cells = append(cells, strconv.Itoa(n))
	}
	return append(cells, strconv.FormatFloat(r.took.Seconds(), 'f', 1, 64), r.verdict(), r.problem())
}

// oneLine is an error as a cell.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

var errNothing = errors.New("no error was reported")

// orNothing is for sentences that need an error.
func orNothing(err error) error {
	if err == nil {
		return errNothing
	}
	return err
}
