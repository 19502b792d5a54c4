package templates

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var updateMail = flag.Bool("update-mail", false, "write the golden mails")

func koreanMail() MailView {
	changes := func(day, week string) []MailChange {
		return []MailChange{{"어제보다", day[:3], day[3:]}, {"지난주 월요일보다", week[:3], week[3:]}}
	}
	return MailView{
		Locale: "ko", Title: "일일 앱 사용 결과 (2023-05-22)", DayText: "일간 보고 · 5월 22일 월요일",
		Preheader:     "5월 22일 요청 100,096건(지난주 월요일 대비 +4.1%), 실패율 25.0%로 이례적 · 데이터 06:12 기준",
		FreshnessText: "데이터 06:12 기준", EditionText: "2판 · 정정됨",
		Banner:  "새벽에 늦게 온 기록을 넣어 1판보다 요청이 1,684건 늘었습니다. 이 메일은 고친 값입니다.",
		PageURL: "https://daybook.example.org/reports/daily/2023-05-22/2", OpenText: "보고서 열기",
		Sections: []MailSection{
			MailKPIs{
				{Label: "사용자 요청 건수", Value: "100,096", Unit: "건", Changes: changes("▲22.4%", "▲4.1%")},
				{Label: "도서 검색 실패율", Value: "25.0", Unit: "%", Changes: changes("▲2.1%p", "▲2.4%p"), Note: "◆ 이례적"},
				{Label: "평균 도서 선택 권수", Value: "6.46", Unit: "권", Changes: changes("▼0.03", "▲0.12")},
			},
			MailChart{Title: "점심 뒤 13시에 요청이 몰렸습니다", Subtitle: "시간대별 요청 건수, 5월 22일과 5월 15일", CID: "hours@daybook",
				Alt: "시간대별 요청 건수. 13시 8,308건이 가장 많고 지난주 같은 시각은 5,711건", Source: "daily_hours, 24행", Width: 550, Height: 227},
			MailTable{Title: "도서 검색 순위", Caption: "추천 목록에 오른 횟수, 상위 5",
				Columns: []MailColumn{{"순위", true}, {"도서", false}, {"지은이", false}, {"추천", true}, {"지난주 대비", true}},
				Rows: [][]string{
					{"1", "텐서플로 케라스를 이용한 딥러닝", "박유성", "1,858", "▲ 5.4%"},
					{"2", "파이썬 문제 풀이 100", "이형우", "1,839", "▲ 13.4%"},
					{"3", "CPython 파헤치기", "앤서니 쇼", "1,780", "▼ 3.5%"},
				}, Partial: true, More: "나머지는 보고서에서"},
			MailTable{Title: "검색 실패 키워드",
				Columns: []MailColumn{{"검색어", false}, {"건수", true}},
				Rows:    [][]string{{"앱", "2,583"}, {"<script>alert(1)</script>", "1,402"}, {"보안 점검 http://evil.example/a?b=1\r\nBcc: x", "1,389"}}},
			MailProse{Title: "메모", Paragraphs: []string{"13시 요청은 정독도서관 코딩 특강 안내 문자(12:50) 뒤에 몰렸습니다."}},
		},
		Links: []MailLink{
			{"이 판의 고정 주소", "https://daybook.example.org/reports/daily/2023-05-22/2"},
			{"전체 표 내려받기", "https://daybook.example.org/reports/daily/2023-05-22/2.csv"},
			{"그만 받기", "https://daybook.example.org/unsubscribe/7hK2"},
		},
		Footer: []string{"전 직원에게 보내는 보고서입니다. 숫자가 이상하면 이 메일에 답장해 주세요.", "2판, 2023-05-23 06:14 KST · 지문 9f3c 61ad"},
	}
}

