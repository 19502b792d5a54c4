package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/mail"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

// post is a mail server at the edge of the world: it takes what it is given, except what it is told not to.
type post struct {
	mu     sync.Mutex
	refuse map[string]error // by address
	taken  []mail.Message
}

func (p *post) Send(_ context.Context, m mail.Message) (mail.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refuse[m.To.Address]; err != nil {
		return mail.Receipt{}, err
	}
	p.taken = append(p.taken, m)
	return mail.Receipt{MessageID: m.MessageID}, nil
}

func (p *post) Limits(context.Context) (mail.Limits, error) { return mail.Limits{Left: -1}, nil }

func (p *post) to() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, m := range p.taken {
		list = append(list, m.To.Address)
	}
	slices.Sort(list)
	return list
}

func (p *post) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = nil
}

// mailing is a library whose daily report has a deadline and people.
func mailing() map[string]string {
	return map[string]string{
		"daybook.yaml":       library["daybook.yaml"] + "groups: {all-staff: []}\nmail: {sender: ses, region: us-east-1}\n",
		"reports/daily.yaml": library["reports/daily.yaml"] + "schedule: {at: \"07:00\"}\ndeadline: \"09:00\"\nto: [all-staff]\n",
	}
}

// mailSite serves it half an hour before the deadline of monday, with a mailer to a post.
func mailSite(t *testing.T) (*site, *post) {
	t.Helper()
	s := serve(t, mailing())
	s.clock.move(-time.Hour)
	p := &post{refuse: map[string]error{}}
	var picture bytes.Buffer
	check(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1100, 500))))
	s.Mailer = &jobs.Mailer{Runner: s.Runner, Sender: p, From: mail.Address{Name: "Daybook", Address: "daybook@example.com"}, Base: s.url,
		Draw: func(context.Context, []byte, int, int) (still.Picture, error) {
			return still.Picture{PNG: picture.Bytes()}, nil
		}}
	return s, p
}

// staff are people of the daily report's group.
func (s *site) staff(addresses ...string) map[string]store.Person {
	s.t.Helper()
	out := map[string]store.Person{}
	for _, address := range addresses {
		name, _, _ := strings.Cut(address, "@")
		p := store.Person{Address: address, Name: "Person " + name, Locale: "en", Groups: []string{"all-staff"}, Created: s.Now()}
		check(s.t, s.Store.SavePerson(context.Background(), &p))
		out[name] = p
	}
	return out
}

// troubled mails monday's report to five people: one takes it, one gets it, one bounces, one is refused, and of one nobody knows.
func troubled(t *testing.T) (*site, *post, map[string]store.Delivery) {
	t.Helper()
	s, p := mailSite(t)
	ctx := context.Background()
	s.build(monday.Add(-1), monday)
	s.staff("ada@example.com", "bob@example.com", "cy@example.com", "dee@example.com", "eve@example.com")
	p.refuse["dee@example.com"] = &mail.SendError{Kind: mail.Rejected, Err: errors.New("<b>malware</b>")}
	p.refuse["eve@example.com"] = &mail.SendError{Kind: mail.Unknown, MayHaveLeft: true, Err: errors.New("connection reset")}
	if _, err := s.Mailer.Deliver(ctx, "daily", monday); err == nil {
		t.Fatal("two mails failed, and nobody says so")
	}
	e := must(s.Store.Edition(ctx, "daily", monday, 0))(t)
	out := map[string]store.Delivery{}
	for _, d := range must(s.Store.Deliveries(ctx, e.ID))(t) {
		name, _, _ := strings.Cut(d.Address, "@")
		out[name] = d
	}
	check(t, s.Mailer.Events(ctx, []mail.Event{
		{Kind: store.MailDelivery, MessageID: out["bob"].MessageID, Address: "bob@example.com", At: s.Now().Add(9 * time.Second)},
		{Kind: store.MailBounce, MessageID: out["cy"].MessageID, Address: "cy@example.com", Detail: "550 5.1.1 no such user", Permanent: true, At: s.Now().Add(time.Second)},
	}))
	return s, p, out
}

const ledgerOfMonday = "/deliveries/daily/2026-11-16/1"

