package templates

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// wave is n values with a weekly dip, the last one being the highest.
func wave(n int, base, swing float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = base + swing*math.Sin(float64(i)*0.9)
		if i%7 > 4 {
			out[i] -= 2 * swing
		}
	}
	out[n-1] = base + swing*1.2
	return out
}

func (s sample) report() ReportView {
	r := ReportView{
		Page:    s.page(s.say("Daily app usage", "일일 앱 사용 결과")+" (2023-05-22)", "/reports/daily/2023-05-22", "reports"),
		Eyebrow: s.say("Daily report · Monday 22 May", "일간 보고 · 5월 22일 월요일"), Name: s.say("Daily app usage", "일일 앱 사용 결과"), Of: "(2023-05-22)",
		Days: DayLinks{Prev: &Link{s.say("21 May", "5월 21일"), "/reports/daily/2023-05-21"}, NextLabel: s.say("23 May", "5월 23일")},
		Fresh: FactLine{
			Facts: []Fact{{Strong: s.l.T("report.asof", "06:12")}, {After: s.l.T("report.edition", 2)}, {Label: &Label{s.l.T("day.corrected"), "accent", "corrected"}}, {After: s.say("1,684 more requests than edition 1", "1판보다 요청 1,684건 늘었습니다"), Quiet: true}, {After: s.l.T("report.made"), Href: "/runs/412"}},
		},
		Reports:   []RangeLink{{s.say("daily", "일간"), "/reports/daily/2023-05-22", true}, {s.say("weekly", "주간"), "/reports/weekly/2023-05-21", false}},
		Month:     s.month(),
		Editions:  []EditionLink{{Label: s.l.T("report.edition", 2), Detail: "06:14", Current: true}, {Label: s.l.T("report.edition", 1), Detail: "05:41", Href: "/reports/daily/2023-05-22/1", Changes: &Link{s.l.T("report.changes"), "/reports/daily/2023-05-22/1/changes"}}},
		KPIs:      s.kpis(),
		Sections:  s.sections(),
		Downloads: []Download{{s.l.T("report.file"), s.say("opens without a server", "서버 없이 열림"), "/reports/daily/2023-05-22/2.html"}, {"JSON", "API", "/api/v1/reports/daily/2023-05-22"}},
		Foot:      FactLine{Facts: []Fact{{After: s.l.T("report.edition", 2) + ", 2023-05-23 06:14 KST"}, {Before: s.l.T("report.fingerprint"), Strong: "9f3c 61ad", Mono: true}, {After: s.l.T("report.permalink"), Href: "/reports/daily/2023-05-22/2"}}},
	}
	r.Charts = true
	return r
}

func (s sample) partial() ReportView {
	r := s.report()
	r.Fresh.Statuses = []Status{{Kind: Partial}}
	r.Fresh.Facts = []Fact{{Strong: s.l.T("report.until", "15:58")}, {After: s.l.T("report.edition", 1)}}
	r.Banner = &Notice{Kind: Partial, Title: s.l.T("report.partial"), Text: s.say("Two sources had not come by the deadline, 09:00: searches until 15:58, user_choices not at all. Edition 2 follows when they do.", "기한인 09:00까지 원천 2개가 다 오지 않아 받은 만큼으로 냈습니다. searches는 15:58까지, user_choices는 없음. 도착하면 2판을 만듭니다."), Link: &Link{s.l.T("runs.open"), "/runs/409"}}
	r.KPIs[0].Spark.Hollow = true
	r.KPIs[2] = KPIView{Name: r.KPIs[2].Name, Value: "—", None: true, Compare: []Comparison{{s.say("last known", "마지막으로 안 값"), "6.49", ""}}, Why: []string{s.say("user_choices has not come yet.", "user_choices를 아직 받지 못했습니다.")}}
	return r
}

func (s sample) noReport() ReportView {
	r := s.report()
	r.KPIs, r.Sections, r.Editions, r.Charts = nil, nil, nil, false
	r.Nothing = &NoEdition{Status: Status{Kind: Missing}, Title: s.l.T("report.nothing"), Text: s.l.T("report.notbuilt"), Actions: []Action{{Label: s.l.T("report.build", "2023-05-22"), Tone: "primary", URL: "/runs", Fields: []Field{{"day", "2023-05-22"}}}}}
	return r
}

