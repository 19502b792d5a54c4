package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

const (
	manifestName = "manifest.json"
	manifestExt  = ".json" // GENERATION.json is the manifest of an earlier generation
	temporaryExt = ".tmp"
	journalExt   = ".parts" // GENERATION.parts notes what an unfinished generation has stored
	keyPrefix    = "day="
	numberPrefix = "edition="
)

// Dir is a lake in a directory: LAYER/NODE/day=DAY/GENERATION/OBJECT beside LAYER/NODE/day=DAY/manifest.json, with edition=N
// below the day for editions. What it creates is readable by its user only.
type Dir struct {
	root   string
	writer func(*os.File) io.Writer // how files are written: directly, unless a test bounds the disk

	mu sync.Mutex // the directories and manifests of keys change under it
}

// OpenDir opens the lake in a directory, which it creates when absent.
func OpenDir(root string) (*Dir, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("open lake: %w", explain(err, root))
	}
	return &Dir{root: filepath.Clean(root), writer: func(f *os.File) io.Writer { return f }}, nil
}

func (d *Dir) keyDir(k Key) string { return filepath.Join(d.root, filepath.FromSlash(k.path())) }

// Manifest implements Lake.
func (d *Dir) Manifest(ctx context.Context, k Key) (Manifest, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return Manifest{}, err
	}
	m, err := d.readManifest(k, manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, fault.New(fault.NotFound, fmt.Sprintf("the lake has no %s", k), "")
	}
	return m, err
}

func (d *Dir) readManifest(k Key, name string) (Manifest, error) {
	b, err := os.ReadFile(filepath.Join(d.keyDir(k), name))
	if err != nil {
		return Manifest{}, err
	}
	m, err := decode(b, k)
	var f *fault.Error
	if errors.As(err, &f) {
		f.File = k.path() + "/" + name
	}
	return m, err
}

// Open implements Lake.
func (d *Dir) Open(ctx context.Context, m Manifest, name string) (io.ReadCloser, error) {
	file, err := d.Local(ctx, m, name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open %s of %s: %w", name, m.Key(), err)
	}
	return f, nil
}

// Local implements Lake: it is the stored file itself.
func (d *Dir) Local(ctx context.Context, m Manifest, name string) (string, error) {
	if err := errors.Join(ctx.Err(), m.Key().check(), checkName(m.Generation), checkName(name)); err != nil {
		return "", err
	}
	o, err := m.Object(name)
	if err != nil {
		return "", err
	}
	file := filepath.Join(d.keyDir(m.Key()), m.Generation, name)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", damaged(m, o, "it is gone")
	case err != nil:
		return "", fmt.Errorf("read %s of %s: %w", name, m.Key(), err)
	case !info.Mode().IsRegular():
		return "", damaged(m, o, "it is no file")
	case info.Size() != o.Bytes:
		return "", damaged(m, o, fmt.Sprintf("it has %d bytes, %d were written", info.Size(), o.Bytes))
	}
	return file, nil
}

// Verify implements Lake.
func (d *Dir) Verify(ctx context.Context, m Manifest) error { return verify(ctx, d, m) }

// Keys implements Lake.
func (d *Dir) Keys(ctx context.Context, layer Layer, node string) ([]Key, error) {
	probe := Key{Layer: layer, Node: node}
	if layer.numbered() {
		probe.Number = 1
	}
	if err := errors.Join(ctx.Err(), probe.check()); err != nil {
		return nil, err
	}
	all, err := d.keysOf(layer, node)
	return slices.DeleteFunc(all, func(k Key) bool {
		_, err := os.Stat(filepath.Join(d.keyDir(k), manifestName))
		return err != nil
	}), err
}

// keysOf lists the keys that have a directory, committed or not.
func (d *Dir) keysOf(layer Layer, node string) ([]Key, error) {
	days, err := readDir(filepath.Join(d.root, string(layer), node))
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, e := range days {
		name, ok := strings.CutPrefix(e.Name(), keyPrefix)
		day, err := calendar.ParseDay(name)
		if !ok || !e.IsDir() || err != nil && name != "current" {
			continue
		}
		if !layer.numbered() {
			keys = append(keys, Key{Layer: layer, Node: node, Day: day})
			continue
		}
		editions, err := readDir(filepath.Join(d.root, string(layer), node, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, e := range editions {
			text, ok := strings.CutPrefix(e.Name(), numberPrefix)
			if n, err := strconv.Atoi(text); ok && err == nil && n > 0 && e.IsDir() {
				keys = append(keys, Key{Layer: layer, Node: node, Day: day, Number: n})
			}
		}
	}
	slices.SortFunc(keys, Key.compare)
	return keys, nil
}

// readDir is os.ReadDir for which a directory that does not exist is empty.
func readDir(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// Remove implements Lake. Manifests go first and the newest last, so that after a crash on the way Sweep finds the rest.
func (d *Dir) Remove(ctx context.Context, k Key) error {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.remove(k); err != nil {
		return fmt.Errorf("remove %s: %w", k, err)
	}
	return nil
}

func (d *Dir) remove(k Key) error {
	dir := d.keyDir(k)
	entries, err := readDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	var generations []string
	if m, err := d.readManifest(k, manifestName); err == nil {
		generations = append(generations, m.Generation)
	}
	for _, e := range entries {
		g, ok := strings.CutSuffix(e.Name(), manifestExt)
		if !ok {
			g, ok = strings.CutSuffix(e.Name(), journalExt)
		}
		if ok && generationRE.MatchString(g) {
			generations = append(generations, g)
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, manifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	for _, g := range generations {
		if err := os.RemoveAll(filepath.Join(dir, g)); err != nil {
			return err
		}
	}
	d.prune(k)
	return nil
}

// prune removes the directories of a key when they are empty; os.Remove leaves those that are not.
func (d *Dir) prune(k Key) {
	dir := d.keyDir(k)
	if os.Remove(dir) == nil && k.Layer.numbered() {
		_ = os.Remove(filepath.Dir(dir)) // other editions of the day keep it
	}
}

var generationRE = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Sweep implements Lake. A key whose manifest cannot be read is left as it is and named in the error.
func (d *Dir) Sweep(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, layer := range []Layer{Raw, Stage, Editions, Prints} {
		nodes, err := readDir(filepath.Join(d.root, string(layer)))
		errs = append(errs, err)
		for _, n := range nodes {
			if !n.IsDir() || checkName(n.Name()) != nil {
				continue
			}
			keys, err := d.keysOf(layer, n.Name())
			errs = append(errs, err)
			for _, k := range keys {
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("sweep the lake: %w", err)
				}
				errs = append(errs, d.sweepKey(k))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep the lake: %w", err)
	}
	return nil
}

func (d *Dir) sweepKey(k Key) error {
	dir := d.keyDir(k)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == manifestExt {
			m, err := d.readManifest(k, e.Name())
			if err != nil {
				return err
			}
			named[m.Generation] = true
		}
	}
	for _, e := range entries {
		g, ok := strings.CutSuffix(e.Name(), journalExt)
		switch {
		case ok && named[g]: // committed: a crash left its journal
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		case ok:
			named[g] = true
		}
	}
	for _, e := range entries {
		crashed := e.IsDir() && generationRE.MatchString(e.Name()) && !named[e.Name()]
		if crashed || filepath.Ext(e.Name()) == temporaryExt {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	d.prune(k)
	return nil
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
