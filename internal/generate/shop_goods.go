package generate

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"daybook/internal/calendar"
)

// good is something on sale; its price without changes is in cents.
type good struct {
	code        string
	description string
	category    string
	cents       int
}

// goods lists what is on sale, the most wanted first.
func goods() []good {
	things := []struct {
		name, category string
		cents          int
	}{
		{"공책 notebook", "paper", 450}, {"만년필 pen", "pens", 2890}, {"볼펜 biro", "pens", 180}, {"엽서 card", "paper", 95},
		{"필통 case", "bags", 1250}, {"스티커 stickers", "paper", 220}, {"달력 calendar", "paper", 1490}, {"자 ruler", "tools", 160},
		{"가위 scissors", "tools", 640}, {"연필 pencil", "pens", 75}, {"봉투 envelopes", "paper", 310}, {"책갈피 bookmark", "paper", 130},
	}
	looks := strings.Fields("파랑/blue 달/moon 고양이/cat 줄무늬/lined 초록/green 장미/rose 회색/grey 언덕/hill")
	var out []good
	for k, look := range looks {
		ko, en, _ := strings.Cut(look, "/")
		for i, t := range things {
			thing, english, _ := strings.Cut(t.name, " ")
			out = append(out, good{
				code:        fmt.Sprintf("%05d%s", 20_000+(i*8+k)*731%70_000, []string{"", "", "B"}[k%3]),
				description: fmt.Sprintf("%s %s %s %s", ko, thing, en, english),
				category:    t.category,
				cents:       t.cents + t.cents*k/20,
			})
		}
	}
	return out
}

// price is a good's price in cents on a day, and the Monday since which it holds: it may change every six weeks.
func (m *market) price(item int, day calendar.Day) (cents int, since calendar.Day) {
	const weeks = 6
	week := (dayNumber(day) + 2) / 7 // 2020-01-01 was a Wednesday
	epoch := (week + item) / weeks
	since = opened().Add((epoch*weeks-item)*7 - 2)
	cents = m.goods[item].cents * m.dice.on(topicPrice).on(item).on(epoch).around(60_000) / million
	return cents, since
}

func (m *market) writePrices(w *bufio.Writer, day calendar.Day) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"stock_code", "description", "category", "list_price", "priced_on"}); err != nil {
		return err
	}
	for i, g := range m.goods {
		cents, since := m.price(i, day)
		if err := out.Write([]string{g.code, g.description, g.category, string(appendCents(nil, cents)), since.String()}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// appendCents writes an amount as dollars with two digits.
func appendCents(line []byte, cents int) []byte {
	line = strconv.AppendInt(line, int64(cents/100), 10)
	line = append(line, '.')
	return append(line, byte('0'+cents/10%10), byte('0'+cents%10))
}