func TestLedgerSaysWhatBecameOfEveryMail(t *testing.T) {
	s, _, _ := troubled(t)
	b := s.signedIn(roleAdmin)
	a := b.get(ledgerOfMonday)
	for _, want := range []string{
		"planned 5 = delivered 1 + accepted 1 + unknown 1 + bounced 1 + rejected 1", "accepted by SES", "550 5.1.1 no such user", "&lt;b&gt;malware&lt;/b&gt;", "Settle…", "Resend to 1…",
		"Needs a look 3", "No event yet.", `data-events="/events?`, "/people/",
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the ledger does not say %q", want)
		}
	}
	if eve, bob := strings.Index(a.body, "eve@example.com"), strings.Index(a.body, "bob@example.com"); eve < 0 || bob < eve {
		t.Error("what needs a look does not come first")
	}
	for path, want := range map[string][2]string{ // one who is shown, one who is not
		"?show=look": {"cy@example.com", "bob@example.com"}, "?show=delivered": {"bob@example.com", "cy@example.com"}, "?q=ADA": {"ada@example.com", "bob@example.com"}, "?group=all-staff&q=Person+cy": {"cy@example.com", "ada@example.com"},
	} {
		a := b.get(ledgerOfMonday + path)
		table := a.body[strings.Index(a.body, `id="people"`):]
		if !strings.Contains(table, want[0]) || strings.Contains(table, want[1]) {
			t.Errorf("%s: %s is not shown, or %s is", path, want[0], want[1])
		}
	}
	csv := b.get(ledgerOfMonday + "?format=csv")
	if strings.Count(csv.body, "\n") != 6 || !strings.Contains(csv.body, "2026-11-17T08:30:09+09:00") {
		t.Errorf("the file:\n%s", csv.body)
	}
	for path, code := range map[string]int{"/deliveries/daily/2026-11-16/9": 404, "/deliveries/daily/2026-11-16/x": 404, "/deliveries/words/2026-11-16/1": 404, "/deliveries/daily/soon/1": 400} {
		if a := b.get(path); a.code != code {
			t.Errorf("%s: %d", path, a.code)
		}
	}
}

func TestLedgerShowsAPageOfPeopleAtATime(t *testing.T) {
	led := ledgerOf{people: map[string]store.Person{}}
	for i := range 120 {
		led.deliveries = append(led.deliveries, store.Delivery{ID: fmt.Sprint(i), State: store.DeliveryAccepted})
	}
	for page, want := range map[int][2]int{1: {50, 0}, 2: {50, 50}, 3: {20, 100}, 4: {0, 0}, 99: {0, 0}} {
		f := ledgerFilter{page: page}
		list := f.paged(f.of(led))
		if len(list) != want[0] || len(list) > 0 && list[0].ID != fmt.Sprint(want[1]) {
			t.Errorf("page %d: %d rows", page, len(list))
		}
	}
}

func TestAMailOfWhichNobodyKnowsIsSettledByAPersonOnly(t *testing.T) {
	s, p, list := troubled(t)
	b := s.signedIn(roleAdmin)
	b.get(ledgerOfMonday)
	for _, fields := range [][]string{{"id", list["eve"].ID}, {"id", list["eve"].ID, "outcome", "perhaps"}} {
		if a := b.post(ledgerOfMonday+"/settle", fields...); a.code != http.StatusBadRequest {
			t.Errorf("%v: %d", fields, a.code)
		}
	}
	if a := b.post(ledgerOfMonday+"/settle", "id", "nobody", "outcome", outcomeArrived); a.code != http.StatusNotFound {
		t.Errorf("a mail that is not there: %d", a.code)
	}
	if a := b.post(ledgerOfMonday+"/settle", "id", list["bob"].ID, "outcome", outcomeLost); a.code != http.StatusForbidden {
		t.Errorf("a mail that arrived: %d", a.code)
	}
	if a := b.post(ledgerOfMonday+"/settle", "id", list["eve"].ID, "outcome", outcomeArrived, "note", "asked her"); a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	if d := must(s.Store.Delivery(context.Background(), list["eve"].ID))(t); d.State != store.DeliveryAccepted {
		t.Errorf("it is %s", d.State)
	}
	if slices.Contains(p.to(), "eve@example.com") {
		t.Error("it was sent again")
	}
}

