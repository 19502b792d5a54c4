package templates

import (
	"fmt"
	"strconv"
)

func (s sample) runs() RunsView {
	v := RunsView{
		Page:    s.page(s.l.T("runs.title"), "/runs?days=30", "runs"),
		Actions: []Action{{Label: s.l.T("backfills.ask"), Href: "/backfills"}, s.runNow()},
		Live:    []LiveRunView{s.live()},
		Filter: GridFilter{
			Kinds: []Option{{s.l.T("runs.allkinds"), "", true}, {s.l.T("kinds.source"), "source", false}}, States: []Option{{s.l.T("runs.allstates"), "", true}, {s.l.T("runs.notok"), "open", false}},
			Ranges: []RangeLink{{s.l.T("runs.days", 7), "/runs?days=7", false}, {s.l.T("runs.days", 30), "/runs?days=30", true}, {s.l.T("runs.days", 90), "/runs?days=90", false}}, Days: "30",
			Facts: []Fact{{Strong: "9", After: s.say("of 605 builds need a look", "/ 605 빌드를 살펴봐야 합니다")}}, Downloads: s.downloads("/runs")[:1],
		},
		Grid:   s.grid(),
		Recent: &Table{ID: "recent", Caption: s.l.T("runs.recent"), Columns: []Column{{Label: s.l.T("column.state")}, {Label: s.l.T("column.run")}, {Label: s.l.T("column.cause"), Optional: true}, {Label: s.l.T("column.took"), Number: true}}, Rows: []Row{{Cells: []TableCell{{Status: &Status{Kind: Running}}, {Head: true, Text: "412", Href: "/runs/412", Note: "2023-05-22"}, {Text: "admin"}, {Text: "10m 41s", Sort: "641"}}}, {Cells: []TableCell{{Status: &Status{Kind: UpToDate}}, {Head: true, Text: "411", Href: "/runs/411", Note: "2023-05-21"}, {Text: s.say("schedule", "일정")}, {Text: "11m 02s", Sort: "662"}}}}},
	}
	for _, n := range [][4]string{{"Today 07:00", "Deliver daily for 05-22", "오늘 07:00", "daily 05-22 보내기"}, {"Today 07:30", "Publish top_books", "오늘 07:30", "top_books 발행"}, {"Wed 05:30", "Build daily for 05-23", "수 05:30", "daily 05-23 만들기"}} {
		v.Next = append(v.Next, NextRun{s.say(n[0], n[2]), s.say(n[1], n[3]), s.say("4 sources, about 11m", "원천 4개, 약 11분")})
	}
	v.Events = "/events?page=runs"
	return v
}

func (s sample) runNow() Action {
	return Action{Label: s.l.T("runs.run"), Tone: "primary", URL: "/runs", Ask: &Question{Title: s.l.T("runs.title"), Inputs: []Input{{Name: "day", Label: s.l.T("column.day"), Kind: "date", Value: "2023-05-22", Max: "2023-05-22", Required: true}, {Name: "fetch", Label: s.l.T("rerun.fetch"), Kind: "checkbox", Value: "again"}, {Name: "reason", Label: s.l.T("rerun.reason")}}, Confirm: s.l.T("rerun.node")}}
}

func (s sample) live() LiveRunView {
	v := LiveRunView{
		Run: "412", Status: Status{Running, s.l.T("runs.named", "412")}, Text: s.say("for 2023-05-22, asked by admin at 06:03: “late records”", "2023-05-22, admin이 06:03에 요청: “늦은 기록”"),
		Facts: []Fact{{Strong: "14", After: s.say("of 22 tasks", "/ 22 작업")}, {After: "10m 41s"}}, Progress: s.l.T("runs.done", 14, 22),
		Actions: []Action{{Label: s.say("Open", "열기"), Href: "/runs/412"}, s.cancel()},
		Now:     []Status{{Running, "top_keywords 64%"}, {Retrying, "top_books, 2/3"}, {Held, s.say("mail held until 07:00", "07:00까지 메일 보류")}},
	}
	for i := range 22 {
		k := Queued
		switch {
		case i < 14:
			k = UpToDate
		case i < 16:
			k = Running
		case i < 17:
			k = Retrying
		}
		v.Tasks = append(v.Tasks, k)
	}
	return v
}

