package templates

import (
	"fmt"
	"strconv"
)

func (s sample) deliveries() DeliveriesView {
	v := DeliveriesView{Page: s.page(s.l.T("deliveries.title"), "/deliveries", "deliveries")}
	v.Incidents, v.Outbox = 1, true
	v.Reports = []ReportDeliveries{
		{ID: "report-1", Title: s.say("Daily app usage", "일일 앱 사용 결과"), Name: "daily", Strip: s.strip(), Editions: s.editions(),
			Facts: []Fact{{Strong: s.l.T("deliveries.slo", 28, 29), After: s.l.T("deliveries.sloafter", "98", "09:00")}}},
		{ID: "report-2", Title: "weekly", Editions: Table{ID: "editions-weekly", Caption: "weekly", Empty: s.l.T("deliveries.nothing", 30)}},
	}
	return v
}

// strip has every mark, late ones under the line.
func (s sample) strip() *OnTime {
	o := &OnTime{Label: s.l.T("strip.label", 30, 28, 29, "09:00"), Subtitle: s.l.T("strip.sub", 30), Deadline: "09:00", Word: s.l.T("ledger.deadline"), Lines: []OnTimeLine{{"07:00", 0}, {"08:00", 0.5}}}
	for i := range 30 {
		d := OnTimeDay{Mark: MarkOnTime, At: float64(i%5) / 50, Title: "2023-05-" + strconv.Itoa(i+1), Href: "/deliveries/daily/2023-05-01/1"}
		switch i {
		case 3:
			d.Mark, d.At = MarkLate, Late
		case 4, 11:
			d.Mark = ""
		case 10:
			d.Mark, d.At = MarkHeld, 0.7
		case 20:
			d.Mark = MarkNone
		case 24:
			d.Mark, d.At = MarkPartial, 1
		case 25:
			d.Mark = MarkUnknown
		case 29:
			d.Last, d.Tick = true, s.say("22 May", "5월 22일")
		}
		if i%7 == 0 && i < 29 {
			d.Tick = s.say(fmt.Sprintf("%d May", i+1), fmt.Sprintf("5월 %d일", i+1))
		}
		o.Days = append(o.Days, d)
	}
	for _, m := range []string{MarkOnTime, MarkHeld, MarkPartial, MarkUnknown, MarkLate, MarkNone} {
		o.Legend = append(o.Legend, OnTimeMark{m, s.l.T("strip." + m)})
	}
	return o
}

func (s sample) editions() Table {
	l := s.l
	t := Table{ID: "editions-daily", Caption: l.T("deliveries.editions", "daily"), Downloads: s.downloads("/deliveries")}
	for i, c := range []string{"column.day", "deliveries.column.edition", "column.state", "deliveries.column.planned", "deliveries.column.accepted", "deliveries.column.delivered", "deliveries.column.bounced",
		"deliveries.column.unknown", "deliveries.column.failed", "deliveries.column.first", "deliveries.column.last", "deliveries.column.deadline"} {
		t.Columns = append(t.Columns, Column{Label: l.T(c), Number: i > 2 && i < 11, Optional: i == 1 || i == 4 || i > 5})
	}
	row := func(day string, number int, st Status, note string, numbers ...string) {
		cells := []TableCell{{Head: true, Whole: true, Text: day, Href: "/deliveries/daily/" + day + "/" + strconv.Itoa(number), Small: l.T("report.edition", number)}, {Text: l.T("report.edition", number)}, {Status: &st, Text: note, Quiet: true}}
		for _, n := range numbers {
			cells = append(cells, TableCell{Text: n, Quiet: n == "0"})
		}
		ok := Status{UpToDate, l.T("strip.final")}
		t.Rows = append(t.Rows, Row{Cells: append(cells, TableCell{Status: &ok, Quiet: true, Text: l.T("deliveries.reached", "99.0", "09:00")})})
	}
	row("2023-05-22", 2, Status{UpToDate, l.T("deliveries.released")}, l.T("ledger.kind.correction", 1), "213", "212", "209", "2", "1", "0", "07:00:09", "07:01:48")
	row("2023-05-21", 1, Status{Kind: Held}, s.say("searches is missing at its source since 06:10", "searches가 06:10부터 원본에 없습니다"), "–", "–", "–", "–", "–", "–", "–", "–")
	row("2023-05-20", 1, Status{Kind: Partial}, "", "213", "213", "213", "0", "0", "0", "08:59:58", "09:00:00")
	return t
}

