package stage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"daybook/internal/fault"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// content is an object's content, decompressed by the ending of its name. It remembers why it could not be read on.
type content struct {
	object Object
	file   *os.File
	from   io.Reader
	read   func(int64) // is told the raw bytes
	err    error
	free   func()
}

func (r *run) open(o Object) (*content, error) {
	file, err := os.Open(o.Path)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", o.Name, err)
	}
	c := &content{object: o, file: file, read: r.read, free: func() {}}
	raw := bufio.NewReaderSize(counter{c}, 1<<18)
	if _, err := raw.Peek(1); errors.Is(err, io.EOF) {
		c.from = raw // no bytes are no records, also where they should be compressed
		return c, nil
	}
	switch {
	case strings.HasSuffix(o.Name, ".gz"):
		z, err := gzip.NewReader(raw)
		if err != nil {
			file.Close()
			return nil, damaged(o, err)
		}
		c.from = z
	case strings.HasSuffix(o.Name, ".zst"):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			file.Close()
			return nil, damaged(o, err)
		}
		c.from, c.free = z, z.Close
	default:
		c.from = raw
	}
	return c, nil
}

func (c *content) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

func (c *content) close() {
	c.free()
	c.file.Close()
}

// counter reports raw bytes as they are read.
type counter struct{ c *content }

func (n counter) Read(b []byte) (int, error) {
	got, err := n.c.file.Read(b)
	n.c.read(int64(got))
	return got, err
}

// explain says what an error of whoever read the content means for the object.
func (c *content) explain(err error) error {
	var disk *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(c.err, &disk):
		return fmt.Errorf("stage %s: %w", c.object.Name, c.err)
	case c.err != nil:
		return damaged(c.object, c.err)
	case errors.Is(err, bufio.ErrTooLong):
		return fault.New(fault.Invalid, fmt.Sprintf("%s has a record of more than %d MB", c.object.Name, maxRecord>>20), "is its format declared right?")
	}
	return err
}

func damaged(o Object, err error) error {
	return fault.Wrap(fault.Damaged, err, fmt.Sprintf("%s is cut off or damaged", o.Name), "fetch it again")
}
