package generate

import (
	"bufio"
	"context"
	"strconv"
)

// selectionIDs is how many ids of selections each day has to itself.
const selectionIDs = 100_000_000

// writeSelections writes the books that people chose, by request, and counts them in sum. A choice made after
// midnight is written with the last instant of the day, as the file holds one day.
func (t *today) writeSelections(ctx context.Context, w *bufio.Writer, sum *Summary) error {
	if _, err := w.WriteString("id,query_id,isbn13,user_id,selected_at\n"); err != nil {
		return err
	}
	var r request
	var line []byte
	var chosen []int
	id := dayNumber(t.day) * selectionIDs
	for i := range t.count {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d := t.draw(i, &r).on(topicSelection)
		chosen = choose(d, r.books, chosen[:0])
		at := r.millis
		line = line[:0]
		for n, book := range chosen {
			id++
			at = min(at+4000+d.on(n).on(0).below(90_000), millisOfDay-1)
			line = strconv.AppendInt(line, int64(id), 10)
			line = append(line, ',')
			line = append(line, r.id[:]...)
			line = append(line, ',')
			line = append(line, t.isbns[book]...)
			line = append(line, ",user-"...)
			line = strconv.AppendInt(line, r.user, 10)
			line = append(line, ',')
			line = t.appendInstant(line, at)
			line = append(line, '\n')
		}
		sum.Selections += len(chosen)
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// choose appends the books that are chosen from a list: none from half of the lists, else one to six, those at the head more often.
func choose(d dice, books, chosen []int) []int {
	if len(books) == 0 || !d.hits(480_000) {
		return chosen
	}
	n := 1 + d.on(-1).below(min(len(books), 6))
	for try := 0; try < 3*n && len(chosen) < n; try++ {
		t := d.on(try).on(1)
		place := min(t.on(0).below(len(books)), t.on(1).below(len(books)))
		chosen = addNew(chosen, books[place])
	}
	return chosen
}
