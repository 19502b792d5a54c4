package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"daybook/internal/fault"
)

// array reads a JSON array, or objects one after the other; an item's line is the one on which it begins.
func (r *run) array(ctx context.Context, b *batch, o Object, object int, in io.Reader) error {
	ends := &lineEnds{from: in}
	reader := bufio.NewReaderSize(ends, 1<<16)
	isArray, skipped, err := opening(reader)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(reader)
	if isArray {
		if _, err := decoder.Token(); err != nil {
			return broken(o, err, ends, skipped)
		}
	}
	for {
		if isArray && !decoder.More() {
			return arrayEnd(o, decoder, ends, skipped)
		}
		var item json.RawMessage
		err := decoder.Decode(&item)
		if !isArray && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return broken(o, err, ends, skipped)
		}
		line := ends.line(skipped + decoder.InputOffset() - int64(len(item)))
		if err := b.json(ctx, object, line, item); err != nil {
			return err
		}
	}
}

// opening skips a byte order mark and white space, and says whether an array begins there.
func opening(reader *bufio.Reader) (isArray bool, skipped int64, err error) {
	if mark, err := reader.Peek(len(bom)); err == nil && bytes.Equal(mark, bom) {
		n, err := reader.Discard(len(bom))
		if err != nil {
			return false, 0, err
		}
		skipped = int64(n)
	}
	for {
		c, err := reader.ReadByte()
		if err != nil {
			return false, skipped, err
		}
		if !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)) {
			return c == '[', skipped, reader.UnreadByte()
		}
		skipped++
	}
}

// arrayEnd reads the closing bracket, after which nothing may come.
func arrayEnd(o Object, decoder *json.Decoder, ends *lineEnds, skipped int64) error {
	if _, err := decoder.Token(); err != nil {
		return broken(o, err, ends, skipped)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		line := ends.line(skipped + decoder.InputOffset())
		return fault.New(fault.Damaged, fmt.Sprintf("in %s something follows the JSON array at line %d", o.Name, line), "write format: ndjson if there is one record per line")
	}
	return nil
}

// broken says where the text stops being JSON; after that nothing can be read. Errors of reading it stay what they are.
func broken(o Object, err error, ends *lineEnds, skipped int64) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return damaged(o, err)
	case errors.As(err, &syntax):
		return fault.Wrap(fault.Damaged, err, fmt.Sprintf("%s is no valid JSON at line %d", o.Name, ends.line(skipped+syntax.Offset)), "fetch it again, or mend the source")
	}
	return err
}

// lineEnds knows the offsets of the line ends that went by and were not asked for yet.
type lineEnds struct {
	from   io.Reader
	read   int64
	at     []int64
	before int64 // line ends that were asked for
}

func (l *lineEnds) Read(b []byte) (int, error) {
	n, err := l.from.Read(b)
	for i, c := range b[:n] {
		if c == '\n' {
			l.at = append(l.at, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// line is the 1-based line of an offset; offsets are asked for in rising order.
func (l *lineEnds) line(offset int64) int64 {
	n := 0
	for n < len(l.at) && l.at[n] < offset {
		n++
	}
	l.at = l.at[n:]
	l.before += int64(n)
	return l.before + 1
}
