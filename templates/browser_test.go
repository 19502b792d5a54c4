package templates

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"daybook/internal/testenv"
	"daybook/internal/text"
)

var (
	assets = flag.String("assets", filepath.Join("..", "static", "dist"), "the built files of static")
	shots  = flag.String("shots", "", "write screenshots of every page into this directory")
)

const policy = "default-src 'self'; frame-ancestors 'self'; form-action 'self'; base-uri 'none'"

// missing skips the test for want of a part, or fails it when the tests are strict.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("DAYBOOK_TEST") == "strict" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// site serves the pages of both locales under the policy that handlers send, and a stream that stays silent.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	if _, err := os.Stat(filepath.Join(*assets, "app.js")); err != nil {
		missing(t, "static/dist is not built: run make build")
	}
	mux := http.NewServeMux()
	for _, l := range text.Locales() {
		for name, page := range pages(l) {
			body := render(t, page)
			mux.HandleFunc("/"+name+"-"+string(l), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Content-Security-Policy", policy)
				_, _ = w.Write(body)
			})
		}
	}
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir(*assets))))
	mux.HandleFunc("/outbox/1/html", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<h1>앱 이용 현황</h1><p>100,096</p>"))
	})
	mux.HandleFunc("/events", stream)
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// stream swaps a cell and the facts of a run once, appends to its log, and closes.
func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "retry: 600000\n\n")
	fmt.Fprintf(w, "event: swap\ndata: {\"id\":%q,\"html\":\"<div class='facts' id='run-facts'>swapped</div>\"}\n\n", RunFactsID)
	fmt.Fprintf(w, "event: log\ndata: {\"id\":%q,\"html\":\"<span class='ll'>one more line</span>\"}\n\n", LogID("t7"))
}

func TestPagesWorkUnderTheirPolicy(t *testing.T) {
	s := site(t)
	ctx, complaints := testenv.Chromium(t)
	for name := range pages(text.Korean) {
		var wide bool
		err := chromedp.Run(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.URL+"/"+name+"-ko"), chromedp.WaitReady("main"),
			chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range complaints() {
			if !strings.Contains(c, "/events") {
				t.Errorf("%s: %s", name, c)
			}
		}
		if wide {
			t.Errorf("%s scrolls sideways at 390", name)
		}
	}
}

func TestTabsSortingQuestionsAndStreamWork(t *testing.T) {
	s := site(t)
	ctx, _ := testenv.Chromium(t)
	check := func(page, what, expression string) {
		t.Helper()
		var ok bool
		err := chromedp.Run(ctx, emulation.SetFocusEmulationEnabled(true), chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+"/"+page), chromedp.WaitReady("main"),
			chromedp.Poll(`document.readyState === "complete"`, nil), chromedp.Evaluate(expression, &ok))
		if err != nil || !ok {
			t.Errorf("%s: %s (%v)", page, what, err)
		}
	}
	press := `(sel, key) => { const e = document.querySelector(sel); e.focus(); e.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})); }`
	check("report-ko", "an arrow opens the next tab", `(() => { (`+press+`)("#tab-kw", "ArrowRight"); return document.activeElement.id === "tab-fl" && !document.getElementById("fl").hidden && document.getElementById("kw").hidden; })()`)
	check("report-ko", "Home opens the first tab", `(() => { (`+press+`)("#tab-fl", "Home"); return !document.getElementById("kw").hidden; })()`)
	check("report-ko", "a head sorts its column, and back", `(() => {
		const b = document.querySelectorAll("#table-kw th button")[2], first = () => document.querySelector("#table-kw tbody tr td").textContent.trim();
		b.click(); const up = first() === "5" && b.closest("th").getAttribute("aria-sort") === "ascending";
		b.click(); return up && first() === "1"; })()`)
	check("report-ko", "the numbers of a chart fold away", `!document.querySelector("details.as-table").open`)
	check("report-ko", "the theme stays chosen", `(() => { document.querySelector("[data-theme-toggle]").click(); return localStorage.getItem("theme") === document.documentElement.dataset.theme; })()`)
	check("runs-en", "an arrow moves in the grid and opens the card", `(() => {
		document.querySelector("#cell-searches-2023-05-12").focus(); (`+press+`)("#cell-searches-2023-05-12", "ArrowRight");
		const card = document.querySelector("[data-card]");
		return document.activeElement.id === "cell-searches-2023-05-13" && !card.hidden && card.querySelector("[data-word]").textContent === "missing at source" && card.querySelector("input[name=day]").value === "2023-05-13"; })()`)
	check("runs-en", "days that are not scheduled are passed over", `(() => { (`+press+`)("#cell-weekly-2023-04-30", "ArrowRight"); return document.activeElement.id === "cell-weekly-2023-05-07"; })()`)
	check("run-en", "a question opens as a dialog and closes with its fields kept", `(() => {
		document.querySelector("[data-ask] summary").click(); const d = document.querySelector("dialog[open]"); const form = d && d.querySelector("form[method=post]");
		d.querySelector("[data-close]").click(); return !!form && !d.open; })()`)
	for _, want := range []string{`document.getElementById("run-facts").textContent.startsWith("swapped")`, `document.getElementById("log-t7").textContent.includes("one more line")`, `document.querySelector(".facts [role=status]").textContent.startsWith("updates paused, ")`} {
		if err := chromedp.Run(ctx, chromedp.Poll(want, nil, chromedp.WithPollingTimeout(5*time.Second))); err != nil {
			t.Errorf("the stream: %s: %v", want, err)
		}
	}
}

func TestWithoutScriptEveryPanelAndTableIsOpen(t *testing.T) {
	s := site(t)
	ctx, _ := testenv.Chromium(t)
	var ok bool
	err := chromedp.Run(ctx, chromedp.EmulateViewport(1440, 900), emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(s.URL+"/report-ko"), chromedp.WaitReady("main"),
		chromedp.Evaluate(`[...document.querySelectorAll(".panel, .as-table table, .noscript")].every((e) => e.checkVisibility()) && !document.querySelector(".tabs").checkVisibility() && !document.querySelector(".chart").checkVisibility()`, &ok))
	if err != nil || !ok {
		t.Errorf("a panel or a table is hidden (%v)", err)
	}
}

func TestScreenshots(t *testing.T) {
	if *shots == "" {
		t.Skip("no -shots directory was given")
	}
	s := site(t)
	ctx, _ := testenv.Chromium(t)
	for name := range pages(text.Korean) {
		for _, v := range []struct {
			width  int64
			theme  string
			locale string
		}{{1440, "light", "ko"}, {1440, "dark", "en"}, {390, "light", "ko"}, {390, "dark", "en"}} {
			var png []byte
			err := chromedp.Run(ctx, chromedp.EmulateViewport(v.width, 900),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
				chromedp.Navigate(s.URL+"/"+name+"-"+v.locale), chromedp.WaitReady("main"), chromedp.Evaluate(`localStorage.clear(); document.fonts.ready.then(() => true)`, nil),
				chromedp.Sleep(300*time.Millisecond), chromedp.FullScreenshot(&png, 100))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			save(t, filepath.Join(*shots, fmt.Sprintf("%s-%d-%s.png", name, v.width, v.theme)), png)
		}
	}
}
