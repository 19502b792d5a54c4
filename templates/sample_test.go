package templates

import (
	"daybook/internal/text"
)

// sample holds the pages of one locale, filled with what a project of a library would show.
type sample struct{ l text.Locale }

// say picks the words of the sample's locale.
func (s sample) say(en, ko string) string {
	if s.l == text.Korean {
		return ko
	}
	return en
}

func (s sample) page(title, path, section string) Page {
	return Page{
		Locale: s.l, Title: title, Path: path, Section: section, Project: "library", CSRF: "token-1",
		User: &User{Name: "admin", Address: "admin@example.org", Role: s.say("admin", "관리자")},
		Now:  s.say("Tue 23 May, 06:13 KST", "5월 23일 화요일 06:13 KST"), Zone: "Asia/Seoul",
		Static: func(name string) string { return "/static/" + name },
	}
}

func (s sample) stranger(title, path string) Page {
	p := s.page(title, path, "")
	p.User = nil
	return p
}

func (s sample) rerun(node, day string) Action {
	return Action{
		Label: s.l.T("rerun.ask"), URL: "/runs", Fields: []Field{{"node", node}, {"day", day}},
		Ask: &Question{
			Title: s.l.T("rerun.title", node), Text: s.say("2 tasks, about 12s. Nobody is mailed.", "작업 2개, 약 12초. 메일은 보내지 않습니다."),
			Lines: []string{node, "daily"},
			Inputs: []Input{
				{Name: "scope", Label: s.l.T("column.node"), Kind: "select", Options: []Option{{s.l.T("rerun.node"), "node", true}, {s.l.T("rerun.downstream"), "downstream", false}}},
				{Name: "force", Label: s.l.T("rerun.force"), Kind: "checkbox", Value: "1"},
				{Name: "reason", Label: s.l.T("rerun.reason"), Hint: s.l.T("rerun.reasonhint")},
			},
			Confirm: s.l.T("rerun.node"),
		},
	}
}

func (s sample) cancel() Action {
	return Action{Label: s.l.T("cancel.ask"), Tone: "danger", URL: "/runs/412/cancel", Ask: &Question{Title: s.l.T("cancel.title", "412"), Text: s.l.T("cancel.text"), Confirm: s.l.T("cancel.confirm")}}
}

func (s sample) downloads(path string) []Download {
	return []Download{{"CSV", s.say("all rows, UTF-8", "전체 행, UTF-8"), path + ".csv"}, {"JSON", "API", path + ".json"}}
}

func (s sample) signIn() SignInView {
	return SignInView{Page: s.stranger(s.l.T("signin.title"), "/signin"), Next: "/runs", Address: "admin@example.org", Error: s.l.T("signin.wrong"), Help: s.l.T("signin.help")}
}

func (s sample) setup() SetupView {
	return SetupView{Page: s.stranger(s.l.T("setup.title"), "/setup"), Token: "one-time", Inputs: []Input{
		{Name: "address", Label: s.l.T("setup.address"), Kind: "email", Required: true, Autofocus: true, Autocomplete: "username"},
		{Name: "name", Label: s.l.T("setup.name"), Autocomplete: "name"},
		{Name: "password", Label: s.l.T("setup.password"), Kind: "password", Required: true, Hint: s.l.T("web.setup.passwordhint", 10), Autocomplete: "new-password"},
	}}
}

func (s sample) fault() ErrorView {
	return ErrorView{
		Page: s.page(s.l.T("error.title"), "/runs/398", "runs"), Crumbs: []Link{{s.l.T("runs.title"), "/runs"}, {"398", "/runs/398"}, {"top_books", ""}},
		Heading: s.say("The report for 2023-05-03 is held", "2023-05-03 보고서가 보류되었습니다"),
		Facts:   FactLine{Statuses: []Status{{Kind: Failed}}, Facts: []Fact{{After: "06:09:12"}, {Before: s.l.T("column.owner"), Strong: "data"}}},
		Where:   "marts/top_books.sql:14:6", Message: s.say("check failed: isbn13 is not unique", "점검 실패: isbn13이 하나뿐이 아닙니다"),
		Hint:      s.say("500 rows for 100 books. The join with book_info gives 5 rows for one isbn13.", "책 100권에 500행. book_info와 이으면 isbn13 하나에 5행이 나옵니다."),
		Code:      []CodeLine{{"13", "LEFT JOIN book_info b", "", false}, {"14", "  ON b.isbn13 = s.isbn13", "5 rows for 9791158083397", true}, {"15", "WHERE s.day = $day", "", false}},
		Steps:     []Step{{Title: s.say("Make book_info unique", "book_info를 하나뿐이게 하기"), Text: s.say("Add key: isbn13 to sources/book_info.yaml; the newest row of a key is kept.", "sources/book_info.yaml에 key: isbn13을 더하면 키마다 가장 새로운 행이 남습니다.")}, {Title: s.say("Rerun top_books and what follows", "top_books와 뒤따르는 것을 다시 실행"), Text: s.say("5 tasks, about 12s.", "작업 5개, 약 12초.")}},
		Actions:   []Action{{Label: s.l.T("rerun.downstream"), Tone: "primary", URL: "/runs", Fields: []Field{{"node", "top_books"}}}, {Label: s.l.T("runs.open"), Href: "/runs/398"}},
		FaultCode: "check_failed", Request: "01H1-8QK", Note: s.say("Nobody has been mailed.", "메일은 아무에게도 보내지 않았습니다."),
	}
}

