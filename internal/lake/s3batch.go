package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"daybook/internal/fault"
)

// s3Batch is a generation's prefix that no manifest names yet.
type s3Batch struct {
	lake       *S3
	key        Key
	generation string
	replaced   stored   // the manifest that was there when the batch began
	journal    *journal // of what is stored, for a batch that can be taken up again; else nil

	mu      sync.Mutex
	names   map[string]bool // true: put by this process; false: by who had the batch before
	objects []Object
	failed  error // of the first Put or Adopt that did not work
	done    bool
	doubt   bool // whether the manifest was written nobody knows
}

// Begin implements Lake.
func (s *S3) Begin(ctx context.Context, k Key) (Batch, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return nil, err
	}
	b, err := s.begin(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", k, err)
	}
	return b, nil
}

func (s *S3) begin(ctx context.Context, k Key) (*s3Batch, error) {
	if err := s.prove(ctx, 2*beatEvery); err != nil {
		return nil, err
	}
	old, err := s.readManifest(ctx, k, manifestName)
	if err != nil && !fault.Is(err, fault.Damaged) { // a damaged one is replaced, so that running the day again heals it
		return nil, err
	}
	return &s3Batch{lake: s, key: k, generation: strings.ToLower(rand.Text()), replaced: old, names: map[string]bool{}}, nil
}

// Put implements Batch.
func (b *s3Batch) Put(ctx context.Context, p Part, r io.Reader) (Object, error) {
	copied := b.lake.cache.spill() // what is stored is staged next
	return b.add(ctx, Object{Name: p.Name, Origin: p.Origin}, p.State, copied, func(to string) (int64, string, error) {
		return b.lake.upload(ctx, to, io.TeeReader(r, copied))
	})
}

// Adopt implements Batch.
func (b *s3Batch) Adopt(ctx context.Context, name, origin, file string, rows int64) (Object, error) {
	return b.add(ctx, Object{Name: name, Origin: origin, Rows: rows}, "", &spill{name: file}, func(to string) (int64, string, error) {
		info, err := os.Lstat(file)
		if err != nil {
			return 0, "", err
		}
		if !info.Mode().IsRegular() {
			return 0, "", fmt.Errorf("%s is no regular file", file)
		}
		f, err := os.Open(file)
		if err != nil {
			return 0, "", err
		}
		defer f.Close()
		return b.lake.upload(ctx, to, f)
	})
}

// add stores an object's bytes and notes it, or notes that the batch has failed. What it leaves of a local copy is the cache's.
func (b *s3Batch) add(ctx context.Context, o Object, state string, copied *spill, store func(to string) (int64, string, error)) (Object, error) {
	err := errors.Join(b.reserve(o.Name), b.lake.prove(ctx, 2*beatEvery))
	if err == nil {
		o.Bytes, o.SHA256, err = store(b.dir() + "/" + o.Name)
	}
	if err == nil {
		b.lake.cache.adopt(o, copied)
	} else {
		copied.drop()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.journal != nil && !b.done {
		err = b.journal.note(ctx, Kept{o, state})
	}
	if err == nil {
		b.objects = append(b.objects, o)
		return o, nil
	}
	err = fmt.Errorf("store %s of %s: %w", o.Name, b.key, explain(err, b.lake.cache.dir)) // only what is read can lie on a full disk
	if b.failed == nil {
		b.failed = err
	}
	return Object{}, err
}

// reserve takes a name that the batch does not have yet.
func (b *s3Batch) reserve(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.done:
		return errors.New("the batch is over")
	case b.has(name):
		return fault.New(fault.Invalid, fmt.Sprintf("two objects are called %q", name), "")
	}
	b.names[name] = true
	return nil
}

func (b *s3Batch) has(name string) bool { _, there := b.names[name]; return there }

func (b *s3Batch) dir() string { return b.key.path() + "/" + b.generation }

