package lake

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

func openDir(t *testing.T) *Dir {
	t.Helper()
	d, err := OpenDir(filepath.Join(t.TempDir(), "lake"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func key() Key { return Key{Layer: Raw, Node: "searches", Day: calendar.MustDay("2026-11-19")} }

func commit(t *testing.T, d *Dir, k Key, text string) Manifest {
	t.Helper()
	b, err := d.Begin(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	if _, err := b.Put(t.Context(), Part{Name: "a.ndjson", Origin: "logs/a.ndjson"}, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	m, err := b.Commit(t.Context(), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tree lists the files below dir with slashes, in order, and directories that have nothing with a final slash.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if !e.IsDir() {
			files = append(files, filepath.ToSlash(rel))
		} else if entries, err := os.ReadDir(p); err == nil && len(entries) == 0 {
			files = append(files, filepath.ToSlash(rel)+"/")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func wantTree(t *testing.T, d *Dir, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, tree(t, d.root)); diff != "" {
		t.Errorf("files of the lake (-want +got):\n%s", diff)
	}
}

func TestFilesLieByLayerNodeAndDay(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	first := commit(t, d, key(), "1")
	second := commit(t, d, key(), "2")
	edition := commit(t, d, Key{Layer: Editions, Node: "daily", Day: key().Day, Number: 2}, "3")
	books := commit(t, d, Key{Layer: Raw, Node: "books"}, "4")
	wantTree(t, d,
		"raw/searches/day=2026-11-19/manifest.json",
		"raw/searches/day=2026-11-19/"+first.Generation+".json",
		"raw/searches/day=2026-11-19/"+first.Generation+"/a.ndjson",
		"raw/searches/day=2026-11-19/"+second.Generation+"/a.ndjson",
		"editions/daily/day=2026-11-19/edition=2/manifest.json",
		"editions/daily/day=2026-11-19/edition=2/"+edition.Generation+"/a.ndjson",
		"raw/books/day=current/manifest.json",
		"raw/books/day=current/"+books.Generation+"/a.ndjson",
	)
	info, err := os.Stat(filepath.Join(d.root, "raw/books/day=current", books.Generation, "a.ndjson"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("object: %v, %v; others may not read it", info.Mode(), err)
	}
}

func TestSweepLeavesNothingOfCrashedBatches(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	m := commit(t, d, key(), "1")
	for _, k := range []Key{key(), {Layer: Stage, Node: "searches", Day: key().Day}, {Layer: Editions, Node: "daily", Day: key().Day, Number: 1}} {
		b, err := d.Begin(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), Part{Name: "half"}, strings.NewReader("half")); err != nil {
			t.Fatal(err)
		}
	}
	dir := d.keyDir(key())
	if err := os.WriteFile(filepath.Join(dir, strings.Repeat("a", 26)+".tmp"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, d,
		"editions/daily/",
		"stage/searches/",
		"raw/searches/day=2026-11-19/manifest.json",
		"raw/searches/day=2026-11-19/"+m.Generation+"/a.ndjson",
	)
}

func TestSweepLeavesADayWhoseManifestItCannotRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":               "{",
		"of a newer format":     `{"Format":2,"Layer":"raw","Node":"searches","Day":"2026-11-19","Generation":"x","Objects":[]}`,
		"of another day":        `{"Format":1,"Layer":"raw","Node":"searches","Day":"2026-11-18","Generation":"x","Objects":[]}`,
		"with a path as a name": `{"Format":1,"Layer":"raw","Node":"searches","Day":"2026-11-19","Generation":"..","Objects":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := openDir(t)
			commit(t, d, key(), "1")
			other := key()
			other.Day = other.Day.Add(1)
			b, err := d.Begin(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Abort()
			if err := os.WriteFile(filepath.Join(d.keyDir(key()), manifestName), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			before := tree(t, d.keyDir(key()))
			err = d.Sweep(t.Context())
			if err == nil || !strings.Contains(err.Error(), "raw/searches/day=2026-11-19/manifest.json") {
				t.Errorf("the sweep does not name the manifest: %v", err)
			}
			if diff := cmp.Diff(before, tree(t, d.keyDir(key()))); diff != "" {
				t.Errorf("the sweep touched the day:\n%s", diff)
			}
			if _, err := os.Stat(d.keyDir(other)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the sweep stopped at the first manifest: %v", err)
			}
			if _, err := d.Manifest(t.Context(), key()); err == nil {
				t.Error("the manifest was read")
			}
		})
	}
}

func TestRunningTheDayAgainHealsADamagedManifest(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	commit(t, d, key(), "1")
	if err := os.WriteFile(filepath.Join(d.keyDir(key()), manifestName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := commit(t, d, key(), "2")
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, d, "raw/searches/day=2026-11-19/manifest.json", "raw/searches/day=2026-11-19/"+m.Generation+"/a.ndjson")
}

func TestRemoveWhichCrashedIsFinishedBySweep(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	commit(t, d, key(), "1")
	commit(t, d, key(), "2")
	dir := d.keyDir(key())
	manifests, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(manifests) != 2 {
		t.Fatal(manifests, err)
	}
	for _, file := range manifests { // as far as a Remove comes that ends before the objects
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantTree(t, d, "raw/searches/")
}

func TestRemoveLeavesABatchThatIsOpen(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	commit(t, d, key(), "1")
	b, err := d.Begin(t.Context(), key())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	if _, err := b.Put(t.Context(), Part{Name: "a.ndjson"}, strings.NewReader("2")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), key()); err != nil {
		t.Fatal(err)
	}
	m, err := b.Commit(t.Context(), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// bounded writes until left bytes are written, and is a full disk then.
type bounded struct {
	w    io.Writer
	left *int
}

func (b bounded) Write(p []byte) (int, error) {
	n, err := b.w.Write(p[:min(len(p), *b.left)])
	*b.left -= n
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestDiskThatFillsAtAnyByteLeavesTheOldDay(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	before := commit(t, d, key(), "old")
	files := tree(t, d.root)
	again := func() error {
		b, err := d.Begin(t.Context(), key())
		if err != nil {
			return err
		}
		defer b.Abort()
		if _, err := b.Put(t.Context(), Part{Name: "a.ndjson"}, strings.NewReader("new")); err != nil {
			return err
		}
		_, err = b.Commit(t.Context(), Meta{})
		return err
	}
	for room := 0; ; room++ {
		left := room
		d.writer = func(f *os.File) io.Writer { return bounded{f, &left} }
		err := again()
		if err == nil {
			if room < len("new") {
				t.Errorf("committed with room for %d bytes", room)
			}
			break
		}
		if !fault.Is(err, fault.NoSpace) {
			t.Fatalf("with room for %d bytes: %v", room, err)
		}
		m, err := d.Manifest(t.Context(), key())
		if err != nil || m.Generation != before.Generation {
			t.Fatalf("with room for %d bytes the day is %v, %v", room, m, err)
		}
		// The copy of the old manifest may be there already: it names the same objects.
		now := slices.DeleteFunc(tree(t, d.root), func(f string) bool { return strings.HasSuffix(f, before.Generation+".json") })
		if diff := cmp.Diff(files, now); diff != "" {
			t.Fatalf("with room for %d bytes the lake has (-want +got):\n%s", room, diff)
		}
	}
	if err := d.Verify(t.Context(), before); err != nil {
		t.Error(err)
	}
}

func TestCancelledContextIsToldBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	d := openDir(t)
	m := commit(t, d, key(), "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, begin := d.Begin(ctx, key())
	_, open := d.Open(ctx, m, "a.ndjson")
	_, keys := d.Keys(ctx, Raw, "searches")
	for name, err := range map[string]error{"begin": begin, "open": open, "keys": keys, "verify": d.Verify(ctx, m), "remove": d.Remove(ctx, key()), "sweep": d.Sweep(ctx)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
}

func TestFileOfAnotherDiskIsAdoptedByCopy(t *testing.T) {
	t.Parallel()
	elsewhere, err := os.MkdirTemp("/dev/shm", "lake")
	if err != nil {
		t.Skipf("no second file system: %v", err)
	}
	defer os.RemoveAll(elsewhere)
	file := filepath.Join(elsewhere, "made.parquet")
	if err := os.WriteFile(file, []byte("PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := openDir(t)
	if os.Link(file, filepath.Join(d.root, "probe")) == nil {
		t.Skip("no second file system: /dev/shm and the temporary directory are one")
	}
	b, err := d.Begin(t.Context(), key())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	if _, err := b.Adopt(t.Context(), "a.parquet", "", file, 1); err != nil {
		t.Fatal(err)
	}
	m, err := b.Commit(t.Context(), Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(t.Context(), m); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the adopted file is still where it was: %v", err)
	}
}

func TestJournalOfACommittedGenerationIsNoUnfinishedOne(t *testing.T) {
	for _, plan := range []string{"plan", "another"} {
		d := openDir(t)
		b, _, err := d.Resume(t.Context(), key(), "plan")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), Part{Name: "a.ndjson"}, strings.NewReader("1")); err != nil {
			t.Fatal(err)
		}
		journal := b.(*dirBatch).journalFile()
		text, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.Commit(t.Context(), Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(journal, text, 0o600); err != nil { // as a crash before its end leaves it
			t.Fatal(err)
		}
		again, kept, err := d.Resume(t.Context(), key(), plan)
		if err != nil || len(kept) > 0 {
			t.Fatalf("%v, %v", kept, err)
		}
		again.Abort()
		if err := d.Verify(t.Context(), m); err != nil {
			t.Errorf("plan %s: %v", plan, err)
		}
	}
}