func englishMail() MailView {
	return MailView{
		Locale: "en", Title: "Daily usage (2023-05-22)", DayText: "Daily report · Monday 22 May",
		Preheader: "22 May: 100,096 requests (+4.1% on last Monday) · data as of 06:12", FreshnessText: "Data as of 06:12", EditionText: "edition 1",
		PageURL: "https://daybook.example.org/reports/daily/2023-05-22/1", OpenText: "Open the report",
		Sections: []MailSection{
			MailKPIs{
				{Label: "Requests", Value: "100,096", Changes: []MailChange{{"than yesterday", "▲", "22.4%"}}},
				{Label: "Failed", Value: "25.0", Unit: "%", Changes: []MailChange{{"than yesterday", "▲", "2.1 pt"}}, Note: "◆ unusual"},
			},
			MailChart{Title: "Requests by hour", Alt: "Most requests, 8,308, came at 13:00", CID: "hours@daybook", Width: 550, Height: 227},
			MailChart{Title: "Weekdays", Alt: "No picture: 3 of 7 days have no data"},
			MailTable{Title: "Keywords", Caption: "top 2", Columns: []MailColumn{{"Keyword", false}, {"Requests", true}}, Rows: [][]string{{"tensorflow", "3,149"}, {"python", "2,107"}}},
		},
		Links:  []MailLink{{"Unsubscribe", "https://daybook.example.org/unsubscribe/7hK2"}},
		Footer: []string{"Edition 1, 2023-05-23 06:14 KST · 9f3c 61ad"},
	}
}

func mailParts(t *testing.T, v MailView) (markup, text string) {
	t.Helper()
	markup, text, err := MailParts(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	return markup, text
}

func TestMailIsTheGoldenOne(t *testing.T) {
	for name, v := range map[string]MailView{"ko": koreanMail(), "en": englishMail()} {
		markup, text := mailParts(t, v)
		for file, got := range map[string]string{"mail_" + name + ".html": markup, "mail_" + name + ".txt": text} {
			path := filepath.Join("testdata", file)
			if *updateMail {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s: %s", file, diff)
			}
		}
	}
}

// mailVisible is what a reader of the HTML gets: text outside style and title, and alternative texts.
func mailVisible(t *testing.T, markup string) string {
	t.Helper()
	var b strings.Builder
	skip := ""
	z := html.NewTokenizer(strings.NewReader(markup))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		switch token.Type {
		case html.StartTagToken, html.SelfClosingTagToken:
			if token.Data == "style" || token.Data == "title" {
				skip = token.Data
			}
			for _, a := range token.Attr {
				if a.Key == "alt" {
					b.WriteString(a.Val + "\n")
				}
			}
		case html.EndTagToken:
			if token.Data == skip {
				skip = ""
			}
		case html.TextToken:
			if skip == "" {
				b.WriteString(token.Data + "\n")
			}
		}
	}
	return b.String()
}

func TestEveryNumberOfTheHTMLIsInTheTextAndBack(t *testing.T) {
	number := regexp.MustCompile(`[0-9]+(?:[.,:][0-9]+)*`)
	address := regexp.MustCompile(`https://\S+`)
	for name, v := range map[string]MailView{"ko": koreanMail(), "en": englishMail(), "large": largeMail(16, 4, 60)} {
		markup, text := mailParts(t, v)
		counts := func(s string) map[string]bool {
			found := map[string]bool{}
			for _, n := range number.FindAllString(s, -1) {
				found[n] = true
			}
			return found
		}
		if diff := cmp.Diff(counts(mailVisible(t, markup)), counts(address.ReplaceAllString(text, ""))); diff != "" {
			t.Errorf("%s: numbers differ (HTML -, text +): %s", name, diff)
		}
		for _, a := range address.FindAllString(text, -1) {
			if !strings.Contains(markup, `href="`+a+`"`) {
				t.Errorf("%s: %s is in the text only", name, a)
			}
		}
	}
}