func (s sample) empty() EmptyView {
	return EmptyView{
		Page: s.page(s.l.T("empty.title"), "/", "reports"), Heading: s.l.T("empty.title"), Lede: s.l.T("empty.lede"),
		Steps: []Step{
			{s.l.T("empty.read"), s.say("4 sources, 6 tables, 7 marts, 1 report", "원천 4, 테이블 6, 마트 7, 보고서 1"), &Status{UpToDate, s.l.T("empty.done")}},
			{s.l.T("empty.build"), s.say("Yesterday takes about 11 minutes.", "어제 하루는 약 11분 걸립니다."), &Status{Queued, s.l.T("empty.next")}},
			{s.l.T("empty.people"), s.say("Group all-staff is empty", "all-staff 묶음이 비어 있습니다"), &Status{Waiting, s.l.T("empty.later")}},
		},
		Actions: []Action{{Label: s.l.T("report.build", "2023-05-22"), Tone: "primary", URL: "/runs", Fields: []Field{{"day", "2023-05-22"}}}, {Label: s.l.T("empty.choose"), Href: "/backfills"}},
	}
}

func (s sample) outbox() OutboxView {
	return OutboxView{
		Page: s.page(s.l.T("outbox.title"), "/outbox", "outbox"), Lede: s.l.T("outbox.lede"),
		Facts: FactLine{Facts: []Fact{{Strong: "3", After: s.say("messages", "통")}}},
		Messages: Table{ID: "messages", Caption: s.l.T("outbox.messages"), Downloads: s.downloads("/outbox"),
			Columns: []Column{{Label: s.l.T("column.subject")}, {Label: s.l.T("column.person")}, {Label: s.l.T("column.day"), Optional: true}, {Label: s.l.T("column.written"), Number: true, Sorted: "descending"}, {Label: s.l.T("column.size"), Number: true, Optional: true}},
			Rows: []Row{
				{Cells: []TableCell{{Head: true, Text: "2023-05-22 앱 이용 현황: 요청 100,096건", Href: "/outbox/1", Lang: "ko"}, {Text: "person-1@example.org"}, {Text: "2023-05-22"}, {Text: "07:00:02", Sort: "1"}, {Text: "212.4 kB", Sort: "212400"}}},
				{Cells: []TableCell{{Head: true, Text: "2023-05-22 app usage: 100,096 requests", Href: "/outbox/2", Lang: "en"}, {Text: "person-2@example.org"}, {Text: "2023-05-22"}, {Text: "07:00:01", Sort: "0"}, {Text: "209.8 kB", Sort: "209800"}}},
			}},
	}
}

func (s sample) message() MessageView {
	return MessageView{
		Page: s.page("2023-05-22 앱 이용 현황", "/outbox/1", "outbox"), Crumbs: []Link{{s.l.T("outbox.title"), "/outbox"}, {"person-1@example.org", ""}}, Subject: "2023-05-22 앱 이용 현황: 요청 100,096건",
		Facts:      FactLine{Facts: []Fact{{Before: s.l.T("column.person"), Strong: "person-1@example.org"}, {Before: s.l.T("column.written"), Strong: "07:00:02"}}},
		Headers:    []Pair{{"From", "Daybook <daybook@example.org>"}, {"To", "person-1@example.org"}, {"Message-ID", "<1@example.org>"}},
		HTMLSource: "/outbox/1/html", Text: "2023-05-22 앱 이용 현황\n\n사용자 요청 건수  100,096건\n도서 검색 실패율  25.0%\n",
		Attachments: []Download{{"hours.png", "48.1 kB", "/outbox/1/parts/1"}}, Downloads: []Download{{s.l.T("message.raw"), "", "/outbox/1.eml"}},
	}
}