func (s sample) month() *Month {
	m := &Month{Title: s.say("May 2023", "2023년 5월"), Prev: &Link{s.say("April", "4월"), "/reports/daily/2023-04-30"}}
	for _, w := range [][2]string{{"M", "월"}, {"T", "화"}, {"W", "수"}, {"T", "목"}, {"F", "금"}, {"S", "토"}, {"S", "일"}} {
		m.Weekdays = append(m.Weekdays, s.say(w[0], w[1]))
	}
	kinds := map[int]string{9: "corrected", 13: "missing", 17: "partial", 22: "corrected"}
	for week := range 5 {
		var days []MonthDay
		for d := week*7 + 1; d <= week*7+7; d++ {
			day := MonthDay{Number: strconv.Itoa(d)}
			if d > 31 {
				day.Number = ""
			}
			if d <= 22 {
				day.Kind = "final"
				if k := kinds[d]; k != "" {
					day.Kind = k
				}
				day.Href, day.Current = fmt.Sprintf("/reports/daily/2023-05-%02d", d), d == 22
				day.Label = fmt.Sprintf("2023-05-%02d, %s", d, s.l.T("day."+day.Kind))
			}
			days = append(days, day)
		}
		m.Weeks = append(m.Weeks, days)
	}
	return m
}

func (s sample) kpis() []KPIView {
	before, week := s.say("than the day before", "어제보다"), s.say("than Monday last week", "지난주 월요일보다")
	line := func(what string, base, swing float64) *Spark {
		return &Spark{Label: s.say("last 28 days", "최근 28일") + " " + what, Points: wave(28, base, swing), Low: base - swing, High: base + swing}
	}
	requests, failures := s.say("Requests", "사용자 요청 건수"), s.say("Searches that found nothing", "도서 검색 실패율")
	chosen, users := s.say("Books chosen on average", "평균 도서 선택 권수"), s.say("People who chose books", "책을 고른 이용자")
	return []KPIView{
		{Name: requests, Value: "100,096", Unit: s.say("", "건"), Href: "/runs/412", Compare: []Comparison{{before, "22.4%", "up"}, {week, "4.1%", "up"}}, Spark: line(requests, 90000, 6000)},
		{Name: failures, Value: "25.0", Unit: "%", Label: &Label{s.l.T("report.unusual"), "warn", "unusual"}, Compare: []Comparison{{before, "2.1%p", "up"}, {week, "2.4%p", "up"}}, Why: []string{s.say("The last 8 Mondays were 21.8–23.4%.", "최근 8주 월요일은 21.8–23.4%였습니다.")}, Spark: line(failures, 22, 1)},
		{Name: chosen, Value: "6.46", Unit: s.say("", "권"), Compare: []Comparison{{before, "0.03", "down"}, {week, "0.12", "up"}}, Spark: line(chosen, 6.4, .1)},
		{Name: users, Value: "987", Unit: s.say("", "명"), Compare: []Comparison{{before, "3.2%", "up"}, {week, "0.6%", "flat"}}, Spark: line(users, 950, 30)},
	}
}

