package templates

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"daybook/internal/text"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// pages is every page, filled, by the name of its golden file.
func pages(l text.Locale) map[string]templ.Component {
	s := sample{l}
	return map[string]templ.Component{
		"report": ReportPage(s.report()), "report-partial": ReportPage(s.partial()), "report-none": ReportPage(s.noReport()),
		"runs": RunsPage(s.runs()), "run": RunPage(s.run()), "backfills": BackfillsPage(s.backfills()),
		"data": DataPage(s.data()), "node": DataPage(s.node()),
		"outbox": OutboxPage(s.outbox()), "message": MessagePage(s.message()),
		"people": PeoplePage(s.people()), "person": PersonPage(s.person()), "import": ImportPage(s.importing()),
		"unsubscribe": UnsubscribePage(s.unsubscribe()), "unsubscribed": UnsubscribePage(s.unsubscribed()),
		"signin-link": SignInPage(s.signInLink()), "link": LinkPage(s.link()), "link-sent": LinkPage(s.linkSent()),
		"deliveries": DeliveriesPage(s.deliveries()), "deliveries-person": DeliveriesPage(s.foundPerson()), "ledger": LedgerPage(s.ledger()), "report-held": ReportPage(s.held()),
		"changes": ChangesPage(s.allChanges()), "origin": OriginPage(s.origin()), "incidents": IncidentsPage(s.incidents()),
		"signin": SignInPage(s.signIn()), "setup": SetupPage(s.setup()), "error": ErrorDoor(s.fault()), "empty": EmptyPage(s.empty()),
	}
}

func render(t *testing.T, c templ.Component) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryPageIsAsItsGoldenFile(t *testing.T) {
	for _, l := range text.Locales() {
		for name, page := range pages(l) {
			got := render(t, page)
			file := filepath.Join("testdata", name+"."+string(l)+".html")
			if *update {
				save(t, file, lines(got))
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v; run the test with -update", err)
			}
			if diff := cmp.Diff(string(want), string(lines(got))); diff != "" {
				t.Errorf("%s in %s (-want +got):\n%s", name, l, diff)
			}
		}
	}
}

// lines breaks the page before every element that a reader of a diff would look for.
func lines(page []byte) []byte {
	for _, tag := range []string{"<section", "<div", "<tr", "<td", "<th", "<li", "<form", "<p", "<h1", "<h2", "<h3", "<a ", "<input", "<button", "<symbol", "<span"} {
		page = bytes.ReplaceAll(page, []byte(tag), []byte("\n"+tag))
	}
	return append(page, '\n')
}

func save(t *testing.T, file string, page []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
}
