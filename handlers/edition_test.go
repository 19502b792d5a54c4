package handlers

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"daybook/internal/store"
	"daybook/jobs"
	"daybook/templates"
)

func TestAReportIsHeldAndReleasedByAdminsWithAReason(t *testing.T) {
	s, p := mailSite(t)
	s.build(monday.Add(-1), monday)
	s.staff("ada@example.com", "bob@example.com")
	admin := s.signedIn(roleAdmin)
	page := admin.get("/reports/daily/2026-11-16")
	if !strings.Contains(page.body, "has not been mailed yet") || !strings.Contains(page.body, "Hold…") || !strings.Contains(page.body, "2 people have not got it yet") {
		t.Error("the report does not offer to hold or release it")
	}
	if older := admin.get("/reports/daily/2026-11-15"); strings.Contains(older.body, "Hold…") || !strings.Contains(older.body, "Release…") {
		t.Error("a day that was never mailed cannot be released, or says so loudly")
	}
	for _, what := range []string{"hold", "release"} {
		if a := admin.post("/reports/daily/2026-11-16/"+what, "reason", "  "); a.code != http.StatusBadRequest {
			t.Errorf("%s without a reason: %d", what, a.code)
		}
	}
	if a := admin.post("/reports/nothing/2026-11-16/hold", "reason", "x"); a.code != http.StatusNotFound {
		t.Errorf("a report that is not there: %d", a.code)
	}
	if a := admin.post("/reports/daily/2026-11-16/hold", "reason", "the count <b>looks</b> wrong"); a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	viewer := s.signedIn(roleViewer)
	page = viewer.get("/reports/daily/2026-11-16")
	if !strings.Contains(page.body, "This report is held.") || !strings.Contains(page.body, "admin@example.com") || !strings.Contains(page.body, "&lt;b&gt;looks&lt;/b&gt;") || strings.Contains(page.body, "Release…") {
		t.Error("the page does not say who held it and why, or lets a viewer release it")
	}
	if a := viewer.get("/deliveries"); !strings.Contains(a.body, "held") || !strings.Contains(a.body, "&lt;b&gt;looks") {
		t.Error("the deliveries do not say that the day is held")
	}
	if csv := viewer.get("/deliveries?report=daily&format=csv"); !strings.Contains(csv.body, "held the count <b>looks</b> wrong") {
		t.Errorf("the file does not say why it is held:\n%s", csv.body)
	}
	if got := p.to(); len(got) != 0 {
		t.Errorf("mailed to %v", got)
	}
	admin.get("/reports/daily/2026-11-16")
	a := admin.post("/reports/daily/2026-11-16/release", "reason", "looked at it")
	if a.code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", a.code, a.body)
	}
	until(t, "everybody has the report", func() bool { return len(p.to()) == 2 })
	until(t, "the edition is released", func() bool {
		e, err := s.Store.Edition(context.Background(), "daily", monday, 0)
		return err == nil && e.State == jobs.EditionReleased
	})
	if a := admin.get("/deliveries"); !strings.Contains(a.body, "1 of 1 days") {
		t.Error("the released day is not on time")
	}
	if page := admin.get("/reports/daily/2026-11-16"); strings.Contains(page.body, "This report is held.") || strings.Contains(page.body, "Release…") {
		t.Error("a released report is still held")
	}
	s.rebuilt()
	if page := admin.get("/reports/daily/2026-11-16"); !strings.Contains(page.body, "People have edition 1.") || strings.Contains(page.body, "This report has not been mailed yet") {
		t.Error("a newer edition says that nobody has the report")
	}
}

func TestADayWithoutAnEditionSaysThatItIsHeld(t *testing.T) {
	s, _ := mailSite(t)
	ctx := context.Background()
	must(s.Store.ClaimOccurrence(ctx, "release:daily", monday, s.Now(), s.Now()))(t)
	check(t, s.Store.FinishOccurrence(ctx, "release:daily", monday, store.StateHeld, "", "searches is missing at its source"))
	b := s.signedIn(roleAdmin)
	for _, path := range []string{"/reports/daily/2026-11-16", "/deliveries"} {
		if a := b.get(path); a.code != http.StatusOK || !strings.Contains(a.body, "searches is missing at its source") {
			t.Errorf("%s: %d, without the reason", path, a.code)
		}
	}
}