func (s sample) sections() []Section {
	hours := map[string]any{
		"grid":  map[string]any{"left": 0, "right": 8, "top": 24, "bottom": 24},
		"xAxis": map[string]any{"type": "category", "data": []string{"0", "6", "12", "18", "23"}},
		"yAxis": map[string]any{"type": "value"},
		"series": []any{
			map[string]any{"type": "line", "data": []int{1600, 1000, 5400, 5000, 4100}, "color": "--accent"},
		},
	}
	hourTable := Table{Caption: s.say("Requests by hour", "시간대별 요청"), Still: true, Columns: []Column{{Label: s.say("Hour", "시")}, {Label: s.say("Requests", "건수"), Number: true}},
		Rows: []Row{{Cells: []TableCell{{Head: true, Text: "0"}, {Text: "1,600"}}}, {Cells: []TableCell{{Head: true, Text: "13"}, {Text: "8,308"}}}}}
	return []Section{
		{ID: "hours", Title: s.say("Requests peaked at 13:00", "점심 뒤 13시에 요청이 몰렸습니다"), Short: s.say("Requests by hour", "시간대별 요청"), Subtitle: s.say("Requests by hour, 22 May and 15 May", "시간대별 요청 건수, 5월 22일과 5월 15일"),
			Chart: &ChartView{ID: "c-hours", Label: s.say("Requests by hour; 13:00 has most, 8,308", "시간대별 요청 건수. 13시 8,308건으로 가장 많음"), Option: mustJSON(hours), Source: s.l.T("report.source", "hourly_usage"), Table: &hourTable}, Downloads: s.downloads("/hours")[:1]},
		{ID: "ranks", Title: s.say("Ranks and failures", "순위와 실패"), Subtitle: s.say("75,033 searches found books, 25,063 did not", "성공한 검색 75,033건, 결과가 없던 검색 25,063건"), Ranks: []RankView{s.rank("kw", s.say("Keywords", "유저 검색 키워드")), s.rank("fl", s.say("Failed keywords", "검색 실패 키워드"))}},
		{ID: "heat", Half: true, Title: s.say("Weekday and hour", "요일과 시간"), Subtitle: s.say("requests in an hour, last 7 days", "한 시간 요청 건수, 최근 7일"), Chart: &ChartView{ID: "c-heat", Label: "heat", Size: "small", Option: mustJSON(hours)}},
		{ID: "words", Half: true, Title: s.say("What to know", "알아 둘 것"), Text: []string{s.say("Keywords repeated inside one search count once.", "한 요청 안에서 되풀이된 검색어는 한 번만 셉니다.")}},
		{ID: "libraries", Title: s.say("Libraries", "도서관"), Table: &Table{Caption: s.say("Libraries", "도서관"), Columns: []Column{{Label: s.say("Library", "도서관")}, {Label: s.say("Requests", "건수"), Number: true, Sorted: "descending"}}, Rows: []Row{{Cells: []TableCell{{Head: true, Text: "구로도서관", Lang: "ko"}, {Text: "9,875"}}}}, Downloads: s.downloads("/libraries")[:1]}},
	}
}

func (s sample) rank(id, title string) RankView {
	words := []string{"텐서플로우", "사이킷런", "파이썬", "엑셀", "데이터베이스"}
	counts := []int{3149, 2138, 2107, 2091, 2064}
	t := Table{ID: "table-" + id, Caption: title, Downloads: s.downloads("/" + id), Foot: s.say("5 of 100", "100개 가운데 5개"), More: &Link{s.say("Show all", "모두 보기"), "/data/top_keywords?day=2023-05-22"},
		Columns: []Column{{Label: s.l.T("column.rank")}, {Label: s.say("Keyword", "검색어")}, {Label: s.say("Searches", "건수"), Number: true, Sorted: "descending"}, {Label: s.l.T("column.share"), Number: true, Optional: true}, {Label: s.say("Week before", "지난주 대비"), Number: true}}}
	for i, w := range words {
		t.Rows = append(t.Rows, Row{Cells: []TableCell{{Text: strconv.Itoa(i + 1), Rank: true}, {Head: true, Text: w, Lang: "ko"}, {Text: s.l.Count(int64(counts[i]))}, {Text: "2.8%"}, {Text: "4.3%", Sort: "4.31", Change: "up"}}})
	}
	option := map[string]any{
		"grid":   map[string]any{"left": 90, "right": 50, "top": 24, "bottom": 4},
		"xAxis":  map[string]any{"type": "value"},
		"yAxis":  map[string]any{"type": "category", "inverse": true, "data": words},
		"series": []any{map[string]any{"type": "bar", "barWidth": 16, "data": counts, "color": "--accent"}},
	}
	return RankView{ID: id, Tab: title, Count: "100", Title: title, Subtitle: s.say("bars: searches", "막대 건수"), Chart: ChartView{ID: "c-" + id, Label: title + ": 텐서플로우 3,149", Size: "rows-5", Option: mustJSON(option)}, Table: t}
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