func (s sample) foundPerson() DeliveriesView {
	v := s.deliveries()
	v.Query, v.Reports = "person-201", nil
	bounced, delivered := Status{Failed, s.l.T("delivery.bounced")}, Status{UpToDate, s.l.T("delivery.delivered")}
	v.Found = &FoundPeople{Title: s.l.T("deliveries.person", "받는 사람 201"), Subtitle: "person-201@example.org", Person: &Link{s.l.T("deliveries.personpage"), "/people/201"}, Mails: &Table{ID: "mails", Caption: "person-201",
		Downloads: s.downloads("/deliveries"), Columns: []Column{{Label: s.l.T("column.day")}, {Label: s.l.T("deliveries.column.report")}, {Label: s.l.T("column.state")}, {Label: s.l.T("deliveries.column.happened"), Optional: true}},
		Rows: []Row{
			{Cells: []TableCell{{Text: "2023-05-22"}, {Head: true, Text: "daily", Href: "/deliveries/daily/2023-05-22/2", Small: "550 5.1.1 no such user"}, {Status: &bounced}, {Text: "550 5.1.1 no such user"}}},
			{Cells: []TableCell{{Text: "2023-05-21"}, {Head: true, Text: "daily", Href: "/deliveries/daily/2023-05-21/1"}, {Status: &delivered}, {}}},
		}}}
	return v
}

func (s sample) ledger() LedgerView {
	l := s.l
	v := LedgerView{
		Page:   s.page("daily", "/deliveries/daily/2023-05-22/2", "deliveries"),
		Crumbs: []Link{{l.T("deliveries.title"), "/deliveries"}, {"daily", ""}}, Name: s.say("Daily app usage", "일일 앱 사용 결과"), Of: l.T("ledger.of", "2023-05-22", 2),
		Actions: []Action{{Label: l.T("ledger.seemail"), Href: "/deliveries/daily/2023-05-22/2/mail/ko"},
			{Label: l.T("ledger.test"), URL: "/deliveries/daily/2023-05-22/2/test", Ask: &Question{Title: l.T("ledger.testtitle"), Text: l.T("ledger.testtext", "admin@example.org"), Confirm: l.T("ledger.testsend")}},
			{Label: l.T("ledger.resend", "2"), Tone: "primary", URL: "/deliveries/daily/2023-05-22/2/resend", Ask: &Question{Title: l.T("ledger.resendtitle", "2"), Text: l.T("ledger.resendtext"), Lines: []string{"person-205@example.org", "person-206@example.org"}, Confirm: l.T("ledger.resendsend")}}},
		Facts: FactLine{ID: LedgerFactsID, Live: true, Statuses: []Status{{UpToDate, l.T("ledger.released", "07:00:02")}}, Facts: []Fact{{Before: l.T("ledger.lastaccepted"), Strong: "07:01:48"}, {Before: l.T("ledger.deadline"), Strong: "09:00"}, {After: l.T("ledger.seereport"), Href: "/reports/daily/2023-05-22/2"}}},
		Ledger: Ledger{Equation: l.T("ledger.equation", "215", l.T("delivery.delivered")+" 209 + "+l.T("delivery.accepted")+" 1"), Label: "209", Counts: []LedgerCount{
			{Label: l.T("delivery.planned"), Value: "215", Count: 215}, {Label: l.T("ledger.acceptedby", "SES"), Value: "212", Count: 212}, {l.T("delivery.delivered"), "209", UpToDate, 209, false},
			{l.T("ledger.accepted"), "1", Waiting, 1, true}, {l.T("delivery.unknown"), "1", Unknown, 1, false}, {l.T("delivery.bounced"), "2", Failed, 2, false}, {l.T("delivery.complained"), "0", Failed, 0, false}, {l.T("delivery.failed"), "2", Failed, 2, false}}},
		Filter: LedgerFilter{Action: "/deliveries/daily/2023-05-22/2", States: []RangeLink{{l.T("ledger.all", "215"), "/deliveries/daily/2023-05-22/2", true}, {l.T("ledger.look", "5"), "/deliveries/daily/2023-05-22/2?show=look", false}, {l.T("ledger.delivered", "209"), "/deliveries/daily/2023-05-22/2?show=delivered", false}},
			Groups: []Option{{l.T("ledger.allgroups"), "", true}, {"all-staff", "all-staff", false}, {"data-team", "data-team", false}}, Downloads: []Download{{"CSV", l.T("page.csv.hint"), "/deliveries/daily/2023-05-22/2?format=csv"}}},
		People: s.recipients(),
		Picked: &Action{Label: l.T("ledger.resendpicked"), URL: "/deliveries/daily/2023-05-22/2/resend", Fields: []Field{{"picked", "1"}}, Ask: &Question{Form: ResendForm, Title: l.T("ledger.resendpickedtitle"), Text: l.T("ledger.resendtext"), Confirm: l.T("ledger.resendsend")}},
	}
	return v
}

