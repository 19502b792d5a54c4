// Package lake keeps the bytes of days, as received, staged and as editions, each committed by a manifest that is written last.
package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// Layer is a floor of the lake.
type Layer string

const (
	Raw      Layer = "raw"      // bytes as a source gave them
	Stage    Layer = "stage"    // a source's records as typed Parquet
	Editions Layer = "editions" // the figures of a report, and where they come from
	Prints   Layer = "prints"   // an edition as it was mailed
)

// Key names what is committed as one: a node's day in a layer. The zero Day stands for a current state ("day=current").
// Number is an edition's, from 1, and 0 in the other layers.
type Key struct {
	Layer  Layer
	Node   string
	Day    calendar.Day
	Number int
}

// Lake keeps committed batches of objects. Its errors are faults: not_found for what was never committed, damaged for a
// stored file that is not what was written, no_space for a full disk, invalid for a key or name that cannot be one.
// It may be used by several goroutines.
type Lake interface {
	// Begin opens a batch. Nothing of it is visible until its Commit.
	Begin(ctx context.Context, k Key) (Batch, error)
	// Resume opens a batch that survives its process: what it has stored is noted with its state as soon as it is durable. When the
	// key has such a batch, suspended or left by a crash, and it was begun with the same plan, it is taken up where it stands, with
	// what it has stored in that order; one of another plan is thrown away.
	Resume(ctx context.Context, k Key, plan string) (Batch, []Kept, error)
	// Manifest is the newest committed one.
	Manifest(ctx context.Context, k Key) (Manifest, error)
	// Open reads an object of a manifest, which may be an earlier one. A size that differs from the manifest's is damage.
	Open(ctx context.Context, m Manifest, name string) (io.ReadCloser, error)
	// Local is a local file with the object's bytes, to be read only; its size is checked as by Open.
	Local(ctx context.Context, m Manifest, name string) (string, error)
	// Verify reads every object of a manifest and compares its SHA-256; it names each file that is damaged.
	Verify(ctx context.Context, m Manifest) error
	// Keys lists what a node has committed in a layer, by day (current state first) and number.
	Keys(ctx context.Context, layer Layer, node string) ([]Key, error)
	// Remove takes away everything committed under a key, earlier generations too; a key without any is no error.
	Remove(ctx context.Context, k Key) error
	// Sweep takes away what no manifest names: the remains of crashed batches, but not what Resume can take up. It takes open
	// batches too, so it is for the start.
	Sweep(ctx context.Context) error
}

// Batch gathers the objects of one generation. Names are single path elements, different within the batch. After a Put or
// Adopt that failed the batch cannot be committed. Put and Adopt may be called by several goroutines; the manifest has
// the objects in the order in which they were complete.
type Batch interface {
	// Put stores what r gives.
	Put(ctx context.Context, p Part, r io.Reader) (Object, error)
	// Adopt moves a local file of rows rows into the lake.
	Adopt(ctx context.Context, name, origin, file string, rows int64) (Object, error)
	// Commit makes the batch what the key holds. An error leaves the earlier generation in place.
	Commit(ctx context.Context, meta Meta) (Manifest, error)
	// Abort throws the batch away; after Commit or Suspend it does nothing, so it may be deferred.
	Abort()
	// Suspend ends the work on a batch of Resume and leaves it to be taken up again; one of Begin is thrown away.
	Suspend()
}

// Part is an object to store. Origin says where it came from, such as a path or URL without credentials. State is for who takes
// the batch up again: how to go on behind this object.
type Part struct{ Name, Origin, State string }

// Kept is what an unfinished batch has stored.
type Kept struct {
	Object
	State string
}

// Meta is what a commit notes beside the objects.
type Meta struct {
	Missing []string // parts of the day that the source did not have
	Run     string
	Created time.Time
	Facts   map[string]string
}

// String reads "raw searches 2026-11-19".
func (k Key) String() string {
	s := fmt.Sprintf("%s %s %s", k.Layer, k.Node, k.dayName())
	if k.Number > 0 {
		s += fmt.Sprintf(" edition %d", k.Number)
	}
	return s
}

func (k Key) dayName() string {
	if k.Day.IsZero() {
		return "current"
	}
	return k.Day.String()
}

// path is where a key lies in any lake, with slashes: raw/searches/day=2026-11-19, editions/daily/day=2026-11-19/edition=2.
func (k Key) path() string {
	p := path.Join(string(k.Layer), k.Node, "day="+k.dayName())
	if k.Number > 0 {
		p += fmt.Sprintf("/edition=%d", k.Number)
	}
	return p
}

// numbered reports whether a layer holds editions, of which a day has several.
func (l Layer) numbered() bool { return l == Editions || l == Prints }

func (k Key) check() error {
	switch k.Layer {
	case Raw, Stage:
		if k.Number != 0 {
			return fault.New(fault.Invalid, fmt.Sprintf("%s has an edition number, the layer has none", k), "")
		}
	case Editions, Prints:
		if k.Number < 1 {
			return fault.New(fault.Invalid, fmt.Sprintf("%s has no edition number", k), "")
		}
	default:
		return fault.New(fault.Invalid, fmt.Sprintf("%q is not a layer of the lake", k.Layer), "")
	}
	return checkName(k.Node)
}

func (k Key) compare(o Key) int {
	return cmp.Or(k.Day.Compare(o.Day), cmp.Compare(k.Number, o.Number))
}

const (
	maxName     = 200 // bytes; file systems end at 255
	punctuation = "._-=+@,() "
)

// checkName lets through what is one harmless path element on every file system and in every glob: letters and digits of
// any script and a little punctuation, with no dot at the front.
func checkName(name string) error {
	bad := name == "" || len(name) > maxName || name[0] == '.' || !utf8.ValidString(name)
	for _, r := range name {
		bad = bad || !(unicode.In(r, unicode.L, unicode.M, unicode.Nd) || strings.ContainsRune(punctuation, r))
	}
	if bad {
		return fault.New(fault.Invalid, fmt.Sprintf("%q cannot name a part of the lake", name),
			fmt.Sprintf("use letters, digits and %q, at most %d bytes, no dot at the front", punctuation, maxName))
	}
	return nil
}

// explain turns a full disk into a fault that says so; other errors pass.
func explain(err error, dir string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(fault.NoSpace, err, "no space is left for the lake in "+dir,
			"free some space or remove old days, then run it again; what was committed before is unchanged")
	}
	return err
}

// reader ends with the context's error once ctx is done, so that copying stops.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