func (s sample) grid() GridView {
	g := GridView{Rerun: "/runs", Allow: true, Months: []GridMonth{{s.say("April", "4월"), 8}, {s.say("May 2023", "2023년 5월"), 22}}}
	letters := []string{"S", "M", "T", "W", "T", "F", "S"}
	hangul := []string{"일", "월", "화", "수", "목", "금", "토"}
	day := func(i int) string {
		if i < 8 {
			return fmt.Sprintf("2023-04-%02d", 23+i)
		}
		return fmt.Sprintf("2023-05-%02d", i-7)
	}
	for i := range 30 {
		n := strconv.Itoa(i - 7)
		if i < 8 {
			n = strconv.Itoa(23 + i)
		}
		g.Days = append(g.Days, GridDay{Weekday: s.say(letters[i%7], hangul[i%7]), Number: n, Day: day(i), Weekend: i%7 == 0 || i%7 == 6, Last: i == 29})
	}
	special := map[string]StateKind{"searches/20": Missing, "user_choices/24": Failed, "top_books/10": Failed, "daily/10": Held, "daily/24": Partial, "retention_weekly/5": Interrupted, "top_keywords/29": Running, "top_books/29": Retrying, "retention_weekly/29": Queued, "daily/29": Waiting, "app_db/25": Unknown, "daily_usage/20": Skipped}
	for _, k := range [][]string{{"source", "searches", "user_choices"}, {"table", "requests", "request_keywords"}, {"mart", "daily_usage", "top_keywords", "top_books", "retention_weekly"}, {"report", "daily", "weekly"}, {"publication", "app_db"}} {
		group := GridGroup{Label: s.l.T("kinds." + k[0])}
		for _, node := range k[1:] {
			row := GridRow{Node: node, Label: node, Href: "/data/" + node, Median: "4.6s"}
			for i := range 30 {
				state := special[node+"/"+strconv.Itoa(i)]
				if state == "" && (node != "weekly" || i%7 == 0) {
					state = UpToDate
				}
				c := GridCell{Node: node, Day: day(i), Status: Status{Kind: state}, Took: "4.6s", Count: "100,096", Why: s.say("Scheduled run at 05:30.", "05:30 일정 실행.")}
				if state != "" {
					c.Href = "/runs/" + strconv.Itoa(383+i) + "?task=" + node
				}
				c.Label = node + " " + day(i) + ": " + c.Status.word(s.l)
				row.Cells = append(row.Cells, c)
			}
			group.Rows = append(group.Rows, row)
		}
		g.Groups = append(g.Groups, group)
	}
	return g
}

func (s sample) run() RunView {
	v := RunView{
		Page: s.page(s.l.T("runs.named", "412"), "/runs/412", "runs"), Crumbs: []Link{{s.l.T("runs.title"), "/runs"}, {"2023-05-22", "/reports/daily/2023-05-22"}},
		Name: s.l.T("runs.named", "412"), Of: s.l.T("runs.for", "2023-05-22"), Actions: []Action{s.rerun("daily", "2023-05-22"), s.cancel()},
		Facts:    FactLine{ID: RunFactsID, Live: true, Statuses: []Status{{Kind: Running}}, Facts: []Fact{{Strong: "14", After: s.say("of 22 tasks", "/ 22 작업")}, {Strong: "10m 41s"}, {Before: s.say("asked by", "요청"), Strong: "admin", After: "06:03"}, {After: s.say("“late records”", "“늦은 기록”"), Quiet: true}}},
		GraphSub: s.say("Only what is stale is built", "낡은 것만 만듭니다"), Graph: s.graph(), TasksSub: s.say("The same graph as a table, unfinished first", "같은 그래프를 표로, 끝나지 않은 것 먼저"), Tasks: s.tasks(), Task: s.task(),
	}
	v.Events = "/events?run=412"
	return v
}

