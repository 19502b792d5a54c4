package main

import (
	"context"
	"fmt"

	"daybook/internal/mail/sesdouble"
	"daybook/jobs"
)

// scene is one way in which a day's mail can go.
type scene struct {
	name      string
	double    sesdouble.Options
	unprinted bool                              // the letters are not rendered yet
	deaf      bool                              // events are heard when all is over, not meanwhile
	simulator bool                              // the project's own SES takes the mails
	kill      string                            // the failpoint at which a process of its own dies; empty: this process acts
	act       func(context.Context, *act) error // what happens; an error is a problem of the scene
	want      func(people int) result           // how it must end: delivered, bounced, complained and failed, and unknown at most
}

// scenes lists them all.
func scenes() []scene {
	list := []scene{
		{name: "plain send", act: deliver, want: allBut(0), unprinted: true},
		{name: "one request in five is throttled", double: sesdouble.Options{Faults: []sesdouble.Chance{{Share: 0.2, Fault: sesdouble.Throttle()}}}, act: deliver, want: allBut(0)},
		{name: "one mail is rejected", act: rejectOne, want: allBut(1)},
		{name: "bounces and complaints", act: bounce, want: bouncing},
		{name: "the connection breaks after SES took the mail", deaf: true, act: breakConnections, want: allBut(0)},
		{name: "the account is paused, then resumed", act: pause, want: allBut(0)},
		{name: "the day's quota is used up, then free", act: useUp, want: allBut(0)},
	}
	for _, point := range []string{"printed", "deliveries planned", "sending", "sent", "settled"} {
		s := scene{name: "killed at: " + point, unprinted: point == "printed", deaf: true, kill: point, act: die, want: allBut(0)}
		if point == "sending" { // nobody can tell that its mail did not leave
			s.want = func(people int) result { return result{delivered: people - 1, unknown: 1} }
		}
		list = append(list, s)
	}
	return list
}

// allBut wants everybody to have it, but for some whose mail failed.
func allBut(failed int) func(int) result {
	return func(people int) result { return result{delivered: people - failed, failed: failed} }
}

// some is a share of the people, at least one.
func some(people, share int) int { return max(people/share, 1) }

func deliver(ctx context.Context, a *act) error { return a.deliver(ctx) }

func rejectOne(ctx context.Context, a *act) error {
	a.double.Fail(sesdouble.MessageRejected())
	return a.deliver(ctx)
}

// bounce has a tenth of the people bounce and the next tenth complain, and tells of it twice, early and out of order.
func bounce(ctx context.Context, a *act) error {
	fates := map[string]sesdouble.Fate{}
	n := some(len(a.people), 10)
	for i, address := range a.people[:min(2*n, len(a.people))] {
		fates[address] = sesdouble.Bounced
		if i >= n {
			fates[address] = sesdouble.Complained
		}
	}
	a.double.Change(func(o *sesdouble.Options) {
		o.Fate = func(address string) sesdouble.Fate { return fates[address] }
		o.Events = sesdouble.EventOptions{Duplicates: 0.2, Disorder: 0.2, Early: 0.1}
	})
	return a.deliver(ctx)
}

func bouncing(people int) result {
	n := some(people, 10)
	complained := min(2*n, people) - n
	return result{delivered: people - n - complained, bounced: n, complained: complained}
}

// breakConnections loses answers of SES. Without events nobody knows whether those mails left, and none may be sent again.
func breakConnections(ctx context.Context, a *act) error {
	lost := some(len(a.people), 10)
	for range lost {
		a.double.Fail(sesdouble.StoredThenReset())
	}
	for range 2 {
		out, err := a.mailer().Deliver(ctx, a.report, a.day)
		if out.Unknown != lost || out.Accepted != len(a.people)-lost || a.double.Requests() != len(a.people) {
			return fmt.Errorf("%d answers were lost and the ledger says: %s, after %d requests: %w", lost, out, a.double.Requests(), orNothing(err))
		}
	}
	return nil
}

// pause has the account paused when half of the mails have left.
func pause(ctx context.Context, a *act) error {
	half, sent := len(a.people)/2, 0
	set := func(paused bool) func(*sesdouble.Options) {
		return func(o *sesdouble.Options) { o.Paused = paused }
	}
	a.mailer().Observed = func(jobs.Sent) {
		if sent++; sent == half {
			a.double.Change(set(true))
		}
	}
	if half == 0 {
		a.double.Change(set(true))
	}
	if err := a.halfway(ctx, half); err != nil {
		return err
	}
	a.double.Change(set(false))
	return a.deliver(ctx)
}

// useUp has a quota of half of the people.
func useUp(ctx context.Context, a *act) error {
	quota := some(len(a.people), 2)
	a.double.Change(func(o *sesdouble.Options) { o.Quota = quota })
	if err := a.halfway(ctx, quota); err != nil {
		return err
	}
	a.double.Change(func(o *sesdouble.Options) { o.Quota = 0 })
	return a.deliver(ctx)
}

// halfway delivers once and wants so many to have left, and the others to wait.
func (a *act) halfway(ctx context.Context, sent int) error {
	out, err := a.mailer().Deliver(ctx, a.report, a.day)
	if a.double.Stats().Messages != sent || out.Waiting != len(a.people)-sent {
		return fmt.Errorf("%d mails left where %d could; the ledger says: %s: %w", a.double.Stats().Messages, sent, out, orNothing(err))
	}
	return nil
}