func TestOnlyWhatFailedIsSentAgain(t *testing.T) {
	s, p, list := troubled(t)
	before := p.to()
	p.forgive()
	b := s.signedIn(roleAdmin)
	b.get(ledgerOfMonday)
	if a := b.post(ledgerOfMonday+"/resend", "picked", "1"); a.code != http.StatusBadRequest {
		t.Errorf("nobody was ticked: %d", a.code)
	}
	if a := b.post(ledgerOfMonday+"/resend", "picked", "1", "id", list["eve"].ID, "id", list["bob"].ID); a.code >= http.StatusInternalServerError {
		t.Errorf("%d\n%s", a.code, s.log)
	}
	if !slices.Equal(p.to(), before) {
		t.Errorf("what may have arrived was sent again: %v", p.to())
	}
	if a := b.post(ledgerOfMonday + "/resend"); a.code != http.StatusSeeOther || !strings.Contains(a.head.Get("Location"), "did=resend") {
		t.Fatalf("%d to %s\n%s", a.code, a.head.Get("Location"), a.body)
	}
	until(t, "the rejected mail has left", func() bool { return slices.Contains(p.to(), "dee@example.com") })
	if got := p.to(); len(got) != len(before)+1 {
		t.Errorf("%v", got)
	}
	if a := b.get(ledgerOfMonday + "?did=resend"); strings.Contains(a.body, "Resend to 1…") || !strings.Contains(a.body, "are sent again") {
		t.Error("the page does not say that it was sent again")
	}
}

func TestATestGoesToTheOneWhoAsksAndIsNotInTheLedger(t *testing.T) {
	s, p, _ := troubled(t)
	before := len(p.to())
	b := s.signedIn(roleAdmin)
	b.get(ledgerOfMonday)
	if a := b.post(ledgerOfMonday + "/test"); a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	got := p.taken[len(p.taken)-1]
	if len(p.to()) != before+1 || got.To.Address != "admin@example.com" || !strings.HasPrefix(got.Subject, "[시험] ") {
		t.Errorf("to %v, %q", p.to(), got.Subject)
	}
	if a := b.get(ledgerOfMonday + "?did=test"); !strings.Contains(a.body, "A test was sent to admin@example.com") || !strings.Contains(a.body, "planned 5 =") {
		t.Error("the page does not say so, or counts the test")
	}
}

func TestViewersSeeTheNumbersAndTheirOwnMailAlone(t *testing.T) {
	s, _, list := troubled(t)
	b := s.signedIn(roleViewer)
	a := b.get(ledgerOfMonday)
	if !strings.Contains(a.body, "planned 5 =") || strings.Contains(a.body, "ada@example.com") || strings.Contains(a.body, "Settle…") || strings.Contains(a.body, "Resend") {
		t.Error("a viewer sees other people, or what only admins may do")
	}
	for _, path := range []string{ledgerOfMonday + "?format=csv", ledgerOfMonday + "?show=look", "/deliveries?person=ada@example.com", "/deliveries?person=a&format=csv", "/deliveries"} {
		if a := b.get(path); a.code != http.StatusOK || strings.Contains(a.body, "Person ada") || strings.Contains(a.body, "550 5.1.1") {
			t.Errorf("%s: %d, or it shows somebody else", path, a.code)
		}
	}
	for _, path := range []string{ledgerOfMonday + "/resend", ledgerOfMonday + "/settle", ledgerOfMonday + "/test", "/reports/daily/2026-11-16/hold", "/reports/daily/2026-11-16/release"} {
		if a := b.post(path, "id", list["eve"].ID, "outcome", outcomeArrived, "reason", "x"); a.code != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.code)
		}
	}
	me := must(s.Store.PersonByAddress(context.Background(), "viewer@example.com"))(t)
	me.Groups = []string{"all-staff"}
	check(t, s.Store.SavePerson(context.Background(), &me))
	must(s.Mailer.Deliver(context.Background(), "daily", monday))(t)
	for _, path := range []string{ledgerOfMonday, "/deliveries?person=viewer@example.com"} {
		if a := b.get(path); !strings.Contains(a.body, "accepted") || !strings.Contains(a.body, "viewer@example.com") {
			t.Errorf("%s does not show the viewer's own mail", path)
		}
	}
}

