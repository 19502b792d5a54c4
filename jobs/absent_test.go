package jobs

import (
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/project"
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
	report := h.Project.Reports[0].Name
	if got := h.absences(report, day, text.English); got != "" {
		t.Errorf("before any build: %q", got)
	}
	h.ledger.put(store.Build{Node: source, Kind: project.KindSource, Day: day, Note: "hour 5: a\nhour 6: b"})
	if got := h.absences(report, day, text.English); got != source+": hours 5–6" {
		t.Errorf("%q", got)
	}
}
