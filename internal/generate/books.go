package generate

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strings"

	"daybook/internal/calendar"
)

// booksOfKeyword is how many books a keyword finds.
const booksOfKeyword = 40

// isbn13 returns the number of a book; 979-9 belongs to no country, so no real book has it.
func isbn13(book int) string {
	digits := fmt.Sprintf("9799%08d", (book*7919+30_011)%100_000_000)
	sum := 0
	for i, r := range digits {
		sum += int(r-'0') * (1 + i%2*2)
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

// book is one of the catalogue: isbn13, title, authors, publisher, class_no (empty for a few) and registered_on.
type book [6]string

// eachBook makes the catalogue. Book b is found by keyword b / booksOfKeyword.
func eachBook(d dice, visit func(book) error) error {
	forms, surnames := titles(), strings.Fields("김 이 박 최 정 강 조 윤 장 임 한 오")
	first := calendar.MustDay("2018-01-02")
	for k, word := range keywords() {
		turn := d.on(k).below(len(forms))
		for rank := range booksOfKeyword {
			b := d.on(k).on(rank)
			author := fmt.Sprintf("%s작가 %d", surnames[b.on(0).below(len(surnames))], 1+b.on(1).below(400))
			if b.on(2).hits(150_000) {
				author += fmt.Sprintf(", %s작가 %d", surnames[b.on(3).below(len(surnames))], 1+b.on(4).below(400))
			}
			class := word.class
			if b.on(5).hits(10_000) {
				class = ""
			}
			err := visit(book{
				isbn13(k*booksOfKeyword + rank),
				strings.ReplaceAll(forms[(rank+turn)%len(forms)], "%", word.text),
				author,
				fmt.Sprintf("출판사 %02d", 1+b.on(6).below(60)),
				class,
				first.Add(b.on(7).below(3000)).String(),
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// writeBooks writes the catalogue and returns its number of books.
func writeBooks(w *bufio.Writer, d dice) (int, error) {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"isbn13", "title", "authors", "publisher", "class_no", "registered_on"}); err != nil {
		return 0, err
	}
	count := 0
	err := eachBook(d, func(b book) error {
		count++
		return out.Write(b[:])
	})
	if err != nil {
		return 0, err
	}
	out.Flush()
	return count, out.Error()
}
