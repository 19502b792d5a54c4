package generate

import (
	"bufio"
	"context"
	"strconv"
)

// selectionIDs is how many ids of selections each day has to itself.
const selectionIDs = 100_000_000

// selection is a book that somebody chose from what a request found.
type selection struct {
	id     int
	book   int
	millis int // since midnight
}

// eachSelection draws the books that people chose, by request. A choice made after midnight has the last instant of the day,
// as it belongs to the day of its request.
func (t *today) eachSelection(ctx context.Context, visit func(*request, selection) error) error {
	var chosen []int
	id := dayNumber(t.day) * selectionIDs
	return t.each(ctx, func(_ int, d dice, r *request) error {
		d = d.on(topicSelection)
		chosen = choose(d, r.books, chosen[:0])
		at := r.millis
		for n, book := range chosen {
			id++
			at = min(at+4000+d.on(n).on(0).below(90_000), millisOfDay-1)
			if err := visit(r, selection{id, book, at}); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeSelections writes a line for each selection and counts them in sum.
func (t *today) writeSelections(ctx context.Context, w *bufio.Writer, sum *Summary) error {
	if _, err := w.WriteString("id,query_id,isbn13,user_id,selected_at\n"); err != nil {
		return err
	}
	var line []byte
	return t.eachSelection(ctx, func(r *request, s selection) error {
		sum.Selections++
		line = strconv.AppendInt(line[:0], int64(s.id), 10)
		line = append(line, ',')
		line = append(line, r.id[:]...)
		line = append(line, ',')
		line = append(line, t.isbns[s.book]...)
		line = append(line, ",user-"...)
		line = strconv.AppendInt(line, r.user, 10)
		line = append(line, ',')
		line = t.appendInstant(line, s.millis)
		line = append(line, '\n')
		_, err := w.Write(line)
		return err
	})
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
