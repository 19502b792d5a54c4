package report

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"daybook/internal/calendar"
	"daybook/internal/project"
)

var update = flag.Bool("update", false, "write the golden files")

// sameFigures compares days as the values they are.
var sameFigures = cmp.Options{cmpopts.EquateComparable(calendar.Day{})}

var monday = calendar.MustDay("2023-05-22")

// marts stands for a warehouse: rows by mart name, each a map by column.
type marts map[string][]map[string]any

var selects = regexp.MustCompile(`^SELECT (.+) FROM "(\w+)" WHERE "day" (?:= \$day|>= DATE '([\d-]+)' AND "day" <= \$day) ORDER BY .+$`)

// query answers the statements of this package, rows in a random order.
func (m marts) query(_ context.Context, sql string, day calendar.Day) ([]string, [][]any, error) {
	parts := selects.FindStringSubmatch(sql)
	if parts == nil {
		return nil, nil, fmt.Errorf("not a statement of a report: %s", sql)
	}
	from := day
	if parts[3] != "" {
		from = calendar.MustDay(parts[3])
	}
	var columns []string
	for c := range strings.SplitSeq(parts[1], ", ") {
		columns = append(columns, strings.Trim(c, `"`))
	}
	var rows [][]any
	for _, r := range m[parts[2]] {
		if d := r["day"].(calendar.Day); d.Before(from) || d.After(day) {
			continue
		}
		row := make([]any, len(columns))
		for i, c := range columns {
			row[i] = r[c]
		}
		rows = append(rows, row)
	}
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return columns, rows, nil
}

func both(ko, en string) project.Words { return project.Words{"ko": ko, "en": en} }

// library is a report with a section of each kind.
func library() project.Report {
	return project.Report{
		Name: "daily", File: "reports/daily.yaml", Title: both("일일 앱 사용 결과", "Daily usage"),
		Sections: []project.Section{
			{Kind: KindKPI, Name: "requests", Line: 10, Title: both("사용자 요청 건수", "Requests"), Unit: both("건", "requests"), Mart: "daily_usage",
				Value: "requests", Days: 28, Compare: []string{WithDay, WithWeek}, Headline: true},
			{Kind: KindKPI, Name: "failure_rate", Line: 16, Title: both("도서 검색 실패율", "Failed searches"), Mart: "daily_usage", Value: "failure_rate",
				Format: FormatPercent, Digits: 1, Compare: []string{WithDay, WithWeek}},
			{Kind: KindKPI, Name: "books", Line: 22, Title: both("평균 도서 선택 권수", "Books chosen"), Unit: both("권", "books"), Mart: "daily_usage", Value: "books",
				Format: FormatDecimal, Digits: 2, Days: 14, Compare: []string{WithDay}},
			{Kind: KindLine, Name: "by_hour", Line: 30, Title: both("시간대별 요청 건수", "Requests by hour"), Unit: both("건", "requests"), Mart: "hourly_usage", X: "hour",
				Value: "requests", Compare: []string{WithWeek}},
			{Kind: KindLine, Name: "by_day", Line: 36, Title: both("날짜별 결과", "Outcomes by day"), Mart: "daily_usage", X: "day", Values: []string{"requests", "failed"}, Days: 28,
				Columns: []project.SectionColumn{{Name: "requests", Title: both("요청", "Requests")}, {Name: "failed", Title: both("실패", "Failed")}}},
			{Kind: KindArea, Name: "by_library", Line: 42, Title: both("도서관별 요청", "Requests by library"), Mart: "library_hours", X: "hour", Value: "requests", Series: "library"},
			{Kind: KindBar, Name: "keywords", Line: 50, Title: both("유저 검색 키워드", "Keywords"), Unit: both("건", "requests"), Mart: "top_keywords", Label: "keyword", Value: "requests",
				Limit: 10, Tab: both("키워드", "Keywords"), Group: both("순위", "Rankings")},
			{Kind: KindPie, Name: "share", Line: 58, Title: both("키워드 비중", "Share of keywords"), Unit: both("건", "requests"), Mart: "top_keywords", Label: "keyword", Value: "requests"},
			{Kind: KindHeatmap, Name: "week", Line: 64, Title: both("요일과 시간", "Days and hours"), Unit: both("건", "requests"), Mart: "hourly_usage", X: "hour", Y: "day", Value: "requests", Days: 7},
			{Kind: KindFunnel, Name: "steps", Line: 70, Title: both("검색에서 선택까지", "From search to choice"), Unit: both("건", "requests"), Mart: "steps", Label: "step", Value: "requests"},
			{Kind: KindTable, Name: "libraries", Line: 76, Title: both("도서관", "Libraries"), Mart: "libraries", Order: "-requests", Columns: []project.SectionColumn{
				{Name: "library", Title: both("도서관", "Library"), Format: FormatText}, {Name: "requests", Title: both("요청", "Requests")},
				{Name: "failure_rate", Title: both("실패율", "Failed"), Format: FormatPercent, Digits: 2}, {Name: "opened", Title: both("개관", "Opened"), Format: FormatText}}},
			{Kind: KindText, Name: "notes", Line: 84, Title: both("적어 둔 것", "Notes"), Text: both("한 요청 안에서 되풀이된 검색어는 한 번만 셉니다.", "A keyword repeated in a request counts once.")},
		},
	}
}

