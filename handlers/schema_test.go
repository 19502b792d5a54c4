package handlers

import (
	"net/http"
	"strings"
	"testing"

	"daybook/internal/stage"
	"daybook/internal/text"
)

func TestTheDayOnWhichASourceChangedSaysWhatChanged(t *testing.T) {
	s := serve(t, nil)
	s.write("data/searches-2026-11-15.ndjson", `{"id":"a1","word":"sql","hour":9,"old":[]}`+"\n")
	s.write("data/searches-2026-11-16.ndjson", `{"id":"b1","word":7,"hour":9,"<b>new":true}`+"\n")
	s.build(monday.Add(-1), monday)
	b := s.signedIn(roleViewer)
	page := b.get("/data/searches")
	for _, want := range []string{"Schema by day", "added: &lt;b&gt;new boolean; gone: old; other type: word text → number"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page is without %q", want)
		}
	}
	hash := stage.SchemaOf([]stage.SchemaColumn{{Name: "id", Type: "text"}, {Name: "word", Type: "text"}, {Name: "hour", Type: "number"}, {Name: "old", Type: "list"}}).Hash
	if !strings.Contains(page.body, "<code>"+hash[:12]+"</code>") || strings.Contains(page.body, hash) {
		t.Error("the day before has no short hash")
	}
	if got := strings.Count(page.body, ">changed<"); got != 1 {
		t.Errorf("%d days are marked", got)
	}
	file := b.get("/data/searches.csv?table=schema")
	if file.code != http.StatusOK || strings.Count(file.body, "\r\n") != 3 || !strings.Contains(file.body, hash[:12]) {
		t.Errorf("%d %s", file.code, file.body)
	}
	if a := b.get("/data/words.csv?table=schema"); a.code != http.StatusNotFound {
		t.Errorf("a mart's schemas: %d", a.code)
	}
}

func TestAChangeOfManyColumnsIsCut(t *testing.T) {
	var change stage.SchemaChange
	for range 25 {
		change.Added = append(change.Added, stage.SchemaColumn{Name: strings.Repeat("x", 30), Type: "text"})
	}
	if got := changeWords(change, text.English); !strings.HasSuffix(got, "… and 15 more") || len(got) > 300 {
		t.Error(got)
	}
}
