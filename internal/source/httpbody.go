package source

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"

	"github.com/klauspost/compress/zstd"

	"daybook/internal/fault"
	"daybook/internal/project"
)

const (
	spoolMemory = 4 << 20  // of a body; the rest of it waits in a file
	mostPaged   = 64 << 20 // unpacked bytes of an answer that is read for its pages
	mostBody    = 1e9      // bytes of an answer, when the source does not say
	mostPacked  = 10       // times the bound of a body, what it may unpack to, when the source does not say
	mostPlain   = 10e9     // and at most that
)

// httpSpool holds a body until it is known to be whole.
type httpSpool struct {
	dir  string // for the file; the system's own when empty
	head bytes.Buffer
	file *os.File // what did not fit in head; nil when all did
	size int64
	hash hash.Hash
}

// Write implements io.Writer.
func (s *httpSpool) Write(p []byte) (int, error) {
	s.hash.Write(p)
	s.size += int64(len(p))
	if s.file == nil && s.head.Len()+len(p) <= spoolMemory {
		return s.head.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "daybook-answer-*")
		if err != nil {
			return 0, err
		}
		if err := os.Remove(f.Name()); err != nil { // so that no crash leaves it
			return 0, errors.Join(err, f.Close())
		}
		s.file = f
	}
	return s.file.Write(p)
}

// Reader reads all of it from the beginning.
func (s *httpSpool) Reader() io.Reader {
	head := bytes.NewReader(s.head.Bytes())
	if s.file == nil {
		return head
	}
	return io.MultiReader(head, io.NewSectionReader(s.file, 0, s.size-int64(s.head.Len())))
}

// Close gives the file back.
func (s *httpSpool) Close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name any more
	}
}

func (s *httpSpool) sum() string { return hex.EncodeToString(s.hash.Sum(nil)[:8]) }

// spool reads a body to its end; one that was cut off is worth another call, one without an end is not.
func (h *httpFetch) spool(t httpTarget, res *http.Response) (*httpSpool, error) {
	most, _ := httpBounds(h.s)
	s := &httpSpool{dir: h.r.Temp, hash: sha256.New()}
	var disk error
	_, err := io.Copy(writerFunc(func(p []byte) (int, error) {
		n, err := s.Write(p)
		disk = err
		return n, err
	}), io.LimitReader(res.Body, most+1))
	switch {
	case disk != nil:
		s.Close()
		return nil, fault.Wrap("unwritable", disk, "keep the answer of "+t.shown+" in the directory for temporary files", "make room in "+cmp.Or(h.r.Temp, os.TempDir()))
	case s.size > most:
		s.Close()
		return nil, fault.New(fault.Damaged, fmt.Sprintf("the answer of %s has more than %d bytes", t.shown, most), "ask for less at once, or raise body: of the source")
	case err != nil:
		s.Close()
		return nil, &httpAgain{err: h.broken(t, fmt.Errorf("the answer broke off after %d bytes: %w", s.size, err))}
	}
	return s, nil
}

// httpBounds are the most bytes that an answer may have, as it comes and unpacked.
func httpBounds(s project.HTTP) (body, unpacked int64) {
	if body = s.Body; body <= 0 {
		body = mostBody
	}
	if unpacked = s.Unpacked; unpacked <= 0 {
		unpacked = min(mostPlain, mostPacked*body)
	}
	return body, max(body, unpacked) // what comes as it is may have all of body
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// inspect proves that a body is whole, as far as its compression and its format can tell, and reads what its pages need.
func (h *httpFetch) inspect(t httpTarget, res *http.Response, body *httpSpool) (httpReading, string, error) {
	first := make([]byte, 4)
	n, _ := io.ReadFull(body.Reader(), first) // shorter ones are fine
	first = first[:n]
	compression, encoding := "", res.Header.Get("Content-Encoding")
	switch {
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		compression = ".gz"
	case bytes.Equal(first, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		compression = ".zst"
	}
	wrong := func(err error) error {
		return &httpAgain{err: fault.New(fault.Damaged, fmt.Sprintf("the answer of %s is not whole: %s", t.shown, oneLine(h.mask(err.Error()))),
			"run the day again; if it stays so, tell the owner of the API, or correct format: of the source")}
	}
	if encoding != "" && encoding != "identity" && (compression == "" || encoding != "gzip" && encoding != "zstd") && body.size > 0 {
		return httpReading{}, "", wrong(fmt.Errorf("it says that it is %s, and is not", encoding))
	}
	if body.size == 0 && (res.StatusCode == http.StatusNoContent || h.emptyFormat()) {
		return httpReading{}, "", nil
	}
	_, most := httpBounds(h.s)
	size, err := unpackedSize(body, compression, most)
	if err != nil {
		return httpReading{}, "", wrong(err)
	}
	pages := h.s.Pages.Total != "" || h.s.OK.Path != "" || h.s.Pages.By != "none" && h.s.Pages.By != ""
	switch {
	case size > most:
		return httpReading{}, "", fault.New(fault.Damaged, fmt.Sprintf("the answer of %s unpacks to more than %d bytes", t.shown, most), "ask for less at once, or raise unpacked: of the source")
	case size > mostPaged && pages:
		return httpReading{}, "", fault.New(fault.Damaged, fmt.Sprintf("the answer of %s has %d bytes, a page may have %d", t.shown, size, mostPaged), "ask for smaller pages with size: under pages:")
	case size > mostPaged:
		return httpReading{}, compression, nil // it is looked into when it is staged
	}
	plain, closer, err := unpackedReader(body.Reader(), compression)
	if err != nil {
		return httpReading{}, "", wrong(err)
	}
	defer closer()
	found, err := h.read(plain, h.r.Source.Format)
	if err == nil {
		if err = h.verdict(t, found); err == nil && found.absent != "" {
			err = wrong(fmt.Errorf("instead of %s it has %s", h.r.Source.Records, found.absent))
		}
	} else {
		err = wrong(err)
	}
	return found, compression, err
}

// unpackedSize reads a body to the end of what it is packed in, or just beyond most.
func unpackedSize(body *httpSpool, compression string, most int64) (int64, error) {
	if compression == "" {
		return body.size, nil
	}
	plain, closer, err := unpackedReader(body.Reader(), compression)
	if err != nil {
		return 0, err
	}
	defer closer()
	return io.Copy(io.Discard, io.LimitReader(plain, most+1))
}

// emptyFormat reports whether no bytes are a whole answer: lines there can be none of.
func (h *httpFetch) emptyFormat() bool {
	return h.r.Source.Format == "ndjson" || h.r.Source.Format == "csv"
}

// unpackedReader reads what is compressed; closer gives its memory back.
func unpackedReader(r io.Reader, compression string) (plain io.Reader, closer func(), err error) {
	switch compression {
	case ".gz":
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}
