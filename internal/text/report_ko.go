package text

// reportKo holds the words of figures: changes, alt texts, and the heads of tables.
var reportKo = map[string]string{
	"report.against.day":        "전날보다",
	"report.against.week":       "지난주 %s보다", // the weekday
	"report.weekday":            "%s요일",
	"report.absent":             "%s 자료 없음", // the day
	"report.up":                 "%s %s 늘었습니다",
	"report.down":               "%s %s 줄었습니다",
	"report.same":               "%s 변화가 없습니다",
	"report.compareAbsent":      "%s과 견줄 자료가 없습니다",
	"report.unusual":            "이례적",
	"report.usual":              "최근 %d주 %s은 %s–%s 사이였습니다.", // weeks, weekday, low, high
	"report.none":               "%s: 자료가 없습니다",
	"report.value":              "%s: %s",
	"report.most":               "%s: %s %s%s 가장 많습니다", // title, where, number, particle
	"report.highest":            "%s: %s %s%s 가장 높습니다",
	"report.total":              "합계 %s",
	"report.funnel":             "%s: %s %s에서 %s %s까지", // title, first, number, last, number
	"report.rows":               "%s: 행 %s개",
	"report.others":             "기타",
	"report.hour":               "%d시",
	"report.point":              "%s %s", // day, hour
	"report.yes":                "예",
	"report.no":                 "아니요",
	"report.column.figure":      "지표",
	"report.column.rank":        "순위",
	"report.column.value":       "값",
	"report.column.share":       "비중",
	"report.column.day":         "날짜",
	"report.column.hour":        "시",
	"report.column.day.change":  "전날 대비",
	"report.column.week.change": "지난주 대비",
	"report.earlier.day":        "전날",
	"report.earlier.week":       "지난주 %s",
}
