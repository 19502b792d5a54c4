package jobs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
)

// mailer sends by a sender, to the people of the project's groups.
func (h *house) mailer(sender mail.Sender) *Mailer {
	h.t.Helper()
	for group, members := range h.Project.Groups {
		for _, m := range members {
			person := store.Person{Address: m.Address, Name: m.Name, Locale: m.Locale, Groups: []string{group}}
			if err := h.Store.SavePerson(context.Background(), &person); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	return &Mailer{Runner: h.Runner, Sender: sender, From: mail.Address{Name: "Shop", Address: "shop@example.com"}, Base: "https://shop.example.com"}
}

// letters are what an outbox holds, by address.
func (h *house) letters(box mail.Outbox) map[string]mail.Letter {
	h.t.Helper()
	entries, err := box.List()
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]mail.Letter{}
	for _, e := range entries {
		letter, err := box.Open(e.Name)
		if err != nil || e.Problem != "" {
			h.t.Fatalf("%s: %v %s", e.Name, err, e.Problem)
		}
		if _, twice := out[letter.To]; twice {
			h.t.Errorf("%s has two letters", letter.To)
		}
		out[letter.To] = letter
	}
	return out
}

// states are the deliveries of the newest edition: "ada@example.com accepted".
func (h *house) states() []string {
	h.t.Helper()
	e, err := h.Store.LatestEdition(context.Background(), "usage")
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := h.Store.Deliveries(context.Background(), e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, d := range list {
		out = append(out, d.Address+" "+d.State)
	}
	return out
}

// mailed is a shop whose report of monday is built and waits to be mailed.
func mailed(t *testing.T, groups string) *house {
	f := timed()
	if groups != "" {
		f["daybook.yaml"] = f["daybook.yaml"][:strings.Index(f["daybook.yaml"], "groups:")] + "groups:\n  staff: " + groups + "\n"
	}
	h := open(t, f)
	h.run(store.StateDone, Request{})
	return h
}

const three = "[{address: ada@example.com}, {address: ben@example.com}, {address: cy@example.com}]"

func ses(t *testing.T, server *sesdouble.Server) mail.Sender {
	t.Helper()
	s, err := mail.NewSES(t.Context(), mail.SESOptions{Region: sesdouble.Region, Endpoint: server.URL, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *house) deliver(m *Mailer) (Delivered, error) {
	return m.Deliver(context.Background(), "usage", monday)
}

func TestEachPersonGetsOneLetterInTheirLanguageWithTheFiguresInIt(t *testing.T) {
	h := mailed(t, "")
	box := mail.Outbox{Dir: filepath.Join(h.dir, "outbox")}
	out, err := h.deliver(h.mailer(box))
	if err != nil || out != (Delivered{Planned: 2, Accepted: 2}) {
		t.Fatalf("delivered %+v, %v", out, err)
	}
	letters := h.letters(box)
	ada, bora := letters["Ada <ada@example.com>"], letters["보라 <bora@example.com>"]
	if ada.Subject != "Usage (2026-11-16)" || bora.Subject != "Usage (2026-11-16)" {
		t.Errorf("subjects %q and %q", ada.Subject, bora.Subject)
	}
	for _, c := range []struct {
		letter mail.Letter
		words  []string
	}{
		{ada, []string{"Monday", text.English.T("mail.open"), "https://shop.example.com/reports/usage/2026-11-16/1"}},
		{bora, []string{"월요일", text.Korean.T("mail.open"), "https://shop.example.com/reports/usage/2026-11-16/1"}},
	} {
		for _, word := range append(c.words, "a", "b", "c", "d", "4") {
			if !strings.Contains(c.letter.Text, word) || !strings.Contains(c.letter.HTML, word) {
				t.Errorf("the letter to %s lacks %q:\n%s", c.letter.To, word, c.letter.Text)
			}
		}
	}
	_, e, err := h.Figures(t.Context(), "usage", monday, 0)
	if err != nil || e.State != EditionReleased || e.Released.IsZero() {
		t.Errorf("edition %+v, %v", e, err)
	}
}

func TestDeliveringTwiceSendsNothingTwice(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	for range 2 {
		out, err := h.deliver(m)
		if err != nil || out != (Delivered{Planned: 3, Accepted: 3}) {
			t.Fatalf("delivered %+v, %v", out, err)
		}
	}
	if n := server.Requests(); n != 3 {
		t.Errorf("%d requests", n)
	}
	for _, sent := range server.Sent() {
		if len(sent.To) != 1 || sent.Tags["delivery"] == "" || sent.Tags["edition"] == "" {
			t.Errorf("sent %+v", sent)
		}
	}
}

func TestANewcomerGetsTheEditionAndNobodyElseGetsItAgain(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.SavePerson(t.Context(), &store.Person{Address: "dee@example.com", Groups: []string{"staff"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	if sent := server.Sent(); len(sent) != 4 || sent[3].To[0] != "dee@example.com" {
		t.Errorf("%d were sent", len(sent))
	}
}

func TestTheRowIsThereBeforeTheSend(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	var at []string
	h.Failpoint = func(name string) {
		if name == "deliveries planned" || name == "sending" {
			at = append(at, name+": "+strings.Join(h.states(), ", ")+" after "+string(rune('0'+server.Requests())))
		}
	}
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"deliveries planned: ada@example.com planned, ben@example.com planned, cy@example.com planned after 0",
		"sending: ada@example.com sending, ben@example.com planned, cy@example.com planned after 0",
		"sending: ada@example.com accepted, ben@example.com sending, cy@example.com planned after 1",
		"sending: ada@example.com accepted, ben@example.com accepted, cy@example.com sending after 2",
	}
	if d := cmp.Diff(want, at); d != "" {
		t.Error(d)
	}
}

func TestABadAddressNeverStopsTheRest(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	server.Fail(sesdouble.BadRequest())
	out, err := h.deliver(m)
	if err == nil || !strings.Contains(err.Error(), "ada@example.com") || out != (Delivered{Planned: 3, Accepted: 2, Failed: 1}) {
		t.Errorf("delivered %+v, %v", out, err)
	}
	if d := cmp.Diff([]string{"ada@example.com failed", "ben@example.com accepted", "cy@example.com accepted"}, h.states()); d != "" {
		t.Error(d)
	}
}

func TestASendThatMayHaveLeftIsUnknownAndNeverSentAgain(t *testing.T) {
	for name, fault := range map[string]sesdouble.Fault{"lost answer": sesdouble.StoredThenReset(), "broken answer": sesdouble.BrokenAnswer()} {
		t.Run(name, func(t *testing.T) {
			h := mailed(t, three)
			server := mailtest.SES(t)
			m := h.mailer(ses(t, server))
			server.Fail(fault)
			for range 2 {
				out, _ := h.deliver(m)
				if out != (Delivered{Planned: 3, Accepted: 2, Unknown: 1}) {
					t.Errorf("delivered %+v", out)
				}
			}
			if n := server.Requests(); n != 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestASendThatTheEndOfTheProcessCutIsUnknownAndNeverSentAgain(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	h.Failpoint = func(name string) {
		if name == "sent" && server.Requests() == 2 {
			panic("the process ends here")
		}
	}
	func() {
		defer func() { recover() }()
		h.deliver(m)
	}()
	h.reopen()
	out, err := h.deliver(h.mailer(ses(t, server)))
	if err != nil || out != (Delivered{Planned: 3, Accepted: 2, Unknown: 1}) {
		t.Errorf("delivered %+v, %v", out, err)
	}
	if n := server.Requests(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestAnAccountThatMayNotSendLeavesTheOthersPlanned(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	server.Fail(sesdouble.Fault{}, sesdouble.DailyQuota())
	out, err := h.deliver(m)
	if err == nil || out != (Delivered{Planned: 3, Waiting: 2, Accepted: 1}) || server.Requests() != 2 {
		t.Fatalf("delivered %+v, %v by %d requests", out, err, server.Requests())
	}
	out, err = h.deliver(m)
	if err != nil || out != (Delivered{Planned: 3, Accepted: 3}) || len(server.Sent()) != 3 {
		t.Errorf("delivered %+v, %v", out, err)
	}
}

func TestAThrottledSendIsTriedAgain(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	m := h.mailer(ses(t, server))
	server.Fail(sesdouble.Throttle(), sesdouble.Throttle())
	out, err := h.deliver(m)
	if err != nil || out != (Delivered{Planned: 3, Accepted: 3}) || server.Requests() != 5 {
		t.Errorf("delivered %+v, %v by %d requests", out, err, server.Requests())
	}
}

func TestAMailServerThatIsAwayLosesNothing(t *testing.T) {
	h := mailed(t, three)
	server := mailtest.SES(t)
	sender := &switched{Sender: ses(t, server), away: true}
	c := h.clock(sender)
	c.at("2026-11-17 06:00")
	c.at("2026-11-17 07:00")
	c.wants(release, "2026-11-16 held")
	if e, err := h.Store.LatestEdition(t.Context(), "usage"); err != nil || e.State != EditionBuilt {
		t.Errorf("edition %+v, %v", e, err)
	}
	tries := sender.tries
	c.at("2026-11-17 07:01")
	if sender.tries != tries {
		t.Error("the mail server was asked again within the pause")
	}
	sender.away = false
	c.at("2026-11-17 07:11")
	c.wants(release, "2026-11-16 released")
	if len(server.Sent()) != 3 {
		t.Errorf("%d were sent", len(server.Sent()))
	}
}

// switched is a mail server that may be away.
type switched struct {
	mail.Sender
	away  bool
	tries int
}

func (s *switched) Send(ctx context.Context, m mail.Message) (mail.Receipt, error) {
	s.tries++
	if s.away {
		return mail.Receipt{}, &mail.SendError{Kind: mail.Unavailable, Retryable: true, Err: errors.New("no route")}
	}
	return s.Sender.Send(ctx, m)
}

func TestALanguageThatCannotBeRenderedHoldsTheMailForAll(t *testing.T) {
	h := open(t, charted("[{address: ada@example.com}, {address: bora@example.com, locale: ko}, {address: cy@example.com}]"))
	h.run(store.StateDone, Request{})
	m := h.mailer(mail.Outbox{Dir: filepath.Join(h.dir, "outbox")})
	times := 0
	m.Draw = func(context.Context, []byte, int, int) (still.Picture, error) {
		if times++; times == 1 { // English, which comes first
			return still.Picture{}, errors.New("no ink")
		}
		return drawn, nil
	}
	out, err := h.deliver(m)
	if err == nil || out != (Delivered{}) {
		t.Errorf("delivered %+v, %v", out, err)
	}
	if out, err := h.deliver(m); err != nil || out != (Delivered{Planned: 3, Accepted: 3}) {
		t.Errorf("once it can be: %+v, %v", out, err)
	}
}

// drawn stands for a picture.
var drawn = still.Picture{PNG: []byte("\x89PNG\r\n\x1a\n")}

func TestALocaleIsRenderedOnce(t *testing.T) {
	h := open(t, charted(three))
	h.run(store.StateDone, Request{})
	m := h.mailer(mail.Outbox{Dir: filepath.Join(h.dir, "outbox")})
	times := 0
	m.Draw = func(context.Context, []byte, int, int) (still.Picture, error) {
		times++
		return drawn, nil
	}
	out, err := h.deliver(m)
	if err != nil || out.Accepted != 3 || times != len(h.Project.Reports[0].Locales) {
		t.Errorf("delivered %+v, %v, drawn %d times", out, err, times)
	}
}

func TestAPictureThatCannotBeDrawnHoldsTheMail(t *testing.T) {
	h := open(t, charted(three))
	h.run(store.StateDone, Request{})
	m := h.mailer(mail.Outbox{Dir: filepath.Join(h.dir, "outbox")})
	m.Draw = func(context.Context, []byte, int, int) (still.Picture, error) {
		return still.Picture{}, errors.New("no ink")
	}
	out, err := h.deliver(m)
	if err == nil || !strings.Contains(err.Error(), "no ink") || out != (Delivered{}) {
		t.Errorf("delivered %+v, %v", out, err)
	}
	if e, err := h.Store.LatestEdition(t.Context(), "usage"); err != nil || e.State != EditionBuilt {
		t.Errorf("edition %+v, %v", e, err)
	}
}

// charted has a report with a chart for a group of people.
func charted(group string) files {
	f := timed()
	return f.with(files{
		"daybook.yaml":       f["daybook.yaml"][:strings.Index(f["daybook.yaml"], "groups:")] + "groups:\n  staff: " + group + "\n",
		"reports/usage.yaml": f["reports/usage.yaml"] + "  - {kind: bar, name: bars, title: By item, mart: items, label: item, value: orders}\n",
	})
}

func TestAChartIsAPictureOfTheMail(t *testing.T) {
	bundle := built(t, "still.js")
	tokens := map[string]string{}
	sheet := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(built(t, "tokens.css")), "")
	_, light, _ := strings.Cut(sheet, ":root")
	light, _, _ = strings.Cut(light, "}")
	for _, m := range regexp.MustCompile(`(--[a-z0-9-]+)\s*:\s*([^;{}]+)`).FindAllStringSubmatch(light, -1) {
		tokens[m[1]] = strings.TrimSpace(m[2])
	}
	draw, err := still.New(bundle, still.Fonts{Regular: built(t, "Pretendard-Regular.otf"), Bold: built(t, "Pretendard-SemiBold.otf")}, tokens)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, charted(three))
	h.run(store.StateDone, Request{})
	box := mail.Outbox{Dir: filepath.Join(h.dir, "outbox")}
	m := h.mailer(box)
	m.Draw = draw.PNG
	if _, err := h.deliver(m); err != nil {
		t.Fatal(err)
	}
	for to, letter := range h.letters(box) {
		if len(letter.Images) != 1 || !strings.Contains(letter.HTML, "cid:"+letter.Images[0].CID) || !strings.HasPrefix(string(letter.Images[0].Bytes), "\x89PNG") {
			t.Errorf("the letter to %s has %d pictures", to, len(letter.Images))
		}
	}
}

// built is a file that the bundle makes.
func built(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "static", "dist", name))
	if err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatal("static/dist is not built: ", err)
		}
		t.Skip("static/dist is not built: ", err)
	}
	return b
}

func TestALetterIsInTheReportsFirstLanguageForThoseWithoutOneOfTheirs(t *testing.T) {
	h := mailed(t, "[{address: ada@example.com}, {address: bora@example.com, locale: ko}]")
	m := h.mailer(mail.Outbox{Dir: filepath.Join(h.dir, "outbox")})
	e := store.Edition{Locales: h.Graph.nodes["usage"].Report.Locales}
	got := []text.Locale{m.locale(e, ""), m.locale(e, "ko"), m.locale(e, "fr")}
	if !slices.Equal(got, []text.Locale{text.English, text.Korean, text.English}) {
		t.Errorf("locales %v", got)
	}
}
