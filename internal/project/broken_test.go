package project

import (
	"errors"
	"strings"
	"testing"

	"daybook/internal/fault"
)

const (
	settings = "daybook.yaml"
	searches = "sources/searches.yaml"
	requests = "tables/requests.sql"
	daily    = "marts/daily_usage.sql"
	report   = "reports/daily.yaml"
)

// broken changes one thing of the small project: old becomes new, or the file becomes new where there is no old.
var broken = []struct{ name, file, old, new, want string }{
	{"unknown key", searches, "owner: data", "ownr: data",
		`sources/searches.yaml:3:1: unknown key "ownr"; did you mean owner? known here: agrees, columns, days, description, duplicates, empty, encoding, format, from, header, holds, key, max_rejects, new_columns, owner, path, pool, records, zone`},
	{"unknown key far from any", report, "deadline: 09:00", "colour: red",
		`reports/daily.yaml:4:1: unknown key "colour"; known here: alert, attach, correction, covers, deadline, if_empty, if_late, locales, owner, required, schedule, sections, subject, title, to`},
	{"key written twice", searches, "owner: data", "owner: data\nowner: other",
		`sources/searches.yaml:4:1: key "owner" is written twice; keep one of them`},
	{"bad indentation", searches, "owner: data", "owner: data\n  zone2: x",
		`sources/searches.yaml:3:8: not valid YAML: mapping value is not allowed in this context; mend the indentation, the colon or the quotes here; a value that holds {, [ or ": " is written in "quotes"`},
	{"tab", settings, "groups:\n", "groups:\n\tother: []\n",
		"daybook.yaml:9:1: not valid YAML: found character '\\t' that cannot start any token; indent with spaces; YAML does not allow tabs"},
	{"value with a colon", searches, "owner: data", "owner: data: team",
		`sources/searches.yaml:3:8: not valid YAML: mapping value is not allowed in this context; mend the indentation, the colon or the quotes here; a value that holds {, [ or ": " is written in "quotes"`},
	{"variable not set", searches, "${DATA}/", "${DATA}/${NOWHERE}/",
		"sources/searches.yaml:2:7: environment variable NOWHERE is not set; export NOWHERE=… before starting daybook"},
	{"two variables not set", searches, "${DATA}/", "${THERE}/${NOWHERE}/",
		"sources/searches.yaml:2:7: environment variable THERE is not set; export THERE=… before starting daybook\n" +
			"sources/searches.yaml:2:7: environment variable NOWHERE is not set; export NOWHERE=… before starting daybook"},
	{"variable without a name", searches, "${DATA}/", "${}/",
		"sources/searches.yaml:2:7: ${} names no environment variable; write ${NAME} with letters, digits and _"},
	{"variable not set in a duration", settings, "timezone", "timeout: ${NOWHERE}\ntimezone",
		"daybook.yaml:3:10: environment variable NOWHERE is not set; export NOWHERE=… before starting daybook"},
	{"variable not set in the name", settings, "name: 도서관", "name: ${NOWHERE}",
		"daybook.yaml:2:7: environment variable NOWHERE is not set; export NOWHERE=… before starting daybook"},
	{"empty variable", settings, "name: 도서관", "name: ${EMPTY}",
		"daybook.yaml:2:7: the project has no name; write name: followed by what people call it"},
	{"bad column type", searches, "text[]", "strings",
		`sources/searches.yaml:11:16: "strings" is not a column type; write text, integer, bigint, double, boolean, date, time, timestamp, timestamptz, uuid, json, decimal(18,2), text[] or struct(name text)`},
	{"bad decimal", searches, "text[]", "decimal(4,6)",
		`sources/searches.yaml:11:16: "decimal(4,6)" is not a decimal type; write decimal(P,S) with P digits in all, at most 38, and S of them after the point`},
	{"column without a type", searches, "    type: timestamptz\n", "",
		"sources/searches.yaml:12:3: column at has no type; write text, integer, bigint, double, boolean, date, time, timestamp, timestamptz, uuid, json, decimal(18,2), text[] or struct(name text)"},
	{"column with nothing", searches, "isbn13_list: text[]", "isbn13_list:",
		"sources/searches.yaml:11:3: column isbn13_list has no type; write text, integer, bigint, double, boolean, date, time, timestamp, timestamptz, uuid, json, decimal(18,2), text[] or struct(name text)"},
	{"bad column name", searches, "isbn13_list: text[]", "ISBN13: text[]",
		`sources/searches.yaml:11:3: "ISBN13" cannot be a column's name; use a-z, 0-9 and _, beginning with a letter; say from: for its name at the source`},
	{"no columns", searches, "", "from: files\npath: \"a/{day}.csv\"\n",
		"sources/searches.yaml:1:1: the source declares no columns; write columns: with a name: type line for each"},
	{"bad zone", searches, "zone: UTC", "zone: Seoul",
		`sources/searches.yaml:4:7: "Seoul" is not a time zone; write an IANA name such as Asia/Seoul or UTC`},
	{"bad project zone", settings, "Asia/Seoul", "KST+9",
		`daybook.yaml:3:11: "KST+9" is not a time zone; write an IANA name such as Asia/Seoul or UTC`},
	{"zone of this machine", settings, "Asia/Seoul", "Local",
		`daybook.yaml:3:11: "Local" is not a time zone; write an IANA name such as Asia/Seoul or UTC`},
	{"bad weekdays", searches, "sun-fri", "business days",
		`sources/searches.yaml:5:7: "business days" names no weekdays; write weekdays, mon-fri, or sat,sun`},
	{"key names no column", searches, "key: query_id", "key: [query_id, page]",
		"sources/searches.yaml:7:6: key names page, which is not a column; declare it under columns:"},
	{"latest names no column", searches, "latest(at)", "latest(updated)",
		"sources/searches.yaml:8:13: latest names updated, which is not a column; declare it under columns:"},
	{"bad duplicates", searches, "latest(at)", "newest",
		`sources/searches.yaml:8:13: duplicates cannot be "newest"; write fail, reject or latest(COLUMN)`},
	{"duplicates without a key", searches, "key: query_id\n", "",
		"sources/searches.yaml:7:13: duplicates without a key; write key: with the columns that name a record"},
	{"snapshot with a day", searches, "owner: data", "holds: snapshot",
		"sources/searches.yaml:2:7: a snapshot's path names a day; put {day} into the path, or write holds: snapshot for a source that can only give the present"},
	{"path without a day", searches, "{day}", "all",
		"sources/searches.yaml:2:7: the path names no day, so every day would read the same bytes; put {day} into the path, or write holds: snapshot for a source that can only give the present"},
	{"no path", searches, "path: \"${DATA}/{day}.ndjson.gz\"\n", "",
		`sources/searches.yaml:1:1: a source from files has no path; write path: "data/{day}.ndjson.gz"`},
	{"path unquoted with braces", searches, `"${DATA}/{day}.ndjson.gz"`, "{day}.ndjson",
		`sources/searches.yaml:2:12: not valid YAML: value is not allowed in this context; mend the indentation, the colon or the quotes here; a value that holds {, [ or ": " is written in "quotes"`},
	{"path braces in a flow mapping", settings, "{address: reader@example.com, name: 독자, locale: ko}", "{address: {day}}",
		`daybook.yaml:10:17: address is not a single value; write one value, in "quotes" when it holds {, [ or :`},
	{"no format", searches, ".ndjson.gz", ".log.gz",
		"sources/searches.yaml:2:7: the path does not say the format; write format: ndjson, json, csv, parquet, xml, dynamodb"},
	{"bad format", searches, "owner: data", "format: yaml",
		`sources/searches.yaml:3:9: format cannot be "yaml"; write ndjson, json, csv, parquet, xml, dynamodb`},
	{"no from", searches, "from: files\n", "",
		"sources/searches.yaml:1:1: the source does not say where its records come from; write from: " + kindNames(" or ")},
	{"unknown from", searches, "from: files", "from: ftp",
		`sources/searches.yaml:1:7: from cannot be "ftp"; write ` + kindNames(", ")},
	{"no such pool", searches, "pool: files", "pool: slow",
		"sources/searches.yaml:6:7: there is no pool slow; add it to pools: in daybook.yaml"},
	{"negative rejects", searches, "owner: data", "max_rejects: -1",
		`sources/searches.yaml:3:14: max_rejects is "-1"; write a whole number of at least 0`},
	{"word for a number", searches, "owner: data", "max_rejects: none",
		`sources/searches.yaml:3:14: max_rejects is "none"; write a whole number of at least 0`},
	{"yes for true", searches, "owner: data", "header: yes",
		"sources/searches.yaml:3:9: header is neither true nor false; write true or false, without quotes"},
	{"list for a value", searches, "owner: data", "owner: [data, web]",
		`sources/searches.yaml:3:8: owner is not a single value; write one value, in "quotes" when it holds {, [ or :`},
	{"mapping for a list", report, "to: staff", "to: {group: staff}",
		`reports/daily.yaml:5:5: to is not a single value; write one value, in "quotes" when it holds {, [ or :`},
	{"list where a mapping is wanted", settings, "", "- name: x\n",
		`daybook.yaml:1:1: this file is not made of "key: value" lines; write key: value`},
	{"text where a mapping is wanted", settings, "", "Library\n",
		`daybook.yaml:1:1: this file is not made of "key: value" lines; write key: value`},
	{"list where groups are wanted", settings, "groups:\n  staff:\n    - {", "groups:\n  - staff:\n    - {",
		`daybook.yaml:9:3: groups is not made of "key: value" lines; write key: value
reports/daily.yaml:5:5: there is no group staff; add it to groups: in daybook.yaml`},
	{"mapping where a list is wanted", settings, "    - {address: reader@example.com, name: 독자, locale: ko}", "    address: reader@example.com",
		`daybook.yaml:10:5: staff is not a list; begin each entry with "- "`},
	{"no name", settings, "name: 도서관\n", "",
		"daybook.yaml:2:1: the project has no name; write name: followed by what people call it"},
	{"empty file", settings, "", "",
		"daybook.yaml:1:1: the project has no name; write name: followed by what people call it\n" +
			"sources/searches.yaml:6:7: there is no pool files; add it to pools: in daybook.yaml\n" +
			"reports/daily.yaml:5:5: there is no group staff; add it to groups: in daybook.yaml"},
	{"second document", settings, "groups:", "---\ngroups:",
		"daybook.yaml:9:1: a second YAML document begins here; keep one document in a file"},
	{"anchor", settings, "name: 독자, locale: ko}", "name: &n 독자, locale: ko}",
		"daybook.yaml:10:43: a YAML anchor (&) is not read; write the value itself"},
	{"anchor and alias", searches, "owner: data", "owner: &o data\ndescription: *o",
		`sources/searches.yaml:3:8: a YAML anchor (&) is not read; write the value itself
sources/searches.yaml:4:14: a YAML alias (*) is not read; write the value itself, in "quotes" when it begins with *`},
	{"alias that was a pattern", searches, "owner: data", "path2: *.csv",
		`sources/searches.yaml:3:8: a YAML alias (*) is not read; write the value itself, in "quotes" when it begins with *`},
	{"tag", searches, "owner: data", "owner: !!str data",
		`sources/searches.yaml:3:8: a YAML tag (!) is not read; write the value itself, in "quotes" when it begins with !`},
	{"merge key", searches, "owner: data", "<<: {owner: data}",
		"sources/searches.yaml:3:1: a YAML merge key (<<) is not read; write the keys themselves"},
	{"complex key", searches, "owner: data", "? owner\n: data",
		"sources/searches.yaml:3:1: a YAML complex key (?) is not read; write key: value"},
	{"directive", searches, "", "%YAML 1.1\n---\nfrom: files\n",
		"sources/searches.yaml:1:1: a YAML directive (%) is not read; leave the line out"},
	{"bad locale", settings, "locale: ko\nhome", "locale: jp\nhome",
		`daybook.yaml:4:9: locale cannot be "jp"; write ko, en`},
	{"bad member locale", settings, "locale: ko}", "locale: jp}",
		`daybook.yaml:10:55: locale cannot be "jp"; write ko, en`},
	{"bad address", settings, "reader@example.com", "reader at example.com",
		`daybook.yaml:10:17: "reader at example.com" is not a mail address; write address: name@example.com`},
	{"no address", settings, "address: reader@example.com, ", "",
		`daybook.yaml:10:7: "" is not a mail address; write address: name@example.com`},
	{"bad sender address", settings, "groups:", "mail: {from: nobody}\ngroups:",
		`daybook.yaml:8:14: "nobody" is not an address; write "Name <address@domain>"`},
	{"ses without region", settings, "groups:", "mail: {sender: ses}\ngroups:",
		"daybook.yaml:8:7: sender ses has no region; write region: such as ap-northeast-2"},
	{"bad memory", settings, "groups:", "warehouse: {memory: lots}\ngroups:",
		`daybook.yaml:8:21: "lots" is not an amount of memory; write 512MB, 1GB or 4GiB`},
	{"bad duration", settings, "groups:", "timeout: 30\ngroups:",
		`daybook.yaml:8:10: timeout is "30"; write a duration such as 90s, 30m or 2h`},
	{"bad time of day", settings, "at: 03:00", "at: 3 am",
		`daybook.yaml:7:10: "3 am" is not a time of day; write hours and minutes such as "07:00"`},
	{"number for a time of day", report, "at: 07:00", "at: 700",
		`reports/daily.yaml:3:16: "700" is not a time of day; write hours and minutes such as "07:00"`},
	{"bad cron", settings, "at: 03:00", `cron: "0 25 * * *"`,
		`daybook.yaml:7:12: field 2 of cron line "0 25 * * *": "25" is outside 0-23; write *, a number, a list 1,15 or a range 1-5, each with /STEP if wanted`},
	{"at and cron", settings, "at: 03:00", `at: 03:00, cron: "0 3 * * *"`,
		"daybook.yaml:7:23: both at and cron are given; keep one of them"},
	{"on and cron", settings, "at: 03:00", `cron: "0 3 * * *", on: weekdays`,
		"daybook.yaml:7:29: both on and cron are given; say the weekdays in the fifth field of the cron line"},
	{"refresh without a time", settings, "at: 03:00, ", "",
		`daybook.yaml:7:5: a schedule without a time; write at: "07:00" or cron: "0 7 * * *"`},
	{"refresh without nodes", settings, ", nodes: all", "",
		"daybook.yaml:7:5: a refresh without nodes; write nodes: all, or a list of names"},
	{"two refreshes of one name", settings, "  - {at: 03:00, nodes: all}", "  - {at: 03:00, nodes: all}\n  - {at: 04:00, nodes: all}",
		"daybook.yaml:8:5: two refreshes are named all; give each a name:"},
	{"no such home", settings, "home: daily", "home: weekly",
		"daybook.yaml:5:7: home names weekly, which is not a report; name a file of reports/ without .yaml"},
	{"report to unknown group", report, "to: staff", "to: [staff, board]",
		"reports/daily.yaml:5:5: there is no group board; add it to groups: in daybook.yaml"},
	{"report without title", report, "title: {ko: 하루 이용, en: Daily usage}\n", "",
		"reports/daily.yaml:1:1: the report has no title; write title:"},
	{"title in no language", report, "{ko: 하루 이용, en: Daily usage}", "{fr: Usage}",
		`reports/daily.yaml:1:8: title says nothing in any language; write {ko: …, en: …}, or one text for both
reports/daily.yaml:1:9: unknown key "fr"; did you mean en? known here: en, ko`},
	{"report without sections", report, "", "title: x\n",
		"reports/daily.yaml:1:1: the report has no sections; write sections: with at least one entry"},
	{"bad deadline", report, "09:00", "nine",
		`reports/daily.yaml:4:11: "nine" is not a time of day; write hours and minutes such as "07:00"`},
	{"bad covers", report, "deadline: 09:00", "covers: today",
		`reports/daily.yaml:4:9: covers cannot be "today"; write yesterday`},
	{"bad report locale", report, "deadline: 09:00", "locales: [ko, jp]",
		`reports/daily.yaml:4:10: there is no locale "jp"; write ko, en`},
	{"unknown section kind", report, "kind: line", "kind: lines",
		`reports/daily.yaml:8:11: kind cannot be "lines"; write kpi, line, area, bar, pie, heatmap, funnel, table, text`},
	{"section without a kind", report, "  - kind: line\n    mart", "  - mart",
		"reports/daily.yaml:8:5: a section without a kind; write kind: kpi, line, area, bar, pie, heatmap, funnel, table, text"},
	{"kpi without value", report, "value: requests, ", "",
		"reports/daily.yaml:7:5: a kpi section without value; write value:"},
	{"line without value", report, "    value: requests\n", "",
		"reports/daily.yaml:8:5: a line section without a value; write value: or values:"},
	{"line without x", report, "    x: day\n", "",
		"reports/daily.yaml:8:5: a line section without x; write x:"},
	{"section with mart and query", report, "    x: day", "    query: SELECT 1\n    x: day",
		"reports/daily.yaml:8:5: a section reads either a mart or its own query; write mart: NAME or query: SELECT …, one of the two"},
	{"section with neither", report, "    mart: daily_usage\n", "",
		"reports/daily.yaml:8:5: a section reads either a mart or its own query; write mart: NAME or query: SELECT …, one of the two"},
	{"two sections of one name", report, "  - kind: line", "  - kind: line\n    name: requests",
		"reports/daily.yaml:8:5: two sections are named requests; give each a name: of its own"},
	{"bad compare", report, "[day, week]", "[day, year]",
		`reports/daily.yaml:7:62: compare cannot be "year"; write day (the day before) or week (the same weekday last week)`},
	{"no days", report, "days: 28", "days: 0",
		`reports/daily.yaml:10:11: days is "0"; write a whole number of at least 1`},
	{"too many digits", report, "days: 28", "digits: 40",
		"reports/daily.yaml:10:13: digits is 40; write a whole number from 0 to 9"},
	{"table column without a word", report, "  - kind: line", "  - {kind: table, mart: daily_usage, columns: {requests: }}\n  - kind: line",
		"reports/daily.yaml:8:48: column requests says nothing about itself; write {title: …, format: number}"},
	{"header not closed", requests, "", "/*\nowner: data\nSELECT 1\n",
		"tables/requests.sql:1:1: the header comment is not closed; end it with */"},
	{"header mark that seems to close itself", requests, "", "/*/ SELECT 1\n",
		"tables/requests.sql:1:1: the header comment is not closed; end it with */"},
	{"empty SQL", requests, "", "/*\nowner: data\n*/\n",
		"tables/requests.sql:4:1: no SELECT in the file; write the query below the header"},
	{"empty SQL file", requests, "", "",
		"tables/requests.sql:1:1: no SELECT in the file; write the query below the header"},
	{"two checks in one entry", daily, "     - unique: [day]", "     - unique: [day]\n       not_null: [day]",
		`marts/daily_usage.sql:7:18: two checks in one entry; begin the second with its own "- "`},
	{"unknown check", daily, "unique: [day]", "uniqe: [day]",
		`marts/daily_usage.sql:6:8: unknown key "uniqe"; did you mean unique? known here: accepted, length, matches, name, not_null, range, relationship, rows, rule, severity, sql, total, unique`},
	{"check of no columns", daily, "unique: [day]", "unique: []",
		"marts/daily_usage.sql:6:16: unique names no columns; write unique: [column, column]"},
	{"rows that say nothing", daily, "{min: 1, max: 1}", "{}",
		"marts/daily_usage.sql:7:14: rows says nothing; write min:, max: or within: 30% (of the same weekday last week)"},
	{"bad percentage", daily, "{min: 1, max: 1}", "{within: 0.3}",
		`marts/daily_usage.sql:7:23: within is "0.3"; write a percentage such as 30%`},
	{"percentage that is none", daily, "{min: 1, max: 1}", "{within: NaN%}",
		`marts/daily_usage.sql:7:23: within is "NaN%"; write a percentage such as 30%`},
	{"total without of", daily, ", of: requests}", "}",
		"marts/daily_usage.sql:9:15: total needs a measure and the input it is of; write total: {measure: sum(requests), of: requests, equals: count(*)}"},
	{"accepted without values", daily, "unique: [day]", "accepted: {column: day}",
		"marts/daily_usage.sql:6:18: accepted needs a column and its values; write accepted: {column: state, values: [open, closed]}"},
	{"bad lookback", daily, "27d", "27",
		`marts/daily_usage.sql:3:14: lookback is "27"; write a number of days such as 27d`},
	{"endless lookback", daily, "27d", "99999999999999999999d",
		`marts/daily_usage.sql:3:14: lookback is "99999999999999999999d"; write a number of days such as 27d`},
	{"lookback of a full mart", daily, "   lookback: 27d", "   refresh: full\n   lookback: 27d",
		"marts/daily_usage.sql:4:14: refresh: full reads every day already; leave lookback out"},
	{"name taken twice", "tables/daily_usage.sql", "", "SELECT 1\n",
		"marts/daily_usage.sql: the name daily_usage is taken by tables/daily_usage.sql; rename one of the two files"},
	{"wrong extension", "sources/loans.yml", "", "from: files\n",
		"sources/loans.yml: not a .yaml file; name it NAME.yaml or move it out of sources"},
	{"bad node name", "marts/Daily-Usage.sql", "", "SELECT 1\n",
		`marts/Daily-Usage.sql: "Daily-Usage" cannot be a node's name; use a-z, 0-9 and _, beginning with a letter`},
	{"node named all", "marts/all.sql", "", "SELECT 1\n",
		"marts/all.sql: all cannot be a node's name, it means every node; give the file another name"},
	{"not UTF-8", searches, "owner: data", "owner: \xb5\xa5\xc0\xcc\xc5\xcd",
		"sources/searches.yaml:3: this line is not UTF-8 text; save the file as UTF-8"},
}

