package templates

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"daybook/internal/text"

	"golang.org/x/net/html"
)

// each calls visit for every element of the page.
func each(t *testing.T, page []byte, visit func(n *html.Node, attr map[string]string)) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		visit(n, attr)
	}
}

func TestNoPageNeedsInlineScriptOrStyle(t *testing.T) {
	for _, l := range text.Locales() {
		for name, page := range pages(l) {
			each(t, render(t, page), func(n *html.Node, attr map[string]string) {
				for key := range attr {
					if key == "style" || strings.HasPrefix(key, "on") {
						t.Errorf("%s: <%s> has the attribute %s", name, n.Data, key)
					}
				}
				switch n.Data {
				case "style":
					t.Errorf("%s holds a style element", name)
				case "script":
					if attr["src"] == "" && attr["type"] != "application/json" {
						t.Errorf("%s holds an inline script", name)
					}
					if attr["type"] == "application/json" && !json.Valid([]byte(n.FirstChild.Data)) {
						t.Errorf("%s: the block %s is not JSON", name, attr["id"])
					}
				case "img":
					if attr["alt"] == "" {
						t.Errorf("%s: an image has no alt", name)
					}
				}
				for _, key := range []string{"src", "href", "action"} {
					if strings.Contains(attr[key], "//") || strings.HasPrefix(attr[key], "about:") {
						t.Errorf("%s: <%s %s=%q> leaves the host", name, n.Data, key, attr[key])
					}
				}
			})
		}
	}
}

func TestEveryFormThatPostsCarriesTheToken(t *testing.T) {
	for name, page := range pages(text.Korean) {
		each(t, render(t, page), func(n *html.Node, attr map[string]string) {
			if n.Data != "form" || attr["method"] != "post" {
				return
			}
			for c := range n.Descendants() {
				if c.Data == "input" && has(c, "name", "csrf") && has(c, "value", "token-1") {
					return
				}
			}
			t.Errorf("%s: the form to %s has no token", name, attr["action"])
		})
	}
}

func has(n *html.Node, key, value string) bool {
	for _, a := range n.Attr {
		if a.Key == key && a.Val == value {
			return true
		}
	}
	return false
}

func TestIDsAreUniqueAndWhatIsPointedToExists(t *testing.T) {
	for _, l := range text.Locales() {
		for name, page := range pages(l) {
			ids := map[string]int{}
			var points []string
			each(t, render(t, page), func(n *html.Node, attr map[string]string) {
				if id := attr["id"]; id != "" {
					ids[id]++
				}
				for _, key := range []string{"aria-controls", "aria-labelledby", "aria-describedby", "data-chart"} {
					if attr[key] != "" {
						points = append(points, attr[key])
					}
				}
				if to, ok := strings.CutPrefix(attr["href"], "#"); ok {
					points = append(points, to)
				}
			})
			for id, n := range ids {
				if n > 1 {
					t.Errorf("%s: the id %q is there %d times", name, id, n)
				}
			}
			for _, id := range points {
				if ids[id] == 0 {
					t.Errorf("%s: %q is pointed to and not there", name, id)
				}
			}
		}
	}
}

func TestHeadingsGoDownOneStepAtATime(t *testing.T) {
	for name, page := range pages(text.English) {
		inMain, last := false, 0
		each(t, render(t, page), func(n *html.Node, attr map[string]string) {
			inMain = inMain || n.Data == "article" || n.Data == "main" && !bytes.Contains(render(t, page), []byte("<article"))
			if !inMain || len(n.Data) != 2 || n.Data[0] != 'h' || n.Data[1] < '1' || n.Data[1] > '6' {
				return
			}
			level := int(n.Data[1] - '0')
			if level > last+1 {
				t.Errorf("%s: h%d follows h%d", name, level, last)
			}
			last = level
		})
	}
}

