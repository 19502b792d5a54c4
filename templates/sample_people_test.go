package templates

import "daybook/internal/text"

func (s sample) admin(title, path, section string) Page {
	p := s.page(title, path, section)
	p.User.Admin = true
	return p
}

func (s sample) people() PeopleView {
	standing := func(kind StateKind, key, note string) TableCell {
		return TableCell{Status: &Status{kind, s.l.T("people.state." + key)}, Note: note}
	}
	mailed := func(kind StateKind, state string) TableCell {
		return TableCell{Status: &Status{kind, s.l.T("delivery." + state)}, Text: s.say("App usage", "앱 이용 현황") + " 2023-05-22", Href: "/deliveries/daily/2023-05-22/1"}
	}
	languages := []Option{{"한국어", "ko", s.l == text.Korean}, {"English", "en", s.l == text.English}}
	return PeopleView{
		Page:   s.admin(s.l.T("people.title"), "/people", "people"),
		Facts:  FactLine{Facts: []Fact{{Before: s.l.T("people.title"), Strong: "214"}, {Before: s.l.T("people.mailed"), Strong: "201"}, {Label: &Label{Text: s.l.T("people.stopped") + " 1", Tone: "warn"}}}},
		Groups: []Option{{s.l.T("people.anygroup"), "", true}, {"all-staff", "all-staff", false}, {"board", "board", false}}, Shown: s.l.T("people.page", "101", "104", "214"),
		Downloads: []Download{{"CSV", s.l.T("people.table.hint"), "/people?format=csv"}, {s.l.T("people.export"), s.l.T("people.export.hint"), "/people/export"}},
		Earlier:   &Link{s.l.T("people.earlier"), "/people?from=0"}, Further: &Link{s.l.T("people.further"), "/people?from=200"},
		People: Table{ID: "people", Caption: s.l.T("people.everybody"),
			Columns: []Column{{Label: s.l.T("people.address"), Sorted: "ascending"}, {Label: s.l.T("people.name")}, {Label: s.l.T("people.state")}, {Label: s.l.T("people.groups"), Optional: true}, {Label: s.l.T("people.locale"), Optional: true}, {Label: s.l.T("people.role"), Optional: true}, {Label: s.l.T("people.last"), Optional: true}},
			Rows: []Row{
				{Cells: []TableCell{{Head: true, Text: "person-1@example.org", Href: "/people/1"}, {Text: "김하나"}, standing(UpToDate, "mail", ""), {Text: "all-staff, board"}, {Text: "한국어"}, {Text: s.l.T("web.role.admin")}, mailed(UpToDate, "delivered")}},
				{Cells: []TableCell{{Head: true, Text: "person-2@example.org", Href: "/people/2"}, {Text: "Lee"}, standing(Failed, "bounce", s.l.T("people.todo.bounce")), {Text: "all-staff"}, {Text: "English"}, {Text: s.l.T("people.role.short")}, mailed(Failed, "bounced")}},
				{Cells: []TableCell{{Head: true, Text: "a-rather-long-address-of-somebody@library.example.org", Href: "/people/3"}, {Text: ""}, standing(Skipped, "off", s.say("App usage", "앱 이용 현황")), {Text: "all-staff"}, {Text: "English"}, {Text: s.l.T("people.role.short")}, {Text: text.Dash, Quiet: true}}},
				{Cells: []TableCell{{Head: true, Text: "person-4@example.org", Href: "/people/4"}, {Text: "Park"}, standing(Canceled, "disabled", ""), {Text: ""}, {Text: "English"}, {Text: s.l.T("people.role.short")}, mailed(Unknown, "unknown")}},
			}},
		GroupList: Table{ID: "groups", Caption: s.l.T("people.groups.title"), Still: true, Columns: []Column{{Label: s.l.T("people.group")}, {Label: s.l.T("people.members"), Number: true}, {Label: s.l.T("people.keeper")}, {Label: s.l.T("people.reports")}},
			Rows: []Row{{Cells: []TableCell{{Head: true, Text: "all-staff", Href: "/people?group=all-staff"}, {Text: "212"}, {Text: s.l.T("people.kept.pages"), Quiet: true}, {Text: s.say("App usage", "앱 이용 현황")}}}, {Cells: []TableCell{{Head: true, Text: "board", Href: "/people?group=board"}, {Text: "2"}, {Text: s.l.T("people.kept.file"), Quiet: true}, {Text: ""}}}}},
		Reports: Table{ID: "reports", Caption: s.l.T("people.reports.title"), Still: true, Columns: []Column{{Label: s.l.T("person.report")}, {Label: s.l.T("people.reports.to")}, {Label: s.l.T("people.reports.people"), Number: true}},
			Rows: []Row{{Cells: []TableCell{{Head: true, Text: s.say("App usage", "앱 이용 현황"), Href: "/reports/daily", Label: &Label{Text: s.l.T("people.reports.required")}}, {Text: "all-staff"}, {Text: "201"}}}}},
		Add: []Input{{Name: "locale", Label: s.l.T("people.locale"), Kind: "select", Options: languages}, {Name: "group", Label: s.l.T("people.group"), Kind: "select", Options: []Option{{s.l.T("people.nogroup"), "", false}, {"all-staff", "all-staff", true}}},
			{Name: "address", Label: s.l.T("people.address"), Kind: "email", Value: "new@example.net", Required: true, Error: s.l.T("people.error.domain", "example.org")}, {Name: "name", Label: s.l.T("people.name"), Value: "New"}},
	}
}

