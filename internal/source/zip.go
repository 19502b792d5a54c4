package source

import (
	"io"

	"github.com/klauspost/compress/gzip"
)

// newZip compresses fast, and to the same bytes each time: the header has no name and no time.
func newZip(w io.Writer) *gzip.Writer {
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // a level that exists
	return z
}