// wave is a made-up but fixed number for a day and a place.
func wave(base, day, place int) int64 { return int64(base + (day*37+place*53)%97*base/200) }

// libraryMarts has 70 days of data; the day itself has no hour 3, 4 or 6, and the day before is not there at all.
func libraryMarts() marts {
	m := marts{}
	add := func(mart string, d calendar.Day, row map[string]any) {
		row["day"] = d
		m[mart] = append(m[mart], row)
	}
	keywords := []string{"텐서플로우", "사이킷런", "파이썬", "엑셀", "데이터베이스", "자바스크립트", "레이어", "윈도우", "아마존", "인공", "넘파이와 판다스로 배우는 데이터 분석", "<b>rust</b>"}
	for back := range 70 {
		d := monday.Add(-back)
		if back == 1 {
			continue
		}
		requests, failed := wave(80000, back, 0), wave(20000, back, 1)
		if back == 0 {
			requests, failed = 100096, 25063
		}
		add("daily_usage", d, map[string]any{"requests": requests, "failed": failed, "failure_rate": float64(failed) / float64(requests), "books": 6 + float64(back%10)/7})
		for hour := range 24 {
			if back == 0 && (hour == 3 || hour == 4 || hour == 6) {
				continue
			}
			add("hourly_usage", d, map[string]any{"hour": int64(hour), "requests": wave(300*min(hour+1, 26-hour), back, hour)})
			for i, name := range []string{"강남", "마포", "송파", "종로"} {
				add("library_hours", d, map[string]any{"hour": int64(hour), "library": name, "requests": wave(60*min(hour+1, 26-hour), back, i)})
			}
		}
		for i, k := range keywords {
			add("top_keywords", d, map[string]any{"keyword": k, "requests": wave(3000-200*i, back, i)})
		}
		for i, step := range []string{"검색", "결과 있음", "책 선택", "대출"} {
			add("steps", d, map[string]any{"step": step, "requests": int64(100096 / (1 + i*i))})
		}
		for i, name := range []string{"강남", "마포", "송파", "종로", "정독"} {
			add("libraries", d, map[string]any{"library": name, "requests": wave(9000, back, i/2), "failure_rate": float64(i+1) / 30, "opened": calendar.Date(1990+i, 3, 2)})
		}
	}
	return m
}

func built(t *testing.T, r project.Report, m marts) Figures {
	t.Helper()
	f, err := Build(context.Background(), r, monday, m.query)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func section(t *testing.T, f Figures, name string) Section {
	t.Helper()
	for _, s := range f.Sections {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no section %s", name)
	return Section{}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", name, diff)
	}
}
