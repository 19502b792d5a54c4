package text

// reportEn holds the words of figures: changes, alt texts, and the heads of tables.
var reportEn = map[string]string{
	"report.against.day":        "against the day before",
	"report.against.week":       "against %s last week", // the weekday
	"report.weekday":            "%s",
	"report.absent":             "no data for %s", // the day
	"report.up":                 "up %[2]s %[1]s",
	"report.down":               "down %[2]s %[1]s",
	"report.same":               "unchanged %s",
	"report.compareAbsent":      "no data for %s to compare with",
	"report.unusual":            "unusual",
	"report.usual":              "The last %d %ss lay between %s and %s.", // weeks, weekday, low, high
	"report.none":               "%s: no data",
	"report.value":              "%s: %s",
	"report.most":               "%[1]s: the most is %[3]s (%[2]s)", // title, where, number
	"report.highest":            "%[1]s: the highest is %[3]s (%[2]s)",
	"report.total":              "%s in all",
	"report.funnel":             "%s: from %s, %s, to %s, %s", // title, first, number, last, number
	"report.rows":               "%s: %s rows",
	"report.others":             "Others",
	"report.hour":               "%02d:00",
	"report.point":              "%s, %s", // day, hour
	"report.yes":                "yes",
	"report.no":                 "no",
	"report.column.figure":      "Figure",
	"report.column.rank":        "Rank",
	"report.column.value":       "Value",
	"report.column.share":       "Share",
	"report.column.day":         "Day",
	"report.column.hour":        "Hour",
	"report.column.day.change":  "vs the day before",
	"report.column.week.change": "vs last week",
	"report.earlier.day":        "the day before",
	"report.earlier.week":       "%s last week",
}
