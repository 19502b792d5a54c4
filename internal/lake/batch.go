package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"daybook/internal/fault"
)

// dirBatch is a generation's directory that no manifest names yet.
type dirBatch struct {
	lake       *Dir
	key        Key
	generation string
	dir        string

	journal *os.File // of what is stored, for a batch that can be taken up again; else nil

	mu      sync.Mutex
	objects []Object
	failed  error // of the first Put or Adopt that did not work
	done    bool
}

// Begin implements Lake.
func (d *Dir) Begin(ctx context.Context, k Key) (Batch, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begin(k)
}

func (d *Dir) begin(k Key) (*dirBatch, error) {
	generation := strings.ToLower(rand.Text())
	dir := filepath.Join(d.keyDir(k), generation)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("begin %s: %w", k, explain(err, d.root))
	}
	return &dirBatch{lake: d, key: k, generation: generation, dir: dir}, nil
}

// Put implements Batch.
func (b *dirBatch) Put(ctx context.Context, p Part, r io.Reader) (Object, error) {
	return b.add(Object{Name: p.Name, Origin: p.Origin}, p.State, func(to string) (int64, string, error) { return b.lake.write(ctx, to, r) })
}

// Adopt implements Batch.
func (b *dirBatch) Adopt(ctx context.Context, name, origin, file string, rows int64) (Object, error) {
	return b.add(Object{Name: name, Origin: origin, Rows: rows}, "", func(to string) (int64, string, error) { return b.lake.move(ctx, file, to) })
}

// add stores an object's bytes and notes it, or notes that the batch has failed.
func (b *dirBatch) add(o Object, state string, store func(to string) (int64, string, error)) (Object, error) {
	err := errors.Join(b.over(), checkName(o.Name))
	if err == nil {
		o.Bytes, o.SHA256, err = store(filepath.Join(b.dir, o.Name))
	}
	if errors.Is(err, fs.ErrExist) {
		err = fault.Wrap(fault.Invalid, err, fmt.Sprintf("two objects are called %q", o.Name), "")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.journal != nil && !b.done {
		err = b.note(Kept{o, state})
	}
	if err == nil {
		b.objects = append(b.objects, o)
		return o, nil
	}
	err = fmt.Errorf("store %s of %s: %w", o.Name, b.key, explain(err, b.lake.root))
	if b.failed == nil {
		b.failed = err
	}
	return Object{}, err
}

func (b *dirBatch) over() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return errors.New("the batch is over")
	}
	return nil
}

// Commit implements Batch: once the manifest has its name, the batch is what the key holds.
func (b *dirBatch) Commit(ctx context.Context, meta Meta) (Manifest, error) {
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
		return Manifest{}, fmt.Errorf("commit %s: %w", b.key, explain(err, b.lake.root))
	}
	return m, nil
}

func (b *dirBatch) commit(ctx context.Context, m Manifest) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	if err := syncDir(b.dir); err != nil {
		return err
	}
	b.lake.mu.Lock()
	defer b.lake.mu.Unlock()
	if err := b.lake.keepEarlier(ctx, b.key); err != nil {
		return fmt.Errorf("keep the earlier manifest: %w", err)
	}
	dir := b.lake.keyDir(b.key)
	temporary := filepath.Join(dir, b.generation+temporaryExt)
	if _, _, err := b.lake.write(ctx, temporary, bytes.NewReader(text)); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, manifestName)); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	b.done = true // from here on the objects are named: an error below must not take them away
	return errors.Join(b.endJournal(), b.lake.syncUp(dir))
}

// keepEarlier writes the manifest that is about to be replaced beside it, under the name of its generation. A damaged one
// is replaced without a trace, so that running the day again heals it.
func (d *Dir) keepEarlier(ctx context.Context, k Key) error {
	m, err := d.readManifest(k, manifestName)
	if errors.Is(err, fs.ErrNotExist) || fault.Is(err, fault.Damaged) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	kept := filepath.Join(d.keyDir(k), m.Generation+manifestExt)
	if _, err := os.Stat(kept); err == nil { // by a commit that crashed after this step
		return nil
	}
	temporary := kept + temporaryExt
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, _, err := d.write(ctx, temporary, bytes.NewReader(text)); err != nil {
		return err
	}
	return os.Rename(temporary, kept)
}

// syncUp makes a directory durable together with the entries that lead to it from the root.
func (d *Dir) syncUp(dir string) error {
	for {
		if err := syncDir(dir); err != nil || dir == d.root || len(dir) <= len(d.root) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// Abort implements Batch.
func (b *dirBatch) Abort() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done = true
	b.lake.mu.Lock()
	defer b.lake.mu.Unlock()
	_ = b.endJournal()
	_ = os.RemoveAll(b.dir) // what cannot be removed now is Sweep's
	b.lake.prune(b.key)
}

// write stores what r gives in a new file, durably, and returns its size and SHA-256. A file it could not finish is removed.
func (d *Dir) write(ctx context.Context, file string, r io.Reader) (int64, string, error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, "", err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(d.writer(f), h), reader{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file) // Sweep takes it otherwise
		return 0, "", err
	}
	return n, digest(h), nil
}

// move brings a local file to a new place, durably. On another disk it is copied and then removed.
func (d *Dir) move(ctx context.Context, from, to string) (int64, string, error) {
	info, err := os.Lstat(from)
	if err != nil {
		return 0, "", err
	}
	if !info.Mode().IsRegular() {
		return 0, "", fmt.Errorf("%s is no regular file", from)
	}
	if _, err := os.Lstat(to); err == nil { // Rename would replace it
		return 0, "", fs.ErrExist
	}
	if os.Rename(from, to) != nil {
		f, err := os.Open(from)
		if err != nil {
			return 0, "", err
		}
		defer f.Close()
		n, sum, err := d.write(ctx, to, f)
		if err == nil {
			err = os.Remove(from)
		}
		return n, sum, err
	}
	if err := os.Chmod(to, 0o600); err != nil {
		return 0, "", err
	}
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, reader{ctx, f})
	return n, digest(h), errors.Join(err, f.Sync())
}
