package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// plan is the first line of a journal.
type plan struct{ Plan string }

// Resume implements Lake. The journal has a line per object, written when the object is durable; a line that a crash cut off is
// none, and neither is the object that it would have named.
func (d *Dir) Resume(ctx context.Context, k Key, wanted string) (Batch, []Kept, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return nil, nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	entries, err := readDir(d.keyDir(k))
	if err != nil {
		return nil, nil, fmt.Errorf("resume %s: %w", k, err)
	}
	for _, e := range entries {
		generation, ok := strings.CutSuffix(e.Name(), journalExt)
		if !ok || !generationRE.MatchString(generation) {
			continue
		}
		committed, err := d.names(k, generation)
		if committed && err == nil { // a crash came between the commit and the end of the journal
			err = os.Remove(filepath.Join(d.keyDir(k), e.Name()))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("resume %s: %w", k, err)
		}
		if committed {
			continue
		}
		b, kept, err := d.takeUp(k, generation, wanted)
		if err != nil || b != nil {
			return b, kept, err
		}
	}
	b, err := d.begin(k)
	if err != nil {
		return nil, nil, err
	}
	if err := b.beginJournal(wanted, nil); err != nil {
		return nil, nil, fmt.Errorf("begin %s: %w", k, explain(err, d.root))
	}
	return b, nil, nil
}

// names reports whether a manifest of the key names a generation.
func (d *Dir) names(k Key, generation string) (bool, error) {
	if _, err := os.Stat(filepath.Join(d.keyDir(k), generation+manifestExt)); err == nil {
		return true, nil
	}
	m, err := d.readManifest(k, manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return m.Generation == generation, err
}

// takeUp opens the batch of a journal, or throws it away and returns nil when it is one of another plan.
func (d *Dir) takeUp(k Key, generation, wanted string) (Batch, []Kept, error) {
	dir := d.keyDir(k)
	begun, kept, err := readJournal(filepath.Join(dir, generation+journalExt))
	if err != nil {
		return nil, nil, fmt.Errorf("resume %s: %w", k, err)
	}
	if begun != wanted {
		if err := errors.Join(os.Remove(filepath.Join(dir, generation+journalExt)), os.RemoveAll(filepath.Join(dir, generation))); err != nil {
			return nil, nil, fmt.Errorf("throw away an unfinished %s of another plan: %w", k, err)
		}
		return nil, nil, nil
	}
	b := &dirBatch{lake: d, key: k, generation: generation, dir: filepath.Join(dir, generation)}
	kept, err = b.whole(kept)
	if err == nil {
		err = b.beginJournal(wanted, kept)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("resume %s: %w", k, explain(err, d.root))
	}
	for _, o := range kept {
		b.objects = append(b.objects, o.Object)
	}
	return b, kept, nil
}

// whole is the part of the journal up to the first object that is not there as it was written, and removes every other file.
func (b *dirBatch) whole(kept []Kept) ([]Kept, error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for i, o := range kept {
		info, err := os.Stat(filepath.Join(b.dir, o.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || info.Size() != o.Bytes || checkName(o.Name) != nil {
			kept = kept[:i]
			break
		}
		named[o.Name] = true
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !named[e.Name()] {
			if err := os.RemoveAll(filepath.Join(b.dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return kept, nil
}

func readJournal(file string) (begun string, kept []Kept, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", nil, err
	}
	for i, line := range bytes.SplitAfter(text, []byte("\n")) {
		var p plan
		var o Kept
		switch {
		case !bytes.HasSuffix(line, []byte("\n")):
			return begun, kept, nil // cut off by a crash, or the end
		case i == 0 && json.Unmarshal(line, &p) == nil:
			begun = p.Plan
		case i > 0 && json.Unmarshal(line, &o) == nil:
			kept = append(kept, o)
		default:
			return begun, kept, nil
		}
	}
	return begun, kept, nil
}

func (b *dirBatch) journalFile() string {
	return filepath.Join(b.lake.keyDir(b.key), b.generation+journalExt)
}

// beginJournal writes the journal anew, so that it ends where the kept objects do, and leaves it open for what follows.
func (b *dirBatch) beginJournal(wanted string, kept []Kept) error {
	temporary := b.journalFile() + temporaryExt
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(f)
	err = lines.Encode(plan{wanted})
	for _, o := range kept {
		err = errors.Join(err, lines.Encode(o))
	}
	if err = errors.Join(err, f.Sync()); err == nil {
		err = os.Rename(temporary, b.journalFile())
	}
	if err == nil {
		err = b.lake.syncUp(b.lake.keyDir(b.key))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	b.journal = f
	return nil
}

// note adds an object whose bytes are durable; its name in the directory is made so first.
func (b *dirBatch) note(o Kept) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := syncDir(b.dir); err != nil {
		return err
	}
	if _, err := b.journal.Write(append(line, '\n')); err != nil {
		return err
	}
	return b.journal.Sync()
}

// endJournal takes the journal away: the batch is committed or thrown away.
func (b *dirBatch) endJournal() error {
	if b.journal == nil {
		return nil
	}
	err := errors.Join(b.journal.Close(), os.Remove(b.journalFile()))
	b.journal = nil
	return err
}

// Suspend implements Batch.
func (b *dirBatch) Suspend() {
	if b.journal == nil {
		b.Abort()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return
	}
	b.done = true
	_ = b.journal.Close() // every line in it was synced when it was written
}
