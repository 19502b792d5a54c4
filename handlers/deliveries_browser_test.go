package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"daybook/internal/store"
	"daybook/internal/testenv"
)

func TestAdminResendsAndSettlesFromTheLedgerAndFollowsIt(t *testing.T) {
	s, p, list := troubled(t)
	s.signedIn(roleAdmin) // makes the admin
	ctx, complaints := testenv.Chromium(t)
	check(t, chromedp.Run(ctx, chromedp.Navigate(s.url+"/signin?next="+ledgerOfMonday), chromedp.WaitVisible(`input[name=password]`),
		chromedp.SendKeys(`input[name=address]`, "admin@example.com"), chromedp.SendKeys(`input[name=password]`, password), chromedp.Submit(`input[name=password]`), chromedp.WaitVisible(`#ledger`)))
	look(t, ctx, "ledger")
	p.forgive()

	check(t, chromedp.Run(ctx, chromedp.Click(`#people input[type=checkbox]`), chromedp.Click(`.sec > .acts summary`), chromedp.WaitVisible(`dialog[open]`)))
	look(t, ctx, "ledger-resend")
	check(t, chromedp.Run(ctx, chromedp.Click(`dialog[open] button[type=submit]`), chromedp.WaitVisible(`.flash`)))
	until(t, "the ticked mail has left", func() bool { return len(p.to()) == 4 })

	row := "#delivery-" + list["eve"].ID
	check(t, chromedp.Run(ctx, chromedp.Click(row+` summary`), chromedp.WaitVisible(`dialog[open] select`)))
	look(t, ctx, "ledger-settle")
	check(t, chromedp.Run(ctx, chromedp.SetValue(`dialog[open] select`, outcomeArrived), chromedp.Click(`dialog[open] button[type=submit]`), chromedp.WaitNotPresent(row+` summary`)))

	check(t, chromedp.Run(ctx, chromedp.WaitVisible(`#people`)))
	d := list["ada"]
	_, _, err := s.Store.RecordMailEvent(context.Background(), store.MailEvent{Kind: store.MailDelay, MessageID: d.MessageID, Delivery: d.ID, Detail: "421 try again later", At: s.Now(), Received: s.Now()})
	check(t, err)
	until(t, "the row of ada says that her mail is delayed", func() bool {
		var words string
		err := chromedp.Run(ctx, chromedp.Text("#delivery-"+d.ID, &words))
		return err == nil && strings.Contains(words, "delayed") && strings.Contains(words, "421")
	})
	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}
}

func TestPagesOfDeliveriesFitANarrowScreen(t *testing.T) {
	s, _, _ := troubled(t)
	s.signedIn(roleAdmin)
	s.rebuilt()
	i := store.Incident{Key: "failed:words", Kind: "failed", Subject: "words", Day: monday, Reason: strings.Repeat("a long reason ", 20), Opened: s.Now()}
	must(s.Store.OpenIncident(context.Background(), &i, nil))(t)
	ctx, complaints := testenv.Chromium(t)
	check(t, chromedp.Run(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.url+"/signin"), chromedp.WaitVisible(`input[name=password]`),
		chromedp.SendKeys(`input[name=address]`, "admin@example.com"), chromedp.SendKeys(`input[name=password]`, password), chromedp.Submit(`input[name=password]`), chromedp.WaitVisible(`article`)))
	for name, path := range map[string]string{"deliveries": "/deliveries", "person": "/deliveries?person=cy@example.com", "ledger-narrow": ledgerOfMonday, "incidents": "/incidents", "held": "/reports/daily/2026-11-16",
		"why": "/reports/daily/2026-11-16/1/why/searches", "why-table": "/reports/daily/2026-11-16/1/why/words_bar", "changes": "/reports/daily/2026-11-16/2/changes", "mail": ledgerOfMonday + "/mail/ko"} {
		var wide bool
		check(t, chromedp.Run(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.url+path), chromedp.WaitVisible(`main`), chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide)))
		if wide {
			t.Errorf("%s scrolls sideways", path)
		}
		look(t, ctx, name+"-390")
		check(t, chromedp.Run(ctx, chromedp.EmulateViewport(1440, 900)))
		look(t, ctx, name+"-1440")
	}
	for _, c := range complaints() {
		t.Errorf("the browser complains: %s", c)
	}
}