func TestSearchTermsOfStrangersAreHarmless(t *testing.T) {
	terms := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</td></table><a href="https://evil.example">x</a>`,
		"click https://evil.example/login now", "www.evil.example", "evil.example", "a\r\nBcc: everyone@example.com", "line\n-- \nfake footer",
		"\u202egpj.exe", "\u2066hidden\u2069", "bad \xff\xfe bytes", "nul\x00", strings.Repeat("긴", 5000), `=HYPERLINK("https://evil.example")`,
	}
	v := englishMail()
	table := MailTable{Title: "Terms", Columns: []MailColumn{{"Term", false}, {"Count", true}}}
	for _, term := range terms {
		table.Rows = append(table.Rows, []string{term, "1"})
		v.Sections = append(v.Sections, MailChart{Title: "Chart", Alt: "1 " + term})
	}
	v.Sections = append(v.Sections, table)
	calm, _ := mailParts(t, englishMail())
	markup, text := mailParts(t, v)
	for _, tag := range []string{"<script", "<img", "<a ", "onerror=alert(1)>"} {
		if got, want := strings.Count(markup, tag), strings.Count(calm, tag); got != want {
			t.Errorf("%d times %q in the HTML, want %d", got, tag, want)
		}
	}
	for _, s := range []string{markup, text} {
		for _, bad := range []string{"://evil", "evil.example", "www.evil", "\u202e", "\u2066", "\x00", "\xff", "\r", "\nBcc", "\nfake"} {
			if strings.Contains(s, bad) {
				t.Errorf("%q is in the mail", bad)
			}
		}
	}
	if !strings.Contains(text, strings.Repeat("긴", 100)+"…") || strings.Contains(text, strings.Repeat("긴", 500)) {
		t.Error("the endless term was not cut")
	}
	if got := mailTame(mailTame(terms[3], 100), 100); got != mailTame(terms[3], 100) {
		t.Errorf("taming twice changes %q", got)
	}
}

func TestLinksAreWebAddressesOnly(t *testing.T) {
	v := englishMail()
	v.PageURL, v.Links[0].URL = "javascript:alert(1)", "data:text/html,x"
	markup, _ := mailParts(t, v)
	if strings.Contains(markup, "javascript:") || strings.Contains(markup, "data:") {
		t.Error("a link that is no web address was written")
	}
}

// largeMail has tables of the given number, columns and rows, and twelve charts.
func largeMail(tables, columns, rows int) MailView {
	v := koreanMail()
	for c := range 12 {
		v.Sections = append(v.Sections, MailChart{Title: "그림", CID: fmt.Sprintf("c%d", c), Alt: strings.Repeat("요청 1,234건 ", 20), Width: 550, Height: 300})
	}
	for n := range tables {
		t := MailTable{Title: fmt.Sprintf("표 %d", n), Caption: "상위", More: "나머지는 보고서에서"}
		for c := range columns {
			t.Columns = append(t.Columns, MailColumn{fmt.Sprintf("열 %d", c), c > 0})
		}
		for r := range rows {
			row := []string{"도서관에서 찾은 검색어"}
			for c := range columns - 1 {
				row = append(row, fmt.Sprintf("%d,%03d", r, c))
			}
			t.Rows = append(t.Rows, row)
		}
		v.Sections = append(v.Sections, t)
	}
	return v
}

func TestMailNeverGrowsPastWhatIsShownWhole(t *testing.T) {
	for name, v := range map[string]MailView{"ordinary": koreanMail(), "long": largeMail(1, 4, 500), "wide": largeMail(6, 12, 50), "many": largeMail(16, 4, 60)} {
		markup, text := mailParts(t, v)
		if size := mailEncodedSize(markup); size > mailBudget {
			t.Errorf("%s: %d bytes after encoding", name, size)
		}
		dropped := strings.Count(markup, "나머지는 보고서에서")
		if said := strings.Count(text, "나머지는 보고서에서: https://"); said != dropped || (name != "ordinary" && dropped < 2) {
			t.Errorf("%s: HTML says %d times that rows are left out, the text %d times", name, dropped, said)
		}
	}
}

func TestShortenedTableKeepsItsFirstRows(t *testing.T) {
	_, text := mailParts(t, largeMail(1, 2, 500))
	if got := strings.Count(text, "도서관에서 찾은 검색어"); got != MailMaxRows {
		t.Errorf("%d rows, want %d", got, MailMaxRows)
	}
}

func TestRowsShorterThanTheHeadingLeaveCellsEmpty(t *testing.T) {
	v := MailView{Locale: "en", Title: "T", Sections: []MailSection{MailTable{Columns: []MailColumn{{"A", true}, {"B", true}}, Rows: [][]string{{"1"}, {}, {"1", "2", "3"}}}}}
	markup, text := mailParts(t, v)
	if strings.Count(markup, `<td align="right"`) != 6 || strings.Contains(text, "3") {
		t.Errorf("%s\n%s", markup, text)
	}
}

func TestMailsTextStandsAlone(t *testing.T) {
	_, text := mailParts(t, koreanMail())
	for _, want := range []string{"사용자 요청 건수: 100,096 건\n  어제보다 ▲ 22.4%\n", "도서 검색 실패율: 25.0 % ◆ 이례적\n", "보고서 열기: https://daybook.example.org/", "그만 받기: https://"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
