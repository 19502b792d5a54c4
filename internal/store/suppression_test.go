package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

func TestPermanentBounceAndComplaintSuppressTheAddress(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		d := claim(t, s, planOne(t, s), 1)
		soft := news(d, "m1", store.MailBounce, 1)
		hard, complaint := news(d, "m1", store.MailBounce, 2), news(d, "m1", store.MailComplaint, 3)
		hard.Permanent, complaint.Address = true, "Bob@example.com"
		record(t, s, soft)
		same(t, 0, len(must(s.Suppressions(t.Context()))(t)))
		record(t, s, hard)
		record(t, s, complaint)
		list := must(s.Suppressions(t.Context()))(t)
		same(t, []store.Suppression{
			{Address: "ada@example.com", Reason: store.SuppressedBounce, Source: store.SuppressedByEvent, Since: hard.At, Seen: hard.Received},
			{Address: "bob@example.com", Reason: store.SuppressedComplaint, Source: store.SuppressedByEvent, Since: complaint.At, Seen: complaint.Received},
		}, list)
		full(t, list[0])

		check(t, s.RemoveSuppression(t.Context(), " ADA@example.com"))
		check(t, s.RemoveSuppression(t.Context(), "ada@example.com"))
		record(t, s, hard) // a second time
		same(t, list[1:], must(s.Suppressions(t.Context()))(t))
	})
}

func TestSuppressionsMirrorTheWholeListOfTheAccount(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		event := store.MailEvent{MessageID: "m1", Kind: store.MailComplaint, Address: "eve@example.com", At: noon, Received: noon}
		record(t, s, event)
		event.MessageID, event.Address = "m2", "ada@example.com"
		record(t, s, event)
		ada := store.Suppression{Address: "Ada@Example.com", Reason: store.SuppressedBounce, Since: noon.Add(-time.Hour)}
		bob := store.Suppression{Address: "bob@example.com", Reason: store.SuppressedBounce, Since: noon.Add(-time.Hour)}
		later := noon.Add(time.Hour)
		check(t, s.MirrorSuppressions(t.Context(), []store.Suppression{bob, ada, bob}, later))
		ada.Address, ada.Source, ada.Seen = "ada@example.com", store.SuppressedBySES, later
		bob.Source, bob.Seen = store.SuppressedBySES, later
		eve := store.Suppression{Address: "eve@example.com", Reason: store.SuppressedComplaint, Source: store.SuppressedByEvent, Since: noon, Seen: noon}
		same(t, []store.Suppression{ada, bob, eve}, must(s.Suppressions(t.Context()))(t))

		// What the account lists stays the account's, whatever an event says of it.
		event.MessageID, event.Received = "m3", later.Add(time.Minute)
		record(t, s, event)
		ada.Seen = event.Received
		same(t, []store.Suppression{ada, bob, eve}, must(s.Suppressions(t.Context()))(t))

		check(t, s.MirrorSuppressions(t.Context(), nil, later))
		same(t, []store.Suppression{eve}, must(s.Suppressions(t.Context()))(t))
	})
}
