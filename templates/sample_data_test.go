package templates

import "strconv"

func (s sample) catalog() []CatalogGroup {
	return []CatalogGroup{
		{s.l.T("kinds.source"), []CatalogItem{{Name: "searches", Href: "/data/searches", Rows: "100,096"}, {Name: "user_choices", Href: "/data/user_choices", Rows: "611,958", Status: &Status{Kind: Failed}}}},
		{s.l.T("kinds.mart"), []CatalogItem{{Name: "daily_usage", Href: "/data/daily_usage", Rows: "1"}, {Name: "top_keywords", Href: "/data/top_keywords", Rows: "190", Current: true}}},
	}
}

func (s sample) data() DataView {
	return DataView{Page: s.page(s.l.T("data.title"), "/data", "data"), Catalog: s.catalog(), Lede: s.l.T("data.lede"), Overview: &Table{
		ID: "nodes", Caption: s.l.T("data.nodes"), Downloads: s.downloads("/data")[:1],
		Columns: []Column{{Label: s.l.T("column.state")}, {Label: s.l.T("column.node")}, {Label: s.l.T("column.owner"), Optional: true}, {Label: s.l.T("column.rows"), Number: true}},
		Rows:    []Row{{Cells: []TableCell{{Status: &Status{Kind: UpToDate}}, {Head: true, Text: "searches", Href: "/data/searches", Note: s.l.T("kind.source")}, {Text: "data"}, {Text: "100,096"}}}},
	}}
}