func TestDaysOnTimeAreCountedFromTheLedger(t *testing.T) {
	s, _ := mailSite(t)
	ctx := context.Background()
	s.build(monday.Add(-1), monday)
	s.staff("ada@example.com", "bob@example.com")
	for _, day := range []calendar.Day{monday.Add(-1), monday} { // the day before is a day late
		must(s.Mailer.Deliver(ctx, "daily", day))(t)
	}
	must(s.Store.ClaimOccurrence(ctx, "release:daily", monday.Add(-2), s.Now(), s.Now()))(t) // was due, and nothing came
	b := s.signedIn(roleAdmin)
	a := b.get("/deliveries")
	for _, want := range []string{"1 of 3 days", "delivered to at least 98% by 09:00", "2026-11-16: on time, last accepted 08:30:00", "2026-11-15: late", "2026-11-14: no report", `href="/deliveries/daily/2026-11-16/1"`, "100.0% by 09:00", "0.0% by 09:00"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if csv := b.get("/deliveries?report=daily&format=csv"); strings.Count(csv.body, "\n") != 3 || !strings.Contains(csv.body, "2026-11-16") {
		t.Errorf("the file:\n%s", csv.body)
	}
	if csv := b.get("/deliveries?person=ada@example.com&format=csv"); strings.Count(csv.body, "\n") != 3 {
		t.Errorf("ada's file:\n%s", csv.body)
	}
	if a := b.get("/deliveries?person=person"); !strings.Contains(a.body, "Several people match") || !strings.Contains(a.body, "bob@example.com") {
		t.Error("two people match, and are not both offered")
	}
	if a := b.get("/deliveries?person=nobody"); !strings.Contains(a.body, "Nobody has this name") {
		t.Error("a search without a hit does not say so")
	}
	if a := b.get("/deliveries?person=BOB"); !strings.Contains(a.body, "/deliveries/daily/2026-11-15/1") || !strings.Contains(a.body, "Open the person") {
		t.Error("the page does not list what bob got")
	}
}

func TestANinetyEightPercentGoalIsMeantExactly(t *testing.T) {
	for _, c := range []struct {
		part, all int
		want      string
	}{{98, 100, "98.0"}, {979, 1000, "97.9"}, {9999, 10000, "99.9"}, {0, 3, "0.0"}, {3, 3, "100.0"}, {0, 0, text.Dash}} {
		if got := share(c.part, c.all, text.English); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.part, c.all, got, c.want)
		}
	}
}

func TestTheMailOfAnEditionIsShownInAFrameThatCanDoNothing(t *testing.T) {
	s, _, _ := troubled(t)
	b := s.signedIn(roleViewer)
	a := b.get(ledgerOfMonday + "/mail/ko")
	if a.code != http.StatusOK || !strings.Contains(a.body, `sandbox=""`) || !strings.Contains(a.body, "/mail/en?variant=daily") {
		t.Fatalf("%d\n%s", a.code, s.log)
	}
	sealedPage(t, ledgerOfMonday+"/mail/ko", a)
	html := b.get(ledgerOfMonday + "/mail/ko/html?variant=daily")
	if got := html.head.Get("Content-Security-Policy"); got != letterPolicy || !strings.Contains(html.body, "하루 이용") || strings.Contains(html.body, `"cid:`) {
		t.Errorf("policy %q", got)
	}
	if part := b.get(ledgerOfMonday + "/mail/ko/parts/1"); part.code != http.StatusOK || !strings.HasPrefix(part.body, "\x89PNG") {
		t.Errorf("part 1: %d", part.code)
	}
	for _, path := range []string{"/mail/fr", "/mail/ko/parts/99", "/mail/ko/parts/x"} {
		if a := b.get(ledgerOfMonday + path); a.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.code)
		}
	}
}

func TestPagesOfDeliveriesAreThereInBothLanguagesAndSealed(t *testing.T) {
	s, _, _ := troubled(t)
	ctx := context.Background()
	p := must(s.Store.PersonByAddress(ctx, "cy@example.com"))(t)
	p.Name = hostile
	check(t, s.Store.SavePerson(ctx, &p))
	i := store.Incident{Key: "failed:words", Kind: "failed", Subject: "words", Day: monday, Reason: hostile, Opened: s.Now()}
	must(s.Store.OpenIncident(ctx, &i, []store.Alert{{Channel: "slack-1", Kind: "failed", Body: "{}", Next: s.Now()}}))(t)
	b := s.signedIn(roleAdmin)
	for _, l := range text.Locales() {
		b.get("/data")
		b.post("/locale", "locale", string(l), "back", "/")
		for _, path := range []string{"/deliveries", "/deliveries?person=cy@example.com", ledgerOfMonday, ledgerOfMonday + "?show=look", "/incidents", "/reports/daily/2026-11-16", "/reports/daily/2026-11-16/1/why/words_bar",
			"/reports/daily/2026-11-16/1/why/list", "/reports/daily/2026-11-16/1/changes"} {
			a := b.get(path)
			if a.code != http.StatusOK {
				t.Errorf("%s in %s: %d\n%s", path, l, a.code, s.log)
				continue
			}
			sealedPage(t, path, a)
			for _, room := range []string{">deliveries.", ">delivery.", ">ledger.", ">gate.", ">strip.", ">origin.", ">changes.", ">incidents.", "%!"} {
				if strings.Contains(a.body, room) {
					t.Errorf("%s in %s shows a key: %s", path, l, room)
				}
			}
		}
	}
}