func (s sample) graph() *GraphView {
	node := func(id, detail string, k StateKind) GraphNode {
		return GraphNode{ID: id, Name: id, Detail: detail, Href: "/runs/412?task=" + id, Status: Status{Kind: k}}
	}
	running := node("top_keywords", "64% · 1.4s", Running)
	running.Progress = .64
	choices := node("user_choices", "611,958 · 11.4s", UpToDate)
	choices.Selected = true
	return &GraphView{
		Label: s.l.T("run.graph") + " 412",
		Kinds: []GraphKind{
			{s.l.T("kinds.source"), []GraphNode{node("searches", "100,096 · 9m 12s", UpToDate), choices, node("book_info", "6,006", UpToDate)}},
			{s.l.T("kinds.table"), []GraphNode{node("requests", "100,096 · 7.1s", UpToDate), node("request_keywords", "297,803 · 4.6s", UpToDate), node("request_books", "3,751,650 · 19s", UpToDate), node("choices", "611,958", UpToDate)}},
			{s.l.T("kinds.mart"), []GraphNode{running, node("failed_keywords", "", Queued), node("daily_usage", "0.6s", UpToDate), node("top_books", "2/3", Retrying), node("retention_weekly", "", Queued)}},
			{s.l.T("kinds.report"), []GraphNode{node("daily", s.say("waits for 3", "3개 대기"), Waiting)}},
			{s.l.T("kinds.publication"), []GraphNode{node("app_db", "", Waiting)}},
		},
		Edges: []GraphEdge{{"searches", "requests"}, {"searches", "request_keywords"}, {"searches", "request_books"}, {"user_choices", "choices"}, {"requests", "daily_usage"}, {"choices", "daily_usage"}, {"request_keywords", "top_keywords"}, {"request_keywords", "failed_keywords"}, {"request_books", "top_books"}, {"book_info", "top_books"}, {"choices", "retention_weekly"}, {"daily_usage", "daily"}, {"top_keywords", "daily"}, {"failed_keywords", "daily"}, {"top_books", "daily"}, {"retention_weekly", "daily"}, {"top_books", "app_db"}, {"nobody", "daily"}},
	}
}

func (s sample) tasks() Table {
	t := Table{ID: "tasks", Caption: s.l.T("run.tasks"), Downloads: s.downloads("/runs/412")[:1], Foot: s.say("3 of 22 tasks", "작업 22개 가운데 3개"),
		Columns: []Column{{Label: s.l.T("column.state")}, {Label: s.l.T("column.node")}, {Label: s.l.T("column.why"), Optional: true}, {Label: s.l.T("column.attempt"), Number: true, Optional: true}, {Label: s.l.T("column.rows"), Number: true, Optional: true}, {Label: s.l.T("column.took"), Number: true}, {Label: s.l.T("column.started"), Number: true, Optional: true}}}
	for _, r := range []struct{ state, node, kind, attempt, rows, took, started string }{{"retrying", "top_books", "mart", "2/3", "–", "4s", "06:13:20"}, {"running", "top_keywords", "mart", "1", "–", "1.4s", "06:13:39"}, {"up to date", "user_choices", "source", "2", "611,958", "11.4s", "06:12:20"}} {
		t.Rows = append(t.Rows, Row{ID: TaskID(r.node), Current: r.node == "user_choices", Cells: []TableCell{{Status: &Status{Kind: StateKind(r.state)}}, {Head: true, Text: r.node, Href: "/runs/412?task=" + r.node, Note: s.l.T("kind." + r.kind)}, {Text: s.say("its input changed", "입력이 달라짐")}, {Text: r.attempt}, {Text: r.rows}, {Text: r.took}, {Text: r.started}}})
	}
	return t
}

