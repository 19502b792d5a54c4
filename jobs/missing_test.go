package jobs

import (
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
)

func TestMissingHoursAreNamedAsRanges(t *testing.T) {
	missing := []string{"hour 0: a", "hour 2: b", "hour 3: c", "hour 4: d", "hour 23: e", "logs/x.csv: f"}
	for l, want := range map[text.Locale]string{text.English: "hours 0, 2–4, 23, logs/x.csv", text.Korean: "0, 2–4, 23시, logs/x.csv"} {
		if got := absentWords(missing, l); got != want {
			t.Errorf("%s: %q, want %q", l, got, want)
		}
	}
}

func TestAReportSaysWhichHoursItsSourceDidNotHave(t *testing.T) {
	f := shop()
	for name := range f {
		if strings.HasPrefix(name, "data/") {
			delete(f, name)
		}
	}
	h := open(t, f)
	day := calendar.MustDay("2026-11-16")
	source := h.Project.Sources[0].Name
	name := h.Project.Reports[0].Name
	if got := h.incomplete(name, day); len(got) != 0 {
		t.Errorf("before any build: %v", got)
	}
	h.ledger.put(store.Build{Node: source, Kind: project.KindSource, Day: day, Note: "hour 5: a\nhour 6: b"})
	if got := missingWords(figures(h.incomplete(name, day)), text.English, time.UTC); got != source+": hours 5–6" {
		t.Errorf("%q", got)
	}
}

func figures(missing []report.Missing) report.Figures { return report.Figures{Missing: missing} }
