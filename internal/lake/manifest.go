package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

const manifestFormat = 1

// Object is a stored file of a generation.
type Object struct {
	Name   string
	Bytes  int64
	SHA256 string // of the bytes, in lower-case hexadecimal
	Rows   int64  `json:",omitempty"`
	Origin string // where it came from, such as a path or URL, never with credentials
}

// Manifest is the commit of one generation of a key: exactly these objects, in the order they were stored.
type Manifest struct {
	Format     int
	Layer      Layer
	Node       string
	Day        calendar.Day // empty for a current state
	Number     int          `json:",omitempty"`
	Generation string
	Objects    []Object
	Missing    []string `json:",omitempty"` // parts of the day that the source did not have
	Run        string
	Created    time.Time
	Facts      map[string]string `json:",omitempty"`
}

// Key is what the manifest commits.
func (m Manifest) Key() Key { return Key{m.Layer, m.Node, m.Day, m.Number} }

// Hash is the SHA-256, in hexadecimal, over the names and hashes of the objects in name order. When, by which run and from
// where they came is not in it, so the same bytes fetched again have the same hash.
func (m Manifest) Hash() string {
	objects := slices.SortedFunc(slices.Values(m.Objects), func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, o := range objects {
		fmt.Fprintf(h, "%s\x00%s\n", o.Name, o.SHA256)
	}
	return digest(h)
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Object finds an object by name; one that the manifest does not have is a fault of code not_found.
func (m Manifest) Object(name string) (Object, error) {
	for _, o := range m.Objects {
		if o.Name == name {
			return o, nil
		}
	}
	return Object{}, fault.New(fault.NotFound, fmt.Sprintf("%s has no object %q", m.Key(), name), "")
}

func (m Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// decode reads the manifest of k. Names are checked, as they become paths.
func decode(b []byte, k Key) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fault.Wrap(fault.Damaged, err, "the manifest cannot be read", "restore it from a backup, or run the day again with a new fetch")
	}
	if m.Format > manifestFormat {
		return Manifest{}, fault.New(fault.Refused, fmt.Sprintf("the manifest has format %d, this version reads up to %d", m.Format, manifestFormat), "use the newer version that wrote it")
	}
	if m.Key() != k {
		return Manifest{}, fault.New(fault.Damaged, fmt.Sprintf("the manifest is one of %s, not of %s", m.Key(), k), "put it back where it belongs")
	}
	names := []string{m.Generation}
	for _, o := range m.Objects {
		names = append(names, o.Name)
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return Manifest{}, fault.Wrap(fault.Damaged, err, "the manifest names an impossible object", "restore it from a backup")
		}
	}
	return m, nil
}

// verify reads every object of m through l, and goes on after one that is damaged so that all of them are named.
func verify(ctx context.Context, l Lake, m Manifest) error {
	var errs []error
	for _, o := range m.Objects {
		if err := verifyObject(ctx, l, m, o); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("verify %s: %w", m.Key(), ctx.Err())
		}
	}
	return errors.Join(errs...)
}

func verifyObject(ctx context.Context, l Lake, m Manifest, o Object) error {
	r, err := l.Open(ctx, m, o.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, reader{ctx, r}); err != nil {
		return fmt.Errorf("verify %s of %s: %w", o.Name, m.Key(), err)
	}
	if got := digest(h); got != o.SHA256 {
		return damaged(m, o, fmt.Sprintf("its SHA-256 is %s, %s was written", got, o.SHA256))
	}
	return nil
}

func damaged(m Manifest, o Object, why string) error {
	e := fault.New(fault.Damaged, fmt.Sprintf("the object is not what was stored for %s: %s", m.Key(), why),
		"restore the file from a backup, or run the day again with a new fetch")
	e.File = m.Key().path() + "/" + m.Generation + "/" + o.Name
	return e
}