func (s sample) task() *TaskView {
	return &TaskView{
		ID: "t7", Kind: s.l.T("kind.source"), Name: "user_choices", Href: "/data/user_choices",
		Facts:   FactLine{Statuses: []Status{{Kind: UpToDate}}, Facts: []Fact{{Strong: "611,958", After: s.say("rows", "행")}, {After: "11.4s"}, {After: "06:12:31"}}},
		Actions: []Action{{Label: s.l.T("rerun.node"), Tone: "primary", URL: "/runs", Fields: []Field{{"node", "user_choices"}, {"day", "2023-05-22"}, {"scope", "node"}}}, {Label: s.l.T("rerun.downstream"), Count: "3", URL: "/runs", Fields: []Field{{"node", "user_choices"}, {"day", "2023-05-22"}, {"scope", "downstream"}}}},
		Why:     []string{s.say("It was fetched again and the bytes differ.", "다시 가져왔고 바이트가 다릅니다.")},
		Inputs: &Table{Caption: s.l.T("column.input"), Still: true, Columns: []Column{{Label: s.l.T("column.input")}, {Label: s.l.T("column.was")}, {Label: s.l.T("column.is")}},
			Rows: []Row{{Cells: []TableCell{{Head: true, Text: "raw"}, {Text: "41b0 77e2", Mono: true, Quiet: true}, {Text: "9f3c 61ad", Mono: true}}}}},
		Diff:     []DiffFigure{{s.l.T("column.rows"), "601,220", "611,958", ""}, {s.say("Added", "더함"), "", "+10,739", "plus"}, {s.say("Removed", "뺌"), "", "−1", "minus"}},
		Balance:  s.say("In 612,004 = out 611,958 + rejected 3 + deduplicated 43", "들어옴 612,004 = 나감 611,958 + 거절 3 + 중복 43"),
		Rejects:  &Link{s.l.T("task.rejects", "3"), "/data/user_choices#rejects"},
		Attempts: &Table{Caption: s.l.T("task.attempts"), Still: true, Columns: []Column{{Label: "#"}, {Label: s.l.T("column.state")}, {Label: s.l.T("column.took"), Number: true}}, Rows: []Row{{Cells: []TableCell{{Text: "2"}, {Status: &Status{Kind: UpToDate}}, {Text: "11.4s"}}}, {Cells: []TableCell{{Text: "1"}, {Status: &Status{Kind: Failed}}, {Text: "8.0s"}}}}},
		LogTitle: s.say("attempt 2", "시도 2"),
		Log:      []LogLine{{"06:12:20.114", "stage 4 raw objects, 38.1 MB", ""}, {"06:12:24.902", "3 rejected: isbn13 is not 13 digits", "warn"}, {"06:12:31.480", "check id is unique: passed", ""}},
	}
}

func (s sample) backfills() BackfillsView {
	plan := Table{Caption: s.l.T("backfills.plan"), Columns: []Column{{Label: s.l.T("column.node")}, {Label: s.l.T("column.kind")}, {Label: s.l.T("column.builds"), Number: true}, {Label: s.l.T("column.why")}}}
	for _, n := range []string{"top_keywords", "top_books"} {
		plan.Rows = append(plan.Rows, Row{Cells: []TableCell{{Head: true, Text: n, Href: "/data/" + n}, {Text: s.l.T("kind.mart"), Quiet: true}, {Text: "22"}, {Text: s.say("its SQL changed", "SQL이 달라짐")}}})
	}
	return BackfillsView{
		Page: s.page(s.l.T("backfills.title"), "/backfills", "runs"), URL: "/backfills",
		Form: []Input{{Name: "from", Label: s.l.T("backfills.from"), Kind: "date", Value: "2023-05-01", Required: true}, {Name: "to", Label: s.l.T("backfills.to"), Kind: "date", Value: "2023-05-22", Required: true}, {Name: "nodes", Label: s.l.T("backfills.nodes"), Hint: s.l.T("backfills.nodeshint")}, {Name: "reason", Label: s.l.T("backfills.reason")}},
		Preview: &BackfillPreview{
			Title: s.l.T("backfills.plan"), Text: "2023-05-01 – 2023-05-22", Facts: []Fact{{Strong: "44", After: s.say("builds, about 6m", "빌드, 약 6분")}}, Table: plan, Warnings: []string{s.say("2 editions would change; nobody is mailed.", "판 2개가 달라집니다. 메일은 보내지 않습니다.")},
			Start: &Action{Label: s.l.T("backfills.start"), Tone: "primary", URL: "/backfills", Fields: []Field{{"from", "2023-05-01"}, {"to", "2023-05-22"}}, Ask: &Question{Title: s.l.T("backfills.confirm"), Lines: []string{"top_keywords × 22", "top_books × 22"}, Confirm: s.l.T("backfills.confirm")}},
		},
		Runs: Table{ID: "backfills", Caption: s.l.T("backfills.list"), Empty: s.l.T("backfills.none")},
	}
}
