package handlers

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"daybook/internal/testenv"
)

func TestBeaconsOfAPageArriveAndThoseOfAnotherOriginDoNot(t *testing.T) {
	ctx, _ := testenv.Chromium(t)
	g := openGate(t, 1e6, 10e6)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") })
	mine, theirs := httptest.NewServer(page), httptest.NewServer(page)
	t.Cleanup(mine.Close)
	t.Cleanup(theirs.Close)
	g.origins[mine.URL] = shopKey
	address := g.url + "/collect/clicks?key=" + shopKey
	// The second one is asked about first: a page may not send JSON anywhere without a preflight. What fetch answers comes after both.
	send := func(from string) string {
		return `Promise.resolve(navigator.sendBeacon("` + address + `", JSON.stringify([{from: "` + from + `", as: "text"}]))
			&& navigator.sendBeacon("` + address + `", new Blob([JSON.stringify({from: "` + from + `", as: "json"})], {type: "application/json"})))
			.then(() => fetch("` + address + `", {method: "POST", body: JSON.stringify({from: "` + from + `", as: "fetch"})}))
			.then(r => r.status, e => 0)`
	}
	status := map[string]int{}
	for name, url := range map[string]string{"mine": mine.URL, "theirs": theirs.URL} {
		var got int
		if err := chromedp.Run(ctx, chromedp.Navigate(url), chromedp.Evaluate(send(name), &got, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })); err != nil {
			t.Fatal(err)
		}
		status[name] = got
	}
	if status["mine"] != http.StatusAccepted || status["theirs"] != 0 {
		t.Errorf("fetch was answered %v", status)
	}
	within(t, func() bool { return g.taken.Load() == 3 })
	lines := slices.Sorted(strings.Lines(g.kept()))
	want := []string{`{"from":"mine","as":"fetch"}` + "\n", `{"from":"mine","as":"json"}` + "\n", `{"from":"mine","as":"text"}` + "\n"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}
