package static

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"daybook/internal/testenv"
)

const chartOption = `{"tooltip":{"trigger":"axis","valueFormatter":"fmt:number"},
	"xAxis":{"type":"category","data":[0,1,2],"axisLabel":{"formatter":"fmt:hour_ko"}},"yAxis":{},
	"series":[{"type":"bar","itemStyle":{"color":"--accent"},"data":[1,2,3]}]}`

// browser opens a page with the given body under the strict policy and collects what its console says.
func browser(t *testing.T, f *Files, body string) (ctx context.Context, console func() string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		body, kind, ok := f.Open(strings.TrimPrefix(r.URL.Path, Prefix))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html data-theme="light"><link rel="stylesheet" href="%s"><link rel="stylesheet" href="/size.css">
			<body>%s<script src="%s" defer></script>`, f.Path("app.css"), body, f.Path("charts.js"))
	})
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/size.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, `.chart { height: 200px } [hidden] { display: none }`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	ctx, complaints := testenv.Chromium(t)
	if err := chromedp.Run(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	return ctx, func() string { return strings.Join(complaints(), "\n") }
}

func box(id string) string {
	return fmt.Sprintf(`<div class="chart" data-chart="%s" id="box-%[1]s"></div><script type="application/json" id="%[1]s">%s</script>`, id, chartOption)
}

// until polls a condition in the page.
func until(t *testing.T, ctx context.Context, condition string) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Poll(condition, nil, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
}

func do(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Evaluate(script, nil)); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

func TestChartsAreDrawnUnderTheStrictPolicy(t *testing.T) {
	f := files(t)
	ctx, console := browser(t, f, box("one")+`<section id="panel" hidden>`+box("two")+`</section>`)
	until(t, ctx, `document.querySelectorAll("#box-one canvas").length === 1`)
	until(t, ctx, `[...document.fonts].some((font) => font.status === "loaded")`)
	until(t, ctx, `document.querySelectorAll("#box-two canvas").length === 0`)

	do(t, ctx, `document.getElementById("panel").hidden = false; true`)
	until(t, ctx, `document.querySelectorAll("#box-two canvas").length === 1`)

	if err := chromedp.Run(ctx, chromedp.EmulateViewport(480, 600)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `((box) => document.querySelector("#box-one canvas").clientWidth === box.clientWidth && box.clientWidth < 490)(document.getElementById("box-one"))`)

	do(t, ctx, `window.before = document.querySelector("#box-one canvas"); document.documentElement.dataset.theme = "dark"; true`)
	until(t, ctx, `document.querySelector("#box-one canvas") !== window.before`)
	if err := chromedp.Run(ctx, chromedp.MouseEvent("mouseMoved", 240, 100)); err != nil {
		t.Fatal(err)
	}
	if said := console(); said != "" {
		t.Errorf("the console says %s", said)
	}
}

func TestOneWrongChartLeavesTheOthers(t *testing.T) {
	f := files(t)
	wrong := `<div class="chart" data-chart="wrong" id="box-wrong"></div><script type="application/json" id="wrong">{"series":[{"type":"bar","color":"--nothing"}]}</script>`
	ctx, console := browser(t, f, wrong+box("right"))
	until(t, ctx, `document.querySelectorAll("#box-right canvas").length === 1`)
	until(t, ctx, `document.querySelectorAll("#box-wrong canvas").length === 0`)
	if !strings.Contains(console(), "--nothing") {
		t.Errorf("the console says %q", console())
	}
}

func TestCellsOfANarrowHeatmapHaveNoNumbers(t *testing.T) {
	var data []string
	for hour := range 24 {
		data = append(data, fmt.Sprintf("[%d,0,1234]", hour))
	}
	hours := strings.Trim(strings.Repeat("0,", 24), ",")
	option := `{"xAxis":{"type":"category","data":[` + hours + `],"axisLabel":{"show":false}},"yAxis":{"type":"category","data":[""]},
		"visualMap":{"show":false,"min":0,"max":2000,"inRange":{"color":["#eeeeee","#eeeeee"]}},
		"series":[{"type":"heatmap","label":{"show":true,"color":"#000000","fontSize":24,"formatter":"8"},"data":[` + strings.Join(data, ",") + `]}]}`
	f := files(t)
	ctx, _ := browser(t, f, `<div class="chart" data-chart="heat" id="box-heat"></div><script type="application/json" id="heat">`+option+`</script>`)
	// Only the numbers are black: axis and cells are drawn in other colours.
	black := `[...document.querySelectorAll("#box-heat canvas")].some((canvas) => {
		const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
		return all.some((v, i) => i % 4 === 0 && v < 40 && all[i + 1] < 40 && all[i + 2] < 40 && all[i + 3] > 150);
	})`
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(1400, 600)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, black+" === true")
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(390, 600)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, black+" === false")
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(1400, 600)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, black+" === true")
}
