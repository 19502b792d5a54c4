package jobs

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/still"
	"daybook/internal/store"
)

// punctual is a shop whose report has a deadline at nine.
func punctual(more string) files {
	f := timed()
	f["reports/usage.yaml"] += "deadline: \"09:00\"\n" + more
	return f
}

const late = `{"id": broken` + "\n"

// subjects of the newest letters, sorted, one for each person.
func (h *house) subjects(box mail.Outbox) []string {
	h.t.Helper()
	entries, err := box.List()
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.To+": "+e.Subject)
	}
	slices.Sort(out)
	return out
}

// everyLetter is what an outbox holds.
func (h *house) everyLetter(box mail.Outbox) []mail.Letter {
	h.t.Helper()
	entries, err := box.List()
	if err != nil {
		h.t.Fatal(err)
	}
	var out []mail.Letter
	for _, e := range entries {
		letter, err := box.Open(e.Name)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, letter)
	}
	return out
}

// edition is the newest one of monday.
func (h *house) edition() store.Edition {
	h.t.Helper()
	e, err := h.Store.Edition(h.t.Context(), "usage", monday, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// mend writes the day as it should have been and builds it.
func (h *house) mend(ids ...string) {
	h.t.Helper()
	h.write(files{"data/2026-11-16.ndjson": orders(ids...)})
	h.run(store.StateDone, Request{Nodes: []string{"orders"}, Force: ForceFetch, Downstream: true})
}

func TestAReportThatIsNotReadyByItsDeadlineStaysHeldUnlessItSaysOtherwise(t *testing.T) {
	h := open(t, punctual("").with(files{"data/2026-11-16.ndjson": late}))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	for _, at := range []string{"06:00", "07:00", "09:00", "11:00"} {
		c.at("2026-11-17 " + at)
	}
	c.wants(release, "2026-11-16 held")
	if got := h.subjects(box); len(got) != 0 {
		t.Errorf("letters %v", got)
	}
}

func TestAPartialReportGoesOutAtTheDeadlineAndTheWholeOneToThoseWhoGotIt(t *testing.T) {
	h := open(t, punctual("if_late: partial\n").with(files{"data/2026-11-16.ndjson": late}))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	for _, at := range []string{"06:00", "07:00", "08:59"} {
		c.at("2026-11-17 " + at)
	}
	if got := h.subjects(box); len(got) != 0 {
		t.Errorf("letters before the deadline: %v", got)
	}
	c.at("2026-11-17 09:10")
	c.wants(release, "2026-11-16 released")
	if got := h.subjects(box); !slices.Equal(got, []string{"Ada <ada@example.com>: [Partial] Usage (2026-11-16)", "보라 <bora@example.com>: [일부] Usage (2026-11-16)"}) {
		t.Errorf("letters %q", got)
	}
	e := h.edition()
	f, _, err := h.Figures(t.Context(), "usage", monday, e.Number)
	if err != nil || e.Kind != store.EditionPartial || len(f.Missing) != 1 || f.Missing[0].Node != "orders" || f.Missing[0].State != store.StateFailed || f.Missing[0].Since.IsZero() {
		t.Fatalf("edition %+v misses %+v, %v", e, f.Missing, err)
	}
	for _, letter := range h.letters(box) {
		if !strings.Contains(letter.HTML, "orders: ") || !strings.Contains(letter.Text, "orders: ") {
			t.Errorf("the letter to %s does not say what is missing:\n%s", letter.To, letter.Text)
		}
	}
	c.at("2026-11-17 09:30") // nobody hears twice of the same
	newcomer := store.Person{Address: "new@example.com", Groups: []string{"staff"}}
	if err := h.Store.SavePerson(t.Context(), &newcomer); err != nil {
		t.Fatal(err)
	}
	h.mend("a3", "b3", "c3", "d3")
	c.at("2026-11-17 09:40")
	want := []string{"Ada <ada@example.com>: [Partial] Usage (2026-11-16)", "Ada <ada@example.com>: [Whole] Usage (2026-11-16)",
		"보라 <bora@example.com>: [일부] Usage (2026-11-16)", "보라 <bora@example.com>: [전체] Usage (2026-11-16)"}
	if got := h.subjects(box); !slices.Equal(got, want) {
		t.Errorf("letters %q", got)
	}
	if e := h.edition(); e.Number != 2 || e.Kind != store.EditionFull || e.State != EditionReleased || e.Corrects != 1 {
		t.Errorf("edition %+v", e)
	}
}

func TestANoticeSaysThatThereIsNoReportAndTheReportFollows(t *testing.T) {
	h := open(t, punctual("if_late: notice\n").with(files{"data/2026-11-16.ndjson": ""}))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	for _, at := range []string{"06:00", "07:00", "09:10"} {
		c.at("2026-11-17 " + at)
	}
	if got := h.subjects(box); !slices.Equal(got, []string{"Ada <ada@example.com>: No report: Usage (2026-11-16)", "보라 <bora@example.com>: 보고서 없음: Usage (2026-11-16)"}) {
		t.Errorf("letters %q", got)
	}
	if e := h.edition(); e.Kind != store.EditionNotice || e.State != EditionReleased {
		t.Errorf("edition %+v", e)
	}
	h.mend("a3", "b3")
	c.at("2026-11-17 10:00")
	if e := h.edition(); e.Number != 2 || e.State != EditionReleased || len(h.subjects(box)) != 4 {
		t.Errorf("edition %+v, letters %q", e, h.subjects(box))
	}
}

func TestADayWithoutDataIsSentSaidOrSkipped(t *testing.T) {
	for rule, want := range map[string]struct {
		letters int
		state   string
		kind    string
	}{"send": {2, "released", store.EditionFull}, "say": {2, "released", store.EditionNotice}, "skip": {0, "skipped", store.EditionFull}} {
		t.Run(rule, func(t *testing.T) {
			f := punctual("if_empty: " + rule + "\n")
			f["sources/orders.yaml"] += "empty: ok\n"
			h := open(t, f)
			h.write(files{"data/2026-11-16.ndjson": "\n"})
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			c := h.clock(box)
			c.at("2026-11-17 06:00")
			c.at("2026-11-17 07:00")
			c.at("2026-11-17 07:05")
			c.wants(release, "2026-11-16 "+want.state)
			if got := h.subjects(box); len(got) != want.letters {
				t.Errorf("letters %q", got)
			}
			if e := h.edition(); e.Kind != want.kind {
				t.Errorf("edition %+v", e)
			}
		})
	}
}

func TestWhatAPersonHoldsWaitsUntilItIsReleasedByHand(t *testing.T) {
	h := open(t, punctual("if_late: partial\n"))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00")
	if err := c.Mailer.Hold(t.Context(), "usage", monday, "", "ada"); err == nil {
		t.Error("held without a reason")
	}
	if err := c.Mailer.Hold(t.Context(), "usage", monday, "the numbers look odd", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"07:00", "07:20", "09:30"} {
		c.at("2026-11-17 " + at)
	}
	c.wants(release, "2026-11-16 held")
	o, _, err := h.Store.LastOccurrence(t.Context(), release)
	if err != nil || o.Note != "held by ada@example.com: the numbers look odd" || len(h.subjects(box)) != 0 {
		t.Errorf("occurrence %+v, %v, letters %q", o, err, h.subjects(box))
	}
	out, err := c.Mailer.Release(t.Context(), "usage", monday, "they are right", "ada@example.com")
	if err != nil || out.Accepted != 2 {
		t.Fatalf("released %+v, %v", out, err)
	}
	c.at("2026-11-17 09:50")
	c.wants(release, "2026-11-16 released")
	if got := h.subjects(box); len(got) != 2 {
		t.Errorf("letters %q", got)
	}
}

func TestWhatIsReleasedByHandBeforeItsHourIsNotReleasedAgain(t *testing.T) {
	h := open(t, punctual(""))
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 06:00")
	if out, err := c.Mailer.Release(t.Context(), "usage", monday, "", "ada"); err != nil || out.Accepted != 2 {
		t.Fatalf("released %+v, %v", out, err)
	}
	c.at("2026-11-17 07:00")
	c.at("2026-11-17 07:05")
	if got := h.subjects(box); len(got) != 2 {
		t.Errorf("letters %q", got)
	}
}

func TestACorrectionIsMailedOnlyWhenAHeadlineMovedAndOnlyToThoseWhoGotTheEdition(t *testing.T) {
	for name, c := range map[string]struct {
		correction string
		letters    int
		state      string
	}{"moved": {"10%", 4, EditionReleased}, "within the threshold": {"50%", 2, EditionUnsent}} {
		t.Run(name, func(t *testing.T) {
			h := open(t, punctual("correction: "+c.correction+"\n"))
			box := mail.Outbox{Dir: h.dir + "/outbox"}
			clock := h.clock(box)
			clock.at("2026-11-17 06:00")
			clock.at("2026-11-17 07:00")
			clock.at("2026-11-17 07:05")
			newcomer := store.Person{Address: "new@example.com", Groups: []string{"staff"}}
			if err := h.Store.SavePerson(t.Context(), &newcomer); err != nil {
				t.Fatal(err)
			}
			h.mend("a3", "b3", "c3", "d3", "e3") // five orders after four
			clock.at("2026-11-17 07:10")
			clock.at("2026-11-17 07:30")
			if got := h.subjects(box); len(got) != c.letters {
				t.Errorf("letters %q", got)
			}
			e := h.edition()
			if e.Number != 2 || e.State != c.state || c.state == EditionUnsent && e.Reason == "" {
				t.Errorf("edition %+v", e)
			}
			if c.state == EditionUnsent {
				return
			}
			for _, letter := range h.everyLetter(box) {
				if strings.Contains(letter.Subject, "Correction") && (!strings.Contains(letter.Text, "4") || !strings.Contains(letter.Text, "Before")) {
					t.Errorf("the correction does not say what changed:\n%s", letter.Text)
				}
			}
		})
	}
}

func TestADayThatWasNeverMailedIsNotCorrected(t *testing.T) {
	h := open(t, punctual(""))
	h.run(store.StateDone, Request{})
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	c := h.clock(box)
	c.at("2026-11-17 10:00")
	h.mend("a3")
	c.at("2026-11-17 10:10")
	if got := h.subjects(box); len(got) != 0 {
		t.Errorf("letters %q", got)
	}
}

func TestAnEditionThatWaitsGivesWayToTheNextOne(t *testing.T) {
	h := mailed(t, three)
	server := &switched{Sender: mail.Outbox{Dir: h.dir + "/outbox"}, away: true}
	m := h.mailer(server)
	if out, err := h.deliver(m); err == nil || out.Waiting != 3 {
		t.Fatalf("delivered %+v, %v", out, err)
	}
	first := h.edition()
	h.mend("a3")
	server.away = false
	if out, err := h.deliver(m); err != nil || out.Accepted != 3 {
		t.Fatalf("delivered %+v, %v", out, err)
	}
	list, err := h.Store.Deliveries(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.State != store.DeliveryFailed || d.Error != "edition 2 took its place" {
			t.Errorf("delivery %+v", d)
		}
	}
}

func TestAMailThatIsNotFitToBeReadIsHeldWithTheReason(t *testing.T) {
	h := open(t, charted(three))
	h.run(store.StateDone, Request{})
	m := h.mailer(mail.Outbox{Dir: h.dir + "/outbox"})
	m.Base = "localhost" // links lead nowhere
	m.Draw = func(context.Context, []byte, int, int) (still.Picture, error) { return drawn, nil }
	out, err := h.deliver(m)
	if err == nil || !strings.Contains(err.Error(), "is not fit to be read") || out != (Delivered{}) {
		t.Errorf("delivered %+v, %v", out, err)
	}
}

func TestTheProvenanceOfAnEditionLeadsToTheHashesOfRawObjects(t *testing.T) {
	h := mailed(t, three)
	p, err := h.Provenance(t.Context(), "usage", monday, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range p.Nodes {
		names = append(names, o.Node)
	}
	if diff := cmp.Diff([]string{"orders", "sales", "daily", "items"}, names); diff != "" {
		t.Error(diff)
	}
	if o := p.Nodes[0]; len(o.Objects) != 1 || len(o.Objects[0].SHA256) != 64 || o.Objects[0].Name == "" || o.Rows != 4 {
		t.Errorf("origin %+v", o)
	}
	if o := p.Nodes[2]; !strings.Contains(o.SQL, "count(*)") || o.Fingerprint != h.build("daily", monday).Fingerprint {
		t.Errorf("origin %+v", o)
	}
	if len(p.Sections) != 2 || p.Sections[0].Section != "orders" || !slices.Equal(p.Sections[0].Reads, []string{"daily"}) {
		t.Errorf("sections %+v", p.Sections)
	}
}

func TestALetterStaysWhatItWasWhenItWasMailed(t *testing.T) {
	h := mailed(t, three)
	box := mail.Outbox{Dir: h.dir + "/outbox"}
	m := h.mailer(box)
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	h.write(files{"reports/usage.yaml": strings.Replace(timed()["reports/usage.yaml"], "title: Usage", "title: Renamed", 1)})
	h.reopen()
	m = h.mailer(box)
	newcomer := store.Person{Address: "new@example.com", Groups: []string{"staff"}}
	if err := h.Store.SavePerson(t.Context(), &newcomer); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Deliver(t.Context(), "usage", monday); err != nil {
		t.Fatal(err)
	}
	if letter := h.letters(box)["<new@example.com>"]; letter.Subject != "Usage (2026-11-16)" {
		t.Errorf("subject %q of %v", letter.Subject, h.subjects(box))
	}
}

func TestADayThatWasFetchedAgainAndDoesNotFitIsNotFreshAnyMore(t *testing.T) {
	h := mailed(t, three)
	h.write(files{"data/2026-11-16.ndjson": late})
	h.run(store.StateFailed, Request{Nodes: []string{"orders"}, Force: ForceFetch})
	if h.fresh(t.Context(), "usage", monday) {
		t.Error("the report is fresh, though the bytes of its day do not fit")
	}
	missing, err := h.missing(t.Context(), "usage", monday)
	if err != nil || len(missing) != 1 || missing[0].Node != "orders" || missing[0].State != store.StateFailed {
		t.Errorf("missing %+v, %v", missing, err)
	}
	if _, err := h.mailer(mail.Outbox{Dir: h.dir + "/outbox"}).Release(t.Context(), "usage", monday, "", "ada"); err != nil {
		t.Fatal(err)
	}
	if e := h.edition(); e.Number != 2 || e.Kind != store.EditionPartial {
		t.Errorf("what went out is edition %+v, which does not say that newer bytes do not fit", e)
	}
}
