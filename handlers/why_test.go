package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/store"
	"daybook/jobs"
)

// rebuilt makes a second edition of monday: a loan more, of another branch.
func (s *site) rebuilt() {
	s.t.Helper()
	s.write("data/loans-2026-11-16.ndjson", `{"id":"l2","branch":"Guro"}`+"\n"+`{"id":"l3","branch":"Mapo"}`+"\n"+`{"id":"l4","branch":"Mapo"}`+"\n")
	s.write("data/searches-2026-11-16.ndjson", `{"id":"b1","word":"sql","hour":9}`+"\n")
	run := must(s.Runner.Run(context.Background(), jobs.Request{Day: monday, Force: jobs.ForceFetch, Cause: "cli"}))(s.t)
	if run.State != store.StateDone {
		s.t.Fatalf("run %d is %s: %s\n%s", run.Number, run.State, run.Error, s.log)
	}
}

func TestEveryNumberLeadsToTheBytesItWasMadeOf(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	raw := must(os.ReadFile(filepath.Join(s.dir, "data/searches-2026-11-16.ndjson")))(t)
	sum := sha256.Sum256(raw)
	hash := hex.EncodeToString(sum[:])
	b := s.signedIn(roleViewer)
	report := b.get("/reports/daily/2026-11-16")
	for _, section := range []string{"searches", "hours_line", "words_bar", "branches_bar", "share", "list"} {
		path := "/reports/daily/2026-11-16/1/why/" + section
		if !strings.Contains(report.body, `href="`+path+`"`) {
			t.Errorf("the report does not lead to %s", path)
		}
		if a := b.get(path); a.code != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, a.code, s.log)
		}
	}
	a := b.get("/reports/daily/2026-11-16/1/why/searches")
	for _, want := range []string{"FROM usage WHERE day = $day", "SELECT day, count(*) AS searches FROM requests", hash, `href="/runs/1`, `id="node-searches"`, `href="#node-requests"`, "rejected", ">4<"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(a.body, "node-loans") {
		t.Error("the page names a source that the number does not come from")
	}
	sealedPage(t, "why", a)
	if csv := b.get("/reports/daily/2026-11-16/1/why/searches?format=csv"); !strings.Contains(csv.body, hash) || strings.Count(csv.body, "\n") != 2 {
		t.Errorf("the file:\n%s", csv.body)
	}
	for _, path := range []string{"/reports/daily/2026-11-16/1/why/nothing", "/reports/daily/2026-11-16/7/why/searches", "/reports/daily/2026-11-16/x/why/searches", "/reports/words/2026-11-16/1/why/x"} {
		if a := b.get(path); a.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.code)
		}
	}
}

func TestTheOriginOfAnOldEditionStaysAndSaysWhatChangedSince(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	raw := must(os.ReadFile(filepath.Join(s.dir, "data/searches-2026-11-16.ndjson")))(t)
	sum := sha256.Sum256(raw)
	s.rebuilt()
	b := s.signedIn(roleViewer)
	first, second := b.get("/reports/daily/2026-11-16/1/why/searches"), b.get("/reports/daily/2026-11-16/2/why/searches")
	if !strings.Contains(first.body, hex.EncodeToString(sum[:])) || !strings.Contains(first.body, "Built again since") {
		t.Error("edition 1 lost its origin, or does not say that its builds changed")
	}
	if strings.Contains(second.body, hex.EncodeToString(sum[:])) || strings.Contains(second.body, "Built again since") {
		t.Error("edition 2 has the origin of edition 1")
	}
}

func TestAnEditionSaysFigureByFigureWhatItChanged(t *testing.T) {
	s := serve(t, nil)
	s.build(monday.Add(-1), monday)
	s.rebuilt()
	b := s.signedIn(roleViewer)
	if a := b.get("/reports/daily/2026-11-16/1"); strings.Contains(a.body, `id="changes"`) {
		t.Error("edition 1 says that it changed something")
	}
	page := b.get("/reports/daily/2026-11-16")
	_, changes, ok := strings.Cut(page.body, `id="changes"`)
	if !ok {
		t.Fatalf("the report does not say what changed")
	}
	head, rest := strings.Index(changes, "headline"), strings.Index(changes, "Mapo")
	if head < 0 || rest >= 0 && rest < head || !strings.Contains(changes, "4 searches") || !strings.Contains(changes, "1 searches") || !strings.Contains(changes, "75.0%") {
		t.Errorf("headlines are not first, or numbers are missing:\n%s", changes[:min(len(changes), 3000)])
	}
	if !strings.Contains(changes, `href="/reports/daily/2026-11-16/2/changes"`) {
		t.Error("no link to all changes")
	}
	all := b.get("/reports/daily/2026-11-16/2/changes")
	if all.code != http.StatusOK || !strings.Contains(all.body, "Mapo") || !strings.Contains(all.body, "Yongsan") {
		t.Errorf("all changes: %d", all.code)
	}
	sealedPage(t, "changes", all)
	if csv := b.get("/reports/daily/2026-11-16/2/changes?format=csv"); !strings.Contains(csv.body, "Yongsan") {
		t.Errorf("the file:\n%s", csv.body)
	}
	if a := b.get("/reports/daily/2026-11-16/1/changes"); a.code != http.StatusOK || !strings.Contains(a.body, "No figure changed") {
		t.Errorf("changes of edition 1: %d", a.code)
	}
}