func (s sample) person() PersonView {
	p := s.admin("person-2@example.org", "/people/2", "people")
	p.Flash = &Notice{Kind: UpToDate, Title: s.l.T("person.saved")}
	return PersonView{
		Page: p, Crumbs: []Link{{s.l.T("people.title"), "/people"}, {"person-2@example.org", ""}}, Heading: "Lee", URL: "/people/2", Note: s.l.T("person.inthefile"),
		Facts: FactLine{Statuses: []Status{{Failed, s.l.T("people.state.bounce")}}, Facts: []Fact{{Strong: "person-2@example.org"}, {After: s.l.T("people.role.short")}}},
		Stopped: &Stopped{Notice: Notice{Bad: true, Title: s.l.T("person.bounce", s.say("19 May", "5월 19일")), Text: s.l.T("person.bounce.todo"), Lines: []string{s.l.T("person.ses")}},
			Lift: &Action{Label: s.l.T("person.lift"), URL: "/people/2/lift", Ask: &Question{Title: s.l.T("person.lift.title", "person-2@example.org"), Confirm: s.l.T("person.lift.confirm")}}},
		Fields: []Input{{Name: "name", Label: s.l.T("people.name"), Value: "Lee"}, {Name: "locale", Label: s.l.T("people.locale"), Kind: "select", Options: []Option{{"한국어", "ko", false}, {"English", "en", true}}},
			{Name: "role", Label: s.l.T("people.role"), Kind: "select", Options: []Option{{s.l.T("people.role.none"), "", true}, {s.l.T("people.role.viewer"), "viewer", false}, {s.l.T("people.role.admin"), "admin", false}}, Error: s.l.T("people.error.lastadmin")}},
		Disabled: Input{Name: "disabled", Label: s.l.T("person.disabled"), Kind: "checkbox", Value: "1", Hint: s.l.T("person.disabled.hint")}, DisabledError: s.l.T("people.error.lastadmin"),
		Groups:        []Input{{Name: "group", Label: "all-staff", Kind: "checkbox", Value: "all-staff", Checked: true, Hint: s.say("App usage", "앱 이용 현황")}, {Name: "group", Label: "visitors", Kind: "checkbox", Value: "visitors"}},
		GroupError:    s.l.T("people.error.group", "nobody"),
		Kept:          []Fact{{Strong: "board", After: s.say("Loans", "대출")}},
		Subscriptions: []Input{{Name: "report.daily", Label: s.say("App usage", "앱 이용 현황"), Kind: "select", Options: []Option{{s.l.T("person.daily"), "daily", true}, {s.l.T("person.weekly"), "weekly", false}}, Hint: s.l.T("person.required", "all-staff")}},
		Others:        []string{s.say("Visits: visitors", "방문: visitors")},
		SentSubtitle:  s.l.T("person.sent.sub", 50),
		Sent: Table{ID: "sent", Caption: s.l.T("person.sent"), Downloads: []Download{{"CSV", s.l.T("page.csv.hint"), "/people/2?format=csv"}},
			Columns: []Column{{Label: s.l.T("person.report")}, {Label: s.l.T("column.day")}, {Label: s.l.T("person.edition"), Number: true}, {Label: s.l.T("people.state")}, {Label: s.l.T("person.variant"), Optional: true}, {Label: s.l.T("person.at"), Number: true, Optional: true}, {Label: s.l.T("person.detail"), Optional: true}},
			Rows:    []Row{{Cells: []TableCell{{Head: true, Text: s.say("App usage", "앱 이용 현황")}, {Text: "2023-05-22", Href: "/deliveries/daily/2023-05-22/1"}, {Text: "1"}, {Status: &Status{Failed, s.l.T("delivery.bounced")}}, {Text: s.l.T("person.variant.daily"), Quiet: true}, {Text: "07:00:02", Sort: "1"}, {Text: "550 no such user", Quiet: true}}}}},
	}
}