func TestMistakeIsNamedWithItsPlaceAndWhatToWriteInstead(t *testing.T) {
	for _, c := range broken {
		t.Run(c.name, func(t *testing.T) {
			files := small()
			if c.old != "" && !strings.Contains(files[c.file], c.old) {
				t.Fatalf("%s does not hold %q", c.file, c.old)
			}
			text := c.new
			if c.old != "" {
				text = strings.Replace(files[c.file], c.old, c.new, 1)
			}
			files[c.file] = text
			p, err := Load(write(t, files), env)
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if got := err.Error(); got != c.want || p != nil {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// faults are the single problems that Load found.
func faults(t *testing.T, err error) []*fault.Error {
	t.Helper()
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []*fault.Error
		for _, e := range joined.Unwrap() {
			out = append(out, faults(t, e)...)
		}
		return out
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("%v is no fault", err)
	}
	return []*fault.Error{f}
}

func TestEveryMistakeHasAPlaceACodeAndAHint(t *testing.T) {
	for _, c := range broken {
		files := small()
		if c.old == "" {
			files[c.file] = c.new
		} else {
			files[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
		}
		_, err := Load(write(t, files), env)
		if err == nil {
			continue
		}
		for _, f := range faults(t, err) {
			if f.Code != fault.Invalid || f.Hint == "" || f.File == "" || strings.HasSuffix(f.Message, ".") {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
	}
}

// kindNames lists the kinds of sources, which are not this test's to know.
func kindNames(between string) string {
	var names []string
	for _, k := range sourceKinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, between)
}
