package main

import (
	"context"
	"path/filepath"
	"time"

	"daybook/internal/mail"
	"daybook/internal/store"
	"daybook/jobs"
)

// hearing is how long the project's server is given to record what SES says of the simulator's mails.
const hearing = 30 * time.Second

// simulated is the scene with the real SES, which can neither be broken nor asked what it took.
func simulated() scene {
	return scene{name: "SES mailbox simulator", unprinted: true, simulator: true}
}

// simulatorPeople are addresses of SES's own, each with its fate.
func simulatorPeople(locales []string) []store.Person {
	var people []store.Person
	for _, name := range []string{"success", "bounce", "complaint", "suppressionlist"} {
		people = append(people, store.Person{Address: name + "@simulator.amazonses.com", Name: name, Locale: locales[0]})
	}
	return people
}

// simulate mails through the project's own account. What became of the mails is read from the records of the server that hears the
// events: to take them out of its queue would take other mails' events with them.
func (a *act) simulate(ctx context.Context) error {
	h, err := a.program.openScene(ctx, a.data, script{Report: a.report, Day: a.day})
	if err != nil {
		return err
	}
	defer h.Close()
	a.scene.want = func(people int) result { return result{accepted: people} }
	if err := deliverAll(ctx, h.press.mailer, a.report, a.day); err != nil {
		return err
	}
	return a.overhear(ctx, h)
}

func (a *act) overhear(ctx context.Context, h *house) error {
	events := h.project.Mail.Events
	if _, serving := dial(ctx, a.program.dir); !serving || events.Queue == "" && events.Topic == "" {
		return nil
	}
	server, err := peekStore(ctx, storeAddress(h.project.Store, filepath.Join(a.program.dir, dataDir)))
	if err != nil {
		return err
	}
	defer server.Close()
	a.scene.want = func(int) result { return result{accepted: 4, delivered: 1, bounced: 2, complained: 1} }
	for deadline := time.Now().Add(hearing); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(time.Second / 4) {
		if settled, err := a.takeOver(ctx, server, h.press.mailer); err != nil || settled {
			return err
		}
	}
	return ctx.Err()
}

// takeOver copies what the server recorded of this scene's mails. Settled: each has its end.
func (a *act) takeOver(ctx context.Context, server *store.Store, m *jobs.Mailer) (settled bool, err error) {
	e, err := a.records.Edition(ctx, a.report, a.day, 0)
	if err != nil {
		return false, err
	}
	deliveries, err := a.records.Deliveries(ctx, e.ID)
	if err != nil {
		return false, err
	}
	ends := 0
	for _, d := range deliveries {
		if d.MessageID == "" {
			continue
		}
		recorded, err := server.MessageEvents(ctx, d.MessageID)
		if err != nil {
			return false, err
		}
		for _, r := range recorded {
			event := mail.Event{Kind: r.Kind, MessageID: r.MessageID, Delivery: d.ID, Address: r.Address, Detail: r.Detail, Permanent: r.Permanent, At: r.At}
			if err := m.Events(ctx, []mail.Event{event}); err != nil {
				return false, err
			}
		}
	}
	if deliveries, err = a.records.Deliveries(ctx, e.ID); err != nil {
		return false, err
	}
	for _, d := range deliveries {
		if d.State == store.DeliveryBounced || d.State == store.DeliveryComplained || d.State == store.DeliveryDelivered && d.Address == "success@simulator.amazonses.com" {
			ends++
		}
	}
	return ends == len(deliveries), nil
}