func (s sample) node() DataView {
	n := &NodeView{
		Kind: s.l.T("kind.mart"), Name: "top_keywords", Lede: s.say("How often each keyword appears in successful searches of the day.", "그날 성공한 검색에 검색어가 나온 횟수."),
		Facts:   FactLine{ID: "node-facts", Statuses: []Status{{Running, "64%"}}, Facts: []Fact{{Before: s.l.T("column.built"), Strong: "05:40"}, {Before: s.l.T("column.owner"), Strong: "data"}, {Before: s.l.T("data.key"), Strong: "day, keyword", Mono: true}}},
		Actions: []Action{s.rerun("top_keywords", "2023-05-22")}, Downloads: s.downloads("/data/top_keywords"), LineageSub: s.l.T("data.lineagesub"),
		Lineage: []LineageStep{{s.l.T("data.from"), []Link{{"dynamodb searches", ""}}, false}, {s.l.T("kind.source"), []Link{{"searches", "/data/searches"}}, false}, {s.l.T("kinds.table"), []Link{{"requests", "/data/requests"}, {"request_keywords", "/data/request_keywords"}}, false}, {s.l.T("kind.mart"), []Link{{"top_keywords", "/data/top_keywords"}}, true}, {s.l.T("kinds.report"), []Link{{"daily", "/data/daily"}}, false}},
		Columns: &Table{Caption: s.l.T("data.columns"), Still: true, Columns: []Column{{Label: s.l.T("column.name")}, {Label: s.l.T("column.type")}, {Label: s.l.T("column.meaning")}, {Label: s.l.T("column.nulls"), Number: true, Optional: true}},
			Rows: []Row{{Cells: []TableCell{{Head: true, Text: "day", Mono: true, Key: true}, {Text: "DATE", Mono: true}, {Text: s.say("the day the searches are about", "검색한 날")}, {Text: "0"}}}, {Cells: []TableCell{{Head: true, Text: "searches", Mono: true}, {Text: "BIGINT", Mono: true}, {Text: s.say("successful searches with this keyword", "이 검색어로 성공한 검색")}, {Text: "0"}}}}},
		ColumnsSub: "marts/top_keywords.sql", RowsSub: s.l.T("data.lastdays", 30), ChecksSub: s.l.T("data.checkssub"),
		Rows:       &Bars{Label: s.say("Rows by day; none on 13 May", "날짜별 행. 5월 13일 없음"), Top: s.say("200 rows", "200행"), Max: 200},
		Checks:     &ChecksView{Rows: []CheckRow{{Name: "keyword is unique", Kind: s.l.T("data.blocking"), Last: "190 of 190"}, {Name: "rows within 30% of last week", Kind: s.l.T("data.warning"), Last: "+1.1%"}}},
		RejectsSub: s.say("3 rows on 2023-05-22", "2023-05-22에 3행"),
		Rejects:    &Table{ID: "rejects", Caption: s.l.T("data.rejects"), Downloads: s.downloads("/data/top_keywords/rejects")[:1], Columns: []Column{{Label: s.l.T("column.reason")}, {Label: s.l.T("column.object")}, {Label: s.l.T("column.line"), Number: true}, {Label: s.l.T("column.text")}}, Rows: []Row{{Cells: []TableCell{{Text: s.say("isbn13 is not 13 digits", "isbn13이 13자리가 아님")}, {Text: "part-0001.json.gz", Mono: true}, {Text: "4,112"}, {Text: `{"isbn13":"97911<script>alert(1)</script>"}`, Mono: true}}}}},
		SampleSub:  s.say("2 of 190 rows", "190행 가운데 2행"), SampleDays: []Option{{"2023-05-22", "2023-05-22", true}, {"2023-05-21", "2023-05-21", false}}, SampleURL: "/data/top_keywords",
		Sample: &Table{Slim: true, Caption: s.l.T("data.sample"), Downloads: s.downloads("/data/top_keywords/sample")[:1], Columns: []Column{{Label: "day", Optional: true}, {Label: "keyword"}, {Label: "searches", Number: true, Sorted: "descending"}}, Rows: []Row{{Cells: []TableCell{{Text: "2023-05-22", Quiet: true}, {Head: true, Text: "텐서플로우", Lang: "ko"}, {Text: "3,149"}}}, {Cells: []TableCell{{Text: "2023-05-22", Quiet: true}, {Head: true, Text: "사이킷런", Lang: "ko"}, {Text: "2,138"}}}}},
	}
	n.SchemaSub = s.l.T("data.schemasub")
	n.Schema = &Table{ID: "schemas", Caption: s.l.T("data.schema"), Still: true, Columns: []Column{{Label: s.l.T("column.day")}, {Label: s.l.T("column.schema")}, {Label: s.l.T("column.columns"), Number: true, Optional: true}, {Label: s.l.T("column.change"), Optional: true}},
		Downloads: s.downloads("/data/top_keywords.csv")[:1], Rows: []Row{
			{Cells: []TableCell{{Text: "2023-05-22", Whole: true}, {Text: "5d41402abc4b", Mono: true, Small: s.l.T("data.schema.added", "<b>gender</b> text"), Label: &Label{Text: s.l.T("data.schema.changed"), Tone: "warn"}}, {Text: "8"}, {Text: s.l.T("data.schema.added", "<b>gender</b> text") + "; " + s.l.T("data.schema.retyped", "age number → text")}}},
			{Cells: []TableCell{{Text: "2023-05-21", Whole: true}, {Text: "7c211433f021", Mono: true}, {Text: "7"}, {}}},
		}}
	for i := range 30 {
		b := Bar{Value: 180 + float64(i%5)*3, Missing: i == 20, Current: i == 29, Title: strconv.Itoa(i), Tick: map[int]string{0: "23 Apr", 8: "1 May", 29: "22 May"}[i]}
		n.Rows.Days = append(n.Rows.Days, b)
		for r := range n.Checks.Rows {
			c := CheckCell{Kind: UpToDate, Label: strconv.Itoa(i) + " " + s.l.T("data.passed")}
			switch {
			case i == 20:
				c = CheckCell{Kind: Skipped, Label: s.l.T("state.skipped")}
			case i == 9 && r == 0:
				c = CheckCell{Kind: Failed, Label: s.l.T("state.failed"), Href: "/runs/398"}
			}
			n.Checks.Rows[r].Cells = append(n.Checks.Rows[r].Cells, c)
		}
		n.Checks.Days = append(n.Checks.Days, strconv.Itoa(i))
	}
	v := s.data()
	v.Title, v.Path, v.Node, v.Overview = "top_keywords", "/data/top_keywords", n, nil
	return v
}
