package handlers

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"daybook/internal/testenv"
)

var shots = flag.String("shots", "", "write screenshots of the pages into this directory")

// look takes a picture of the page when pictures are asked for.
func look(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	var picture []byte
	check(t, chromedp.Run(ctx, chromedp.FullScreenshot(&picture, 100)))
	check(t, os.WriteFile(filepath.Join(*shots, name+".png"), picture, 0o644))
}

func TestReaderSignsInSeesChartsAndReruns(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	letter := s.keep("m1", "Hello")
	p := s.add("ada@example.com", roleAdmin)
	p.Name = "Ada"
	check(t, s.Store.SavePerson(context.Background(), &p))
	ctx, complaints := testenv.Chromium(t)

	err := chromedp.Run(ctx, chromedp.Navigate(s.url+"/reports/daily/2026-11-16"), chromedp.WaitVisible(`input[name=password]`),
		chromedp.SendKeys(`input[name=address]`, "ada@example.com"), chromedp.SendKeys(`input[name=password]`, password), chromedp.Submit(`input[name=password]`),
		chromedp.WaitVisible(`article`))
	check(t, err)
	var drawn, boxes int
	until(t, "the charts are drawn", func() bool {
		err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelectorAll('.chart').length`, &boxes),
			chromedp.Evaluate(`[...document.querySelectorAll('.chart')].filter(c => c.querySelector('canvas') || c.offsetWidth === 0).length`, &drawn))
		return err == nil && boxes == 4 && drawn == boxes
	})
	var width int
	check(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector('.chart canvas').width`, &width)))
	if width < 300 {
		t.Errorf("the first chart is %d wide", width)
	}
	look(t, ctx, "report")

	err = chromedp.Run(ctx, chromedp.Click(`details.ask summary`), chromedp.WaitVisible(`dialog[open]`))
	check(t, err)
	look(t, ctx, "rerun")
	letGo := s.hold()
	err = chromedp.Run(ctx, chromedp.SetValue(`dialog select[name=scope]`, scopeDay), chromedp.SendKeys(`dialog input[name=reason]`, "to see it again"),
		chromedp.Click(`dialog button[type=submit]`), chromedp.WaitVisible(`#run-facts`))
	check(t, err)
	var facts string
	check(t, chromedp.Run(ctx, chromedp.Text(`#run-facts .st`, &facts)))
	if !strings.Contains(facts, "running") {
		t.Errorf("the run is %q", facts)
	}
	look(t, ctx, "run-live")
	letGo()
	until(t, "the page says that the run is up to date", func() bool {
		err := chromedp.Run(ctx, chromedp.Text(`#run-facts .st`, &facts))
		return err == nil && strings.Contains(facts, "up to date")
	})
	look(t, ctx, "run")
	for name, path := range map[string]string{"runs": "/runs?days=7", "task": "/runs/2?task=words", "data": "/data", "node": "/data/searches", "mart": "/data/words", "outbox": "/outbox", "letter": letter,
		"backfills": "/backfills?preview=1&from=2026-11-14&to=2026-11-16", "none": "/reports/daily/2026-11-12", "edition": "/reports/lending/2026-11-16"} {
		check(t, chromedp.Run(ctx, chromedp.Navigate(s.url+path), chromedp.WaitVisible(`main`)))
		look(t, ctx, name)
	}
	for _, c := range complaints() {
		// The mail's own page may not run the script that somebody put into it, and its frame says so.
		if !strings.Contains(c, letter+"/html") {
			t.Errorf("the browser complains: %s", c)
		}
	}
}

func TestTheSingleFileDrawsItsChartsWithoutAServer(t *testing.T) {
	s := serve(t, nil)
	s.prints()
	s.build(monday.Add(-1), monday)
	b := s.signedIn(roleViewer)
	a := b.get("/reports/daily/2026-11-16/1.html")
	file := filepath.Join(t.TempDir(), "daily.html")
	check(t, os.WriteFile(file, []byte(a.body), 0o644))
	ctx, complaints := testenv.Chromium(t)
	check(t, chromedp.Run(ctx, chromedp.Navigate("file://"+file), chromedp.WaitVisible(`article`)))
	until(t, "a chart is drawn", func() bool {
		var drawn int
		err := chromedp.Run(ctx, chromedp.Evaluate(`document.querySelectorAll('.chart canvas').length`, &drawn))
		return err == nil && drawn > 0
	})
	look(t, ctx, "file")
	if list := complaints(); len(list) > 0 {
		t.Errorf("the browser complains: %s", list)
	}
}