func (s sample) recipients() Table {
	l := s.l
	t := Table{ID: "people", Caption: l.T("ledger.people"), Foot: l.T("ledger.foot", "1", "7", "215", "KST"), More: &Link{l.T("ledger.next", 50), "/deliveries/daily/2023-05-22/2?page=2"}, Columns: []Column{
		{Label: l.T("deliveries.column.pick"), Fixed: true, Hidden: true}, {Label: l.T("column.state")}, {Label: l.T("deliveries.column.person")}, {Label: l.T("deliveries.column.group"), Optional: true},
		{Label: l.T("deliveries.column.accepted"), Number: true, Optional: true}, {Label: l.T("deliveries.column.delivered"), Number: true, Optional: true}, {Label: l.T("deliveries.column.happened"), Optional: true}, {Label: l.T("deliveries.column.todo"), Fixed: true}}}
	settle := &Action{Label: l.T("ledger.settle"), Tone: "plain", URL: "/deliveries/daily/2023-05-22/2/settle", Fields: []Field{{"id", "d1"}}, Ask: &Question{Title: l.T("ledger.settletitle", "person-203@example.org"), Text: l.T("ledger.settletext"),
		Inputs: []Input{{Name: "outcome", Label: l.T("ledger.settleoutcome"), Kind: "select", Required: true, Options: []Option{{l.T("ledger.settlechoose"), "", true}, {l.T("ledger.settlearrived"), "arrived", false}, {l.T("ledger.settlenot"), "lost", false}}}, {Name: "note", Label: l.T("ledger.settlenote")}}, Confirm: l.T("ledger.settlesave")}}
	for i, r := range []struct {
		state, happened string
		kind            StateKind
		todo            TableCell
	}{
		{"unknown", l.T("delivery.mayhaveleft"), Unknown, TableCell{Action: settle}}, {"failed", "554 message refused", Failed, TableCell{Text: l.T("ledger.bounced"), Href: "/people/205"}}, {"rejected", "malware", Failed, TableCell{}},
		{"bounced", "550 5.1.1 no such user here, the address was refused by the server of example.org", Failed, TableCell{Text: l.T("ledger.bounced"), Href: "/people/201"}},
		{"delayed", "421 try again later", Retrying, TableCell{}}, {"accepted", l.T("delivery.noevent"), Waiting, TableCell{}}, {"delivered", "", UpToDate, TableCell{}},
	} {
		n := strconv.Itoa(201 + i)
		st := Status{r.kind, l.T("delivery." + r.state)}
		var pick TableCell
		if r.state == "failed" || r.state == "rejected" {
			pick.Pick = &Pick{ResendForm, "id", "d" + n, l.T("ledger.resendpick", "person-"+n)}
		}
		t.Rows = append(t.Rows, Row{ID: DeliveryID("d" + n), Cells: []TableCell{pick, {Status: &st}, {Head: true, Text: "받는 사람 " + n, Note: "person-" + n + "@example.org", Small: r.happened}, {Text: "all-staff"}, {Text: "07:00:44"}, {Text: "–"}, {Text: r.happened}, r.todo}})
	}
	return t
}