func TestTheRailSaysWhatKindAnEditionIs(t *testing.T) {
	all := []store.Edition{{Day: monday, Number: 2, Kind: store.EditionFull, Corrects: 1}, {Day: monday, Number: 1, Kind: store.EditionPartial}}
	for i, want := range []string{"completes edition 1", "partial"} {
		if got := editionKind(all[i], all, "en"); got != want {
			t.Errorf("edition %d: %q, want %q", all[i].Number, got, want)
		}
	}
	all[1].Kind = store.EditionFull
	if got := editionKind(all[0], all, "en"); got != "corrects edition 1" {
		t.Errorf("%q", got)
	}
	if got := editionKind(store.Edition{Kind: store.EditionFull, State: jobs.EditionUnsent}, nil, "en"); got != "not sent" {
		t.Errorf("%q", got)
	}
}

func TestIncidentsStandOpenOnesFirstAndAreCountedOnEveryPage(t *testing.T) {
	s := serve(t, nil)
	ctx := context.Background()
	b := s.signedIn(roleViewer)
	if a := b.get("/incidents"); a.code != http.StatusOK || !strings.Contains(a.body, "Nothing has gone wrong") || strings.Contains(a.body, `class="count"`) {
		t.Errorf("no incident: %d", a.code)
	}
	late := store.Incident{Key: "late:daily", Kind: "late", Subject: "daily", Day: monday, Reason: "nothing was delivered by 09:00", Opened: s.Now()}
	must(s.Store.OpenIncident(ctx, &late, []store.Alert{{Channel: "slack-1", Kind: "late", Body: "{}", State: store.AlertSent}, {Channel: "hook-2", Kind: "late", Body: "{}", State: store.AlertGivenUp, Error: "503"}}))(t)
	must(s.Store.CloseIncident(ctx, "late:daily", s.Now().Add(41*60e9), nil))(t)
	for _, key := range []string{"failed:words", "failed:gone"} {
		_, subject, _ := strings.Cut(key, ":")
		i := store.Incident{Key: key, Kind: "failed", Subject: subject, Day: monday, Reason: "the query failed", Opened: s.Now().Add(-1e9)}
		must(s.Store.OpenIncident(ctx, &i, nil))(t)
	}
	a := b.get("/incidents")
	if first, last := strings.Index(a.body, ">words<"), strings.Index(a.body, ">daily<"); first < 0 || last < first {
		t.Error("the open ones do not stand first")
	}
	for _, want := range []string{"2 open", "3 in all", "sent: slack-1", "given up: hook-2 (503)", "41m 00s", `href="/data/words"`, `href="/reports/daily/2026-11-16"`, "nobody", "the query failed"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	sealedPage(t, "/incidents", a)
	if a := b.get("/data"); !strings.Contains(a.body, `class="count">2`) {
		t.Error("the navigation does not count the open ones")
	}
	if csv := b.get("/incidents?format=csv"); strings.Count(csv.body, "\n") != 4 {
		t.Errorf("the file:\n%s", csv.body)
	}
}

func TestTheLedgerIsLive(t *testing.T) {
	s, p, list := troubled(t)
	b := s.signedIn(roleAdmin)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	page := b.get(ledgerOfMonday)
	_, events, _ := strings.Cut(page.body, `data-events="`)
	events, _, _ = strings.Cut(events, `"`)
	stream := b.listen(ctx, strings.ReplaceAll(events, "&amp;", "&"), "")
	p.forgive()
	check(t, s.Mailer.Settle(ctx, list["eve"].ID, true, "asked her", "admin@example.com"))
	hear(t, stream, "swap", templates.LedgerID, "accepted 2")
	html := hear(t, stream, "swap", templates.DeliveryID(list["eve"].ID), "accepted")
	if strings.Contains(html, "Settle…") || !strings.HasPrefix(html, "<tr") {
		t.Errorf("the row: %s", html)
	}
}
