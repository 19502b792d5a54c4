package jobs

import (
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/store"
)

// Who chose to hear once a week gets the first edition of a week, with the numbers of its seven days; the others get each.
func TestAWeeklyReaderGetsOneLetterAWeekWithTheNumbersOfIt(t *testing.T) {
	f := timed()
	f["reports/usage.yaml"] = strings.Replace(f["reports/usage.yaml"], "headline: true", "headline: true, days: 7", 1)
	h := open(t, f)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	m := h.mailer(box)
	ada, err := h.Store.PersonByAddress(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.SetSubscription(t.Context(), store.Subscription{Person: ada.ID, Report: "usage", Cadence: store.CadenceWeekly}); err != nil {
		t.Fatal(err)
	}
	for _, day := range []calendar.Day{sunday, monday} {
		h.run(store.StateDone, Request{Day: day})
		if _, err := m.Deliver(t.Context(), "usage", day); err != nil {
			t.Fatal(err)
		}
	}
	var got []mail.Letter
	for _, letter := range h.everyLetter(box) {
		if strings.Contains(letter.To, "ada") {
			got = append(got, letter)
		}
	}
	if len(got) != 1 || got[0].Subject != "[Week] Usage (2026-11-15)" {
		t.Fatalf("%d letters, %q", len(got), h.subjects(box))
	}
	for _, want := range []string{"The week", "14 Nov", "15 Nov"} {
		if !strings.Contains(got[0].Text, want) || !strings.Contains(got[0].HTML, want) {
			t.Errorf("the digest lacks %q:\n%s", want, got[0].Text)
		}
	}
	if len(h.subjects(box)) != 3 {
		t.Errorf("letters %q", h.subjects(box))
	}
}

func TestNobodyCanLeaveARequiredReport(t *testing.T) {
	h := open(t, timed().with(files{"reports/usage.yaml": "required: true\n" + timed()["reports/usage.yaml"]}))
	h.run(store.StateDone, Request{})
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	m := h.mailer(box)
	ada, err := h.Store.PersonByAddress(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Store.SetSubscription(t.Context(), store.Subscription{Person: ada.ID, Report: "usage", Cadence: store.CadenceOff}); err != nil {
		t.Fatal(err)
	}
	h.run(store.StateDone, Request{Day: sunday})
	if out, err := m.Deliver(t.Context(), "usage", sunday); err != nil || out.Accepted != 2 {
		t.Errorf("delivered %+v, %v: %q", out, err, h.subjects(box))
	}
	if out, err := m.Deliver(t.Context(), "usage", monday); err != nil || out.Accepted != 1 {
		t.Errorf("delivered %+v, %v: %q", out, err, h.subjects(box))
	}
}