func (s sample) held() ReportView {
	r := s.report()
	r.Editions[0].Kind = s.l.T("ledger.kind.correction", 1)
	reason := []Input{{Name: "reason", Label: s.l.T("gate.reason"), Required: true}}
	r.Gate = &Gate{Kind: Held, Title: s.l.T("gate.held"), Text: s.l.T("gate.heldby", "admin@example.org", "06:20:11", s.say("the count of libraries looks wrong", "도서관 수가 이상합니다")),
		Actions: []Action{{Label: s.l.T("gate.release"), Tone: "primary", URL: "/reports/daily/2023-05-22/release", Ask: &Question{Title: s.l.T("gate.releasetitle", r.Name, "2023-05-22"), Text: s.l.T("gate.releasetext", "all-staff"), Lines: []string{s.l.T("gate.releasecount", "213")}, Inputs: reason, Confirm: s.l.T("gate.releaseconfirm")}}}}
	for i := range r.KPIs {
		r.KPIs[i].Href, r.KPIs[i].HrefLabel = "/reports/daily/2023-05-22/2/why/requests", s.l.T("origin.askone")
	}
	for i := range r.Sections {
		r.Sections[i].Why = "/reports/daily/2023-05-22/2/why/hours"
		for j := range r.Sections[i].Ranks {
			r.Sections[i].Ranks[j].Why = "/reports/daily/2023-05-22/2/why/keywords"
		}
	}
	t := s.changed()
	t.More = &Link{s.l.T("changes.all", "31"), "/reports/daily/2023-05-22/2/changes"}
	r.Changes = &ReportChanges{Subtitle: s.l.T("changes.sub", 2, 1), Table: t}
	return r
}

func (s sample) changed() Table {
	return Table{ID: "changed", Caption: s.l.T("changes.title"), Downloads: s.downloads("/reports/daily/2023-05-22/2/changes"), Columns: []Column{{Label: s.l.T("changes.column.figure")}, {Label: s.l.T("changes.column.which")},
		{Label: s.l.T("changes.column.before"), Number: true}, {Label: s.l.T("changes.column.after"), Number: true}, {Label: s.l.T("changes.column.change"), Number: true, Optional: true}},
		Rows: []Row{
			{Cells: []TableCell{{Head: true, Text: s.say("Requests", "사용자 요청 건수"), Label: &Label{Text: s.l.T("changes.headline"), Tone: "accent"}}, {}, {Text: "98,412"}, {Text: "100,096"}, {Text: "1.7%", Change: "up"}}},
			{Cells: []TableCell{{Head: true, Text: s.say("By hour", "시간대별 요청")}, {Text: "13"}, {Text: "8,102"}, {Text: "8,317"}, {Text: "2.7%", Change: "up"}}},
		}}
}

func (s sample) allChanges() ChangesView {
	return ChangesView{Page: s.page(s.l.T("changes.title"), "/reports/daily/2023-05-22/2/changes", "reports"), Crumbs: []Link{{"daily", "/reports/daily"}, {s.l.T("changes.title"), ""}}, Of: s.l.T("origin.of", "2023-05-22", 2),
		Facts: FactLine{Facts: []Fact{{Strong: "2", After: s.l.T("changes.count")}}}, Changes: s.changed()}
}

