package generate

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// bufferSize is what a file holds in memory before it is written or compressed.
const bufferSize = 1 << 16

// writeFile makes a file of what fill writes, compressed when zip is set. The file appears whole or not at all;
// its unfinished twin has a name that begins with a dot. It returns the size on disk in bytes.
func writeFile(path string, zip bool, fill func(*bufio.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return 0, fmt.Errorf("begin %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := fillFile(f, zip, fill); err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	if size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return 0, fmt.Errorf("measure %s: %w", path, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return 0, fmt.Errorf("finish %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return 0, fmt.Errorf("finish %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fmt.Errorf("finish %s: %w", path, err)
	}
	return size, nil
}

func fillFile(f io.Writer, zip bool, fill func(*bufio.Writer) error) error {
	if !zip {
		w := bufio.NewWriterSize(f, bufferSize)
		if err := fill(w); err != nil {
			return err
		}
		return w.Flush()
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(z, bufferSize)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return z.Close()
}
