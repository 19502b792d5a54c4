package examples_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/mail"
	"daybook/internal/project"
	"daybook/internal/report"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
)

func TestDailyReportHasEverySectionInBothLanguages(t *testing.T) {
	h := library(t, 8, 200)
	h.build(jobs.Request{Day: thursday.Add(-7), Through: thursday})
	f, _, err := h.Figures(context.Background(), "daily", thursday, 0)
	if err != nil {
		t.Fatal(err)
	}
	whole := func(what string, w project.Words, needed bool) {
		t.Helper()
		if (needed || len(w) > 0) && (w["ko"] == "" || w["en"] == "") && w[""] == "" {
			t.Errorf("%s is written as %v", what, w)
		}
	}
	whole("the title", f.Title, true)
	charts := 0
	var tabs []string
	for _, s := range f.Sections {
		whole("title of "+s.Name, s.Title, true)
		for what, w := range map[string]project.Words{"subtitle": s.Subtitle, "tab": s.Tab, "group": s.Group, "text": s.Text} {
			whole(what+" of "+s.Name, w, false)
		}
		if s.Kind != report.KindText && s.Empty() {
			t.Errorf("section %s is empty", s.Name)
		}
		if s.Lines != nil || s.Marks != nil || s.Grid != nil {
			charts++
		}
		if len(s.Tab) > 0 {
			tabs = append(tabs, s.Tab.In("ko"))
		}
	}
	if charts < 6 {
		t.Errorf("the report draws %d charts", charts)
	}
	if diff := cmp.Diff([]string{"유저 검색 키워드", "도서 검색 순위", "도서관 검색 순위", "검색 실패 키워드"}, tabs); diff != "" {
		t.Errorf("tabs (-want +got)\n%s", diff)
	}
	if got := f.Title.In("ko") + " / " + f.Title.In("en"); got != "일일 앱 사용 결과 / Daily app usage" {
		t.Errorf("the title is %s", got)
	}
	if absent := f.Absent(); len(absent) > 0 {
		t.Errorf("days to compare with are absent: %v", absent)
	}
	if headline := report.Headline(f, text.Korean); headline == "" {
		t.Error("there is no headline")
	}
}

// The bars of the report and the marts behind them are one ranking.
func TestBarsStandInTheOrderOfTheRanking(t *testing.T) {
	h := library(t, 1, 300)
	h.build(jobs.Request{Day: thursday})
	f, _, err := h.Figures(context.Background(), "daily", thursday, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, sql := range map[string]string{
		"keywords":  "SELECT keyword, searches FROM keyword_ranking WHERE day = $day ORDER BY rank",
		"failures":  "SELECT keyword, searches FROM failed_keywords WHERE day = $day ORDER BY rank",
		"libraries": "SELECT library, requests FROM library_ranking WHERE day = $day ORDER BY rank",
		"books":     "SELECT title, requests FROM book_ranking WHERE day = $day ORDER BY rank",
	} {
		var bars [][]any
		for _, s := range f.Sections {
			if s.Name == name {
				for _, m := range s.Marks.Rows {
					bars = append(bars, []any{m.Label.Value, int64(*m.Value)})
				}
			}
		}
		h.holds(thursday, sql, bars)
	}
}

func TestTheDailyMailHasNoFaultThatAMailProgramWouldPunish(t *testing.T) {
	h := library(t, 8, 200)
	h.build(jobs.Request{Day: thursday.Add(-7), Through: thursday})
	_, e, err := h.Figures(context.Background(), "daily", thursday, 0)
	if err != nil {
		t.Fatal(err)
	}
	var dot bytes.Buffer // what the pictures show is internal/still's to prove
	if err := png.Encode(&dot, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	m := &jobs.Mailer{Runner: h.Runner, From: mail.Address{Address: "daybook@example.com"}, Base: "https://daybook.example.com",
		Draw: func(context.Context, []byte, int, int) (still.Picture, error) {
			return still.Picture{PNG: dot.Bytes()}, nil
		}}
	for _, l := range text.Locales() {
		message, err := m.Printed(context.Background(), e, l, store.VariantDaily)
		if err != nil {
			t.Fatal(err)
		}
		message.To, message.MessageID, message.Date, message.Unsubscribe = m.From, "1@example.com", e.Created, m.Base+"/unsubscribe/1"
		for _, finding := range mail.Lint(message) {
			t.Errorf("%s: %s: %s", l, finding.Rule, finding.Detail)
		}
		if len(message.Images) != 6 {
			t.Errorf("%s: %d pictures", l, len(message.Images))
		}
	}
}
