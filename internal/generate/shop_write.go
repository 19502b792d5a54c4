package generate

import (
	"bufio"
	"slices"
	"strconv"
)

// item is a line of an order or of a cancellation.
type item struct {
	good     int
	quantity int
	cents    int // of one
}

// items are what an order has: different goods at the price of its day, now and then a tenth less.
func (m *market) items(s sale, popular wheel) []item {
	d := s.dice.on(30)
	var picked []int
	n := 1 + m.lines.pick(d.on(0))
	for try := 1; len(picked) < n; try++ {
		picked = addNew(picked, popular.pick(d.on(try)))
	}
	list := make([]item, n)
	for i, good := range picked {
		cents, _ := m.price(good, s.day)
		line := d.on(-1).on(i)
		if line.on(0).hits(50_000) {
			cents = cents * 9 / 10
		}
		list[i] = item{good, quantityOf(m.quantities.pick(line.on(1))), cents}
	}
	return list
}

// popular is how wanted the goods are in a sale's week.
func (m *market) popular(s sale) wheel {
	week := m.dice.on(topicTrade).on(-(dayNumber(s.day) + 2) / 7)
	var w wheel
	for i := range m.goods {
		w = w.with(million / (i + 4) * week.on(i).around(250_000) / million)
	}
	return w
}

// givenBack is what comes back of an order: all of it, or a part of some lines.
func (s sale) givenBack(items []item) []item {
	d := s.dice.on(20).on(1)
	if d.hits(400_000) {
		return items
	}
	list := slices.Clone(items)
	for i := range list {
		list[i].quantity = 1 + d.on(i).on(0).below(list[i].quantity)
	}
	sure := d.on(-1).below(len(list))
	kept := list[:0]
	for i, it := range list {
		if i == sure || d.on(i).on(1).hits(300_000) {
			kept = append(kept, it)
		}
	}
	return kept
}

// writeOrders writes the day's lines in the order of time, and counts them in sum. Bad lines stand at the end.
func (m *market) writeOrders(w *bufio.Writer, e events, bad int, sum *ShopSummary) error {
	if _, err := w.WriteString("invoice,line,stock_code,quantity,ordered_at,unit_price,customer,visitor\n"); err != nil {
		return err
	}
	var popular wheel
	var line []byte
	for i, s := range e.orders {
		if i == 0 {
			popular = m.popular(s)
		}
		for n, it := range m.items(s, popular) {
			line = strconv.AppendInt(line[:0], s.number, 10)
			line = append(line, ',')
			line = strconv.AppendInt(line, int64(n+1), 10)
			line = append(line, ',')
			line = append(line, m.goods[it.good].code...)
			line = append(line, ',')
			line = strconv.AppendInt(line, int64(it.quantity), 10)
			line = append(line, ',')
			line = appendLocal(line, e.day.String(), s.millis)
			line = append(line, ',')
			line = appendCents(line, it.cents)
			line = append(line, ',')
			line = appendBuyer(line, s)
			line = append(line, '\n')
			sum.Lines++
			if s.dice.on(40).on(n).hits(1000) {
				line = append(line, line...)
				sum.Repeated++
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
	}
	for n := range bad {
		line = strconv.AppendInt(append(line[:0], 'X'), int64(n), 10)
		line = append(append(line, ",1,"...), m.goods[0].code...)
		line = appendLocal(append(line, ",two,"...), e.day.String(), n)
		line = append(line, ",1.00,,\n"...)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// appendBuyer writes customer and visitor: one visitor of five orders as a guest, who calls is known.
func appendBuyer(line []byte, s sale) []byte {
	buyer := s.dice.on(50)
	if s.visitor == 0 || !buyer.hits(200_000) {
		line = strconv.AppendInt(line, int64(12_000+buyer.on(0).below(6_000)), 10)
	}
	line = append(line, ',')
	if s.visitor != 0 {
		line = appendVisitor(line, s.visitor)
	}
	return line
}

func appendVisitor(line []byte, visitor int64) []byte {
	return strconv.AppendInt(append(line, "v-"...), visitor, 10)
}

// writeCancellations writes one JSON object a line, in the order of the orders' time of day.
func (m *market) writeCancellations(w *bufio.Writer, e events) error {
	var line []byte
	for _, s := range e.cancelled {
		d := s.dice.on(20)
		line = append(line[:0], `{"cancellation":"C`...)
		line = strconv.AppendInt(line, s.number, 10)
		line = append(line, `","invoice":"`...)
		line = strconv.AppendInt(line, s.number, 10)
		line = append(line, `","cancelled_at":"`...)
		line = appendLocal(line, e.day.String(), 9*60*minute+d.on(2).below(9*60*minute))
		line = append(line, `","reason":"`...)
		line = append(line, reasonOf(m.reasons.pick(d.on(3)))...)
		line = append(line, `","lines":[`...)
		for i, it := range s.givenBack(m.items(s, m.popular(s))) {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(append(line, `{"stock_code":"`...), m.goods[it.good].code...)
			line = strconv.AppendInt(append(line, `","quantity":`...), -int64(it.quantity), 10)
			line = appendCents(append(line, `,"unit_price":"`...), it.cents)
			line = append(line, `"}`...)
		}
		line = append(line, "]}\n"...)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (m *market) writeAssignments(w *bufio.Writer, e events) error {
	var line []byte
	for _, a := range e.assigned {
		line = appendVisitor(append(line[:0], `{"visitor":"`...), a.visitor)
		line = append(append(line, `","experiment":"`...), experiment(a.day)...)
		line = append(append(line, `","variant":"`...), byte('A'+a.variant))
		line = appendLocal(append(line, `","assigned_at":"`...), e.day.String(), a.millis)
		line = append(line, "\"}\n"...)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// appendLocal writes a local time without an offset, to the second.
func appendLocal(line []byte, day string, millis int) []byte {
	line = append(append(line, day...), ' ')
	for i, v := range []int{millis / millisOfHour, millis / minute % 60, millis / 1000 % 60} {
		if i > 0 {
			line = append(line, ':')
		}
		line = append(line, byte('0'+v/10), byte('0'+v%10))
	}
	return line
}