func (s sample) origin() OriginView {
	l := s.l
	hash := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	return OriginView{
		Page: s.page(l.T("origin.title"), "/reports/daily/2023-05-22/2/why/requests", "reports"), Crumbs: []Link{{"daily", "/reports/daily"}, {l.T("origin.of", "2023-05-22", 2), "/reports/daily/2023-05-22/2"}, {l.T("origin.title"), ""}},
		Name: s.say("Requests", "사용자 요청 건수"), Of: l.T("origin.of", "2023-05-22", 2), Facts: FactLine{Facts: []Fact{{Before: l.T("report.fingerprint"), Strong: "9f3c61ad", Mono: true}}},
		Banner: &Notice{Kind: Partial, Title: l.T("origin.anychanged")}, Figure: &KPIView{Name: l.T("origin.value"), Value: "100,096", Unit: s.say(" requests", "건")},
		QueryName: "daily_usage", Query: "SELECT requests FROM daily_usage WHERE day = $day", Downloads: []Download{{l.T("origin.file"), l.T("origin.filehint"), "/reports/daily/2023-05-22/2/why/requests?format=csv"}},
		Lineage: []LineageStep{{Label: l.T("kinds.source"), Links: []Link{{"searches", "#node-searches"}}}, {Label: l.T("kinds.mart"), Links: []Link{{"daily_usage", "#node-daily_usage"}}}, {Label: l.T("origin.report"), Links: []Link{{"daily", "/reports/daily/2023-05-22/2"}}, Here: true}},
		Steps: []OriginStep{
			{ID: "node-daily_usage", Node: "daily_usage", Href: "/data/daily_usage", Kind: l.T("kind.mart"), Day: "2023-05-22", File: "marts/daily_usage.sql", SQL: "SELECT day, count(*) AS requests\nFROM requests\nWHERE day = $day\nGROUP BY day",
				Facts: []Fact{{Before: l.T("origin.rows"), Strong: "1"}, {Before: l.T("origin.built"), Strong: "06:12:09"}, {Before: l.T("origin.fingerprint"), Strong: "7be204c1", Mono: true}, {After: l.T("origin.run", "412"), Href: "/runs/412"}}, Changed: l.T("origin.changed", "2", "11:02:40")},
			{ID: "node-searches", Node: "searches", Href: "/data/searches", Kind: l.T("kind.source"), Day: "2023-05-22", Facts: []Fact{{Before: l.T("origin.rowsin"), Strong: "100,098"}, {Before: l.T("origin.rows"), Strong: "100,096"}, {Before: l.T("origin.rejected"), Strong: "2"}},
				Objects: []OriginObject{{"searches-2023-05-22.ndjson", "data/searches-2023-05-22.ndjson", "38.1 MB", hash}, {"searches-2023-05-22-late.ndjson", "", "12 B", hash}}},
		},
	}
}

func (s sample) incidents() IncidentsView {
	open, over := Status{Failed, s.l.T("incidents.open")}, Status{UpToDate, s.l.T("incidents.closed")}
	t := Table{ID: "incidents", Caption: s.l.T("incidents.list"), Downloads: s.downloads("/incidents"), Columns: []Column{{Label: s.l.T("column.state")}, {Label: s.l.T("incidents.column.what")}, {Label: s.l.T("column.reason"), Optional: true}, {Label: s.l.T("incidents.column.since"), Number: true},
		{Label: s.l.T("incidents.column.howlong"), Number: true, Optional: true}, {Label: s.l.T("column.run"), Optional: true}, {Label: s.l.T("incidents.column.told"), Optional: true}},
		Rows: []Row{
			{Cells: []TableCell{{Status: &open}, {Head: true, Text: "top_books", Href: "/data/top_books", Note: s.l.T("incidents.kind.failed"), Small: "check failed: isbn13 is not unique"}, {Text: "check failed: isbn13 is not unique"}, {Text: "06:09:12"}, {Text: "1h 03m"}, {Text: "398", Href: "/runs/398"}, {Text: s.l.T("incidents.sent", "slack-1")}}},
			{Cells: []TableCell{{Status: &over}, {Head: true, Text: "daily", Href: "/reports/daily/2023-05-09", Note: s.l.T("incidents.kind.late")}, {Text: "nothing was delivered by 09:00"}, {Text: "10 May 09:00:00"}, {Text: "41m 10s"}, {Text: "–"}, {Text: s.l.T("incidents.givenup", "webhook-2 (503)")}}},
		}}
	p := s.page(s.l.T("incidents.title"), "/incidents", "incidents")
	p.Incidents = 1
	return IncidentsView{Page: p, Facts: FactLine{Statuses: []Status{{Failed, s.l.T("incidents.count", "1")}}, Facts: []Fact{{After: s.l.T("incidents.total", "2")}}}, Incidents: t}
}