func (s sample) importing() ImportView {
	line := func(number, address string, kind StateKind, what, detail string) Row {
		return Row{Cells: []TableCell{{Text: number, Quiet: true}, {Head: true, Text: address}, {Status: &Status{kind, s.l.T("import." + what)}}, {Text: detail}}}
	}
	return ImportView{
		Page: s.admin(s.l.T("import.title"), "/people/import", "people"), Crumbs: []Link{{s.l.T("people.title"), "/people"}, {s.l.T("import.title"), ""}}, Error: s.l.T("import.error.encoding"),
		Form: []Input{{Name: "file", Label: s.l.T("import.file"), Kind: "file", Required: true, Hint: s.l.T("import.file.hint")}, {Name: "absent", Label: s.l.T("import.absent"), Kind: "checkbox", Value: "1", Hint: s.l.T("import.absent.hint")}},
		Preview: &ImportPreview{
			Facts:    FactLine{Facts: []Fact{{Before: s.l.T("import.refused"), Strong: "1"}, {Before: s.l.T("import.changed"), Strong: "1"}, {Before: s.l.T("import.new"), Strong: "1"}}},
			Warnings: []Notice{{Title: s.l.T("import.moved")}},
			Lines: Table{ID: "lines", Caption: s.l.T("import.lines"), Columns: []Column{{Label: s.l.T("import.line")}, {Label: s.l.T("people.address")}, {Label: s.l.T("import.what")}, {Label: s.l.T("import.detail")}}, Rows: []Row{
				line("4", "person-9@example.net", Failed, "refused", s.l.T("import.error.domain", "example.org")),
				line("3", "person-2@example.org", Partial, "changed", s.l.T("import.was", s.l.T("people.name"), "Lee", "이둘")),
				line("2", "person-7@example.org", UpToDate, "new", s.l.T("import.is", s.l.T("people.groups"), "all-staff")),
			}},
			Write: &Action{Label: s.l.T("import.confirm"), Tone: "primary", URL: "/people/import", Fields: []Field{{"carried", "YQ"}, {"plan", "1"}}, Ask: &Question{Title: s.l.T("import.confirm.title", "2"), Text: s.l.T("import.confirm.text"), Confirm: s.l.T("import.confirm.submit")}},
		},
	}
}

func (s sample) unsubscribe() UnsubscribeView {
	title := s.l.T("unsubscribe.title", s.say("App usage", "앱 이용 현황"))
	return UnsubscribeView{Page: s.stranger(title, "/unsubscribe/t"), URL: "/unsubscribe/t", Heading: title, Address: "person-2@example.org", Now: s.l.T("unsubscribe.daily"), Why: s.l.T("unsubscribe.required"),
		Choices: []Choice{{"cadence", "weekly", s.l.T("unsubscribe.set.weekly"), "primary"}}}
}

func (s sample) unsubscribed() UnsubscribeView {
	v := s.unsubscribe()
	v.Done, v.Now, v.Why, v.Choices = true, s.l.T("unsubscribe.off"), "", nil
	return v
}

func (s sample) signInLink() SignInView {
	v := s.signIn()
	v.Address, v.Error, v.Domains, v.LinkAddress, v.LinkError = "", "", "example.org", "nobody", s.l.T("people.error.address")
	return v
}

func (s sample) link() LinkView {
	return LinkView{Page: s.stranger(s.l.T("signin.title"), "/signin/t"), Heading: s.l.T("signin.link.title", "person-2@example.org"), Text: s.l.T("signin.link.once"), URL: "/signin/t", Fields: []Field{{"next", "/runs"}}}
}

func (s sample) linkSent() LinkView {
	return LinkView{Page: s.stranger(s.l.T("signin.link.sent"), "/signin"), Heading: s.l.T("signin.link.sent"), Text: s.l.T("signin.link.text", "person-2@example.org", 15)}
}