func TestEveryLabelIsInTheTables(t *testing.T) {
	for _, l := range text.Locales() {
		for name, page := range pages(l) {
			each(t, render(t, page), func(n *html.Node, attr map[string]string) {
				words := []string{attr["aria-label"], attr["placeholder"], attr["title"]}
				if n.FirstChild != nil && n.FirstChild.Type == html.TextNode {
					words = append(words, strings.TrimSpace(n.FirstChild.Data))
				}
				for _, w := range words {
					for _, room := range []string{"shell.", "nav.", "kind.", "kinds.", "day.", "grid.", "report.", "runs.", "rerun.", "run.", "task.", "column.", "backfills.", "outbox.", "message.", "signin.", "setup.", "error.", "empty.", "state.", "deliveries.", "delivery.", "ledger.", "gate.", "strip.", "origin.", "changes.", "incidents.", "people.", "person.", "import.", "unsubscribe."} {
						if strings.HasPrefix(w, room) && !strings.ContainsAny(w, " /") {
							t.Errorf("%s in %s shows the key %q", name, l, w)
						}
					}
				}
			})
		}
	}
}

const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="x`

func TestHostileTextStaysText(t *testing.T) {
	s := sample{text.Korean}
	r := s.report()
	r.Name, r.KPIs[0].Name, r.Sections[0].Title = hostile, hostile, hostile
	r.Sections[0].Chart.Option = mustJSON(map[string]string{"name": hostile})
	r.Sections[1].Ranks[0].Table.Rows[0].Cells[1].Text = hostile
	runs := s.runs()
	runs.Grid.Groups[0].Rows[0].Cells[0].Why = hostile
	runs.Live[0].Text = hostile
	run := s.run()
	run.Task.Log[0].Text, run.Graph.Kinds[0].Nodes[0].Name = hostile, hostile
	run.Tasks.Rows[0].Cells[1].Href = "javascript:alert(1)"
	message := s.message()
	message.Subject, message.Text, message.HTMLSource = hostile, hostile, "javascript:alert(1)"
	door := s.fault()
	door.Message, door.Code[0].Text = hostile, hostile
	for name, page := range map[string][]byte{
		"report": render(t, ReportPage(r)), "runs": render(t, RunsPage(runs)), "run": render(t, RunPage(run)), "message": render(t, MessagePage(message)), "error": render(t, ErrorDoor(door)),
		"standalone": render(t, Standalone(StandaloneView{Report: r, CSS: "body{}", JS: "var a = 1"})),
	} {
		each(t, page, func(n *html.Node, attr map[string]string) {
			if n.Data == "img" || attr["onmouseover"] != "" || attr["onerror"] != "" {
				t.Errorf("%s: hostile text became <%s>", name, n.Data)
			}
			if n.Data == "script" && n.FirstChild != nil && strings.HasPrefix(n.FirstChild.Data, "alert") {
				t.Errorf("%s: hostile text became a script", name)
			}
			for _, key := range []string{"href", "src"} {
				if strings.HasPrefix(attr[key], "javascript:") {
					t.Errorf("%s: <%s> leads to a script", name, n.Data)
				}
			}
		})
	}
}

func TestTheSingleFileHoldsEverythingItNeeds(t *testing.T) {
	r := sample{text.English}.partial()
	r.Sections[4].Table.Rows[0].Cells[0].Href = "/data/libraries"
	page := render(t, Standalone(StandaloneView{Report: r, CSS: `@font-face{src:url("x.woff2")}a::after{content:"</style>"}`, JS: `var s = "</script><!--";`}))
	scripts, styles := 0, 0
	each(t, page, func(n *html.Node, attr map[string]string) {
		switch n.Data {
		case "script":
			if attr["src"] != "" {
				t.Errorf("the file asks for %s", attr["src"])
			}
			if attr["type"] == "" {
				scripts++
			}
		case "style":
			styles++
			if strings.Contains(n.FirstChild.Data, "woff2") {
				t.Error("the file asks for a font")
			}
		case "link", "form":
			t.Errorf("the file has <%s %s%s>", n.Data, attr["href"], attr["action"])
		case "a", "use":
			if !strings.HasPrefix(attr["href"], "#") {
				t.Errorf("the file leads to %s", attr["href"])
			}
		}
	})
	if scripts != 1 || styles != 1 {
		t.Errorf("%d scripts and %d sheets; the file holds one of each", scripts, styles)
	}
	if r.Sections[4].Table.Rows[0].Cells[0].Href == "" || r.KPIs[0].Href == "" {
		t.Error("the report that was given lost its links")
	}
}