// Commit implements Batch: once the manifest is written, the batch is what the key holds. Where another server has committed the key
// since the batch began, it is refused with a fault of code busy.
func (b *s3Batch) Commit(ctx context.Context, meta Meta) (Manifest, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := Manifest{Format: manifestFormat, Layer: b.key.Layer, Node: b.key.Node, Day: b.key.Day, Number: b.key.Number,
		Generation: b.generation, Objects: b.objects, Missing: meta.Missing, Run: meta.Run, Created: meta.Created, Facts: meta.Facts}
	err := ctx.Err()
	switch {
	case b.done:
		err = errors.New("the batch is over")
	case b.failed != nil:
		err = fmt.Errorf("a part of it failed: %w", b.failed)
	}
	if err == nil {
		err = b.commit(ctx, m)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("commit %s: %w", b.key, err)
	}
	return m, nil
}

func (b *s3Batch) commit(ctx context.Context, m Manifest) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	defer b.lake.turn(b.key)()
	ctx, cancel, err := b.lake.fence(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := b.lake.keepEarlier(ctx, b.replaced); err != nil {
		return fmt.Errorf("keep the earlier manifest: %w", err)
	}
	if b.journal != nil && b.journal.tag != "" {
		if err := b.journal.own(ctx, false); err != nil {
			return err
		}
	}
	if err := b.lake.swap(ctx, b.key, text, b.replaced.tag); err != nil {
		b.doubt = !fault.Is(err, fault.Busy)
		return err
	}
	b.done = true // from here on the objects are named, and nothing below may say otherwise: Sweep does what is left
	_ = b.lake.link(ctx, b.key)
	if b.journal != nil {
		_ = b.journal.end(ctx)
	}
	return nil
}

// swap writes a manifest in the place of the one with the tag.
func (s *S3) swap(ctx context.Context, k Key, text []byte, tag string) error {
	at := k.path() + "/" + manifestName
	for {
		ok, _, err := s.replace(ctx, at, text, tag)
		if ok || err != nil {
			return err
		}
		now, err := s.readManifest(ctx, k, manifestName)
		switch {
		case now.whole && bytes.Equal(now.text, text):
			return nil // ours: the answer of an earlier try was lost
		case err == nil && now.tag == "" && tag != "":
			tag = "" // it was removed meanwhile, as by retention; ours is the first again
			continue
		case err != nil && !fault.Is(err, fault.Damaged):
			return err
		}
		by := "another server"
		if now.whole {
			by = fmt.Sprintf("run %s, at %s", now.manifest.Run, now.manifest.Created.UTC().Format(time.RFC3339))
		}
		return fault.New(fault.Busy, fmt.Sprintf("%s was committed meanwhile by %s", k, by),
			"run it on one server; what was committed is whole, run it again only if it is not what you want")
	}
}

// keepEarlier writes the manifest that is about to be replaced beside it, under the name of its generation. A damaged one is replaced
// without a trace.
func (s *S3) keepEarlier(ctx context.Context, old stored) error {
	if !old.whole {
		return nil
	}
	text, err := old.manifest.encode()
	if err != nil {
		return err
	}
	_, _, err = s.replace(ctx, old.manifest.Key().path()+"/"+old.manifest.Generation+manifestExt, text, "") // it may be there already
	return err
}

// cleanup is how long the end of a batch may take whose caller has gone.
const cleanup = 30 * time.Second

// Abort implements Batch. It takes away only what this process has put, and nothing that a manifest may name; the rest is Sweep's.
func (b *s3Batch) Abort() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done = true
	ctx, cancel := context.WithTimeout(context.Background(), cleanup)
	defer cancel()
	if b.lake.prove(ctx, proofAge) != nil {
		return
	}
	if b.journal != nil && b.journal.tag != "" && b.journal.own(ctx, true) != nil {
		return // it was taken up
	}
	if now, err := b.lake.readManifest(ctx, b.key, manifestName); b.doubt || err != nil && !fault.Is(err, fault.Damaged) || now.names(b.generation) {
		return
	}
	var paths []string
	for name, ours := range b.names {
		if ours {
			paths = append(paths, b.dir()+"/"+name)
		}
	}
	_ = b.lake.removeOwned(ctx, paths)
	if b.journal != nil {
		_ = b.journal.end(ctx)
	}
}

// Suspend implements Batch.
func (b *s3Batch) Suspend() {
	if b.journal == nil {
		b.Abort()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
}
