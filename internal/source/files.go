package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

// Files is the kind files: one path or pattern for a day, with {day}, {yyyy}, {mm}, {dd} and {hour} (not padded, the clock
// hours of the day in the source's zone) replaced and * ? [a-z] matched within a path element. A * or ? at the front of
// an element does not match a dot, so files that tools write beside the real ones stay out.
type Files struct{}

// match is a file to fetch.
type match struct {
	path string // as people know it: relative to the project, unless the source's path is absolute
	file string // to open
}

// Fetch implements Source. With {hour}, hours that are absent are named in the result and are no error unless all of them are.
func (Files) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	matches, missing, err := dayFiles(r)
	if err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if len(matches) == 0 {
		what := replace(r.Source.Path, r.Day)
		return Result{Missing: missing}, fault.New(fault.Missing, fmt.Sprintf("source %s has no file %s", r.Source.Name, what),
			"run the day again when the file is there, or correct the path of the source")
	}
	var paths []string
	for _, m := range matches {
		paths = append(paths, m.path)
	}
	names := objectNames(paths)
	if p := goneOf(r.Kept, names); p != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, fault.Wrap(fault.Unavailable, ErrChanged,
			p.Origin+", which an unfinished fetch has copied, is not among the day's files any more", "run the day again"))
	}
	for i, name := range names {
		if err := put(ctx, r.Kept, sink, name, matches[i]); err != nil {
			return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
		}
	}
	return Result{Missing: missing}, nil
}

// goneOf is the first part of an unfinished fetch that the day does not have any more, nil for none: it may be there under another name.
func goneOf(kept []Part, names []string) *Part {
	for _, p := range kept {
		if !slices.Contains(names, p.Name) {
			return &p
		}
	}
	return nil
}

// dayFiles lists the files of the request's day in order: by hour where the path has {hour}, then by name.
func dayFiles(r Request) (matches []match, missing []string, err error) {
	pattern := replace(r.Source.Path, r.Day)
	if !strings.Contains(pattern, "{hour}") {
		matches, err = glob(r.Dir, pattern)
		return matches, nil, err
	}
	hourOf := map[string]int{}
	for _, h := range r.Day.Hours(r.Source.Zone) {
		p := strings.ReplaceAll(pattern, "{hour}", strconv.Itoa(h))
		found, err := glob(r.Dir, p)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			missing = append(missing, fmt.Sprintf("hour %d: %s", h, p))
		}
		for _, m := range found {
			if earlier, ok := hourOf[m.path]; ok {
				return nil, nil, place(r.Source, fault.New(fault.Invalid, fmt.Sprintf("%s is a file of hour %d and of hour %d", m.path, earlier, h),
					"write a path in which {hour} stands alone, such as logs/{day}-{hour}.json.gz"))
			}
			hourOf[m.path] = h
		}
		matches = append(matches, found...)
	}
	return matches, missing, nil
}

// replace puts the day into a path and leaves {hour}.
func replace(p string, d calendar.Day) string {
	return strings.NewReplacer("{day}", d.String(), "{yyyy}", d.Format("2006"), "{mm}", d.Format("01"), "{dd}", d.Format("02")).Replace(p)
}

// glob lists what a pattern matches in the order of names, element by element. Unlike filepath.Glob it takes dir literally
// and reports what it cannot read, as an unreadable directory is not an empty one.
func glob(dir, pattern string) ([]match, error) {
	pattern = path.Clean(filepath.ToSlash(pattern))
	found := []match{{"", dir}}
	if rest, ok := strings.CutPrefix(pattern, "/"); ok {
		found, pattern = []match{{"/", "/"}}, rest
	}
	for element := range strings.SplitSeq(pattern, "/") {
		var next []match
		for _, m := range found {
			names, err := globElement(m.file, element)
			if err != nil {
				return nil, explain(err, path.Join(m.path, element))
			}
			for _, name := range names {
				next = append(next, match{path.Join(m.path, name), filepath.Join(m.file, name)})
			}
		}
		found = next
	}
	return found, nil
}

// globElement lists the entries of dir that a path element matches; what is no directory has none.
func globElement(dir, element string) ([]string, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !strings.ContainsAny(element, `*?[\`) {
		_, err := os.Stat(filepath.Join(dir, element))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return []string{element}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries { // in name order
		ok, err := path.Match(element, e.Name())
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, fmt.Sprintf("%q is not a pattern", element), "write *, ? or [a-z], each [ with its ]")
		}
		if ok && (e.Name()[0] != '.' || element[0] == '.') {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// put copies a file into the sink and makes sure that what was copied is the whole of it. One that an unfinished fetch has put is
// left as it is; one that is another by now ends the fetch.
func put(ctx context.Context, kept []Part, sink Sink, name string, m match) error {
	before, err := os.Stat(m.file) // before opening, which would wait for a writer when it is a pipe
	if err != nil {
		return explain(err, m.path)
	}
	if !before.Mode().IsRegular() {
		what := "is not a regular file"
		if before.IsDir() {
			what = "is a directory"
		}
		return fault.New(fault.Invalid, m.path+" "+what, "write a path of files, such as logs/*.ndjson for those in a directory")
	}
	state := fmt.Sprintf("%d bytes of %s", before.Size(), before.ModTime().UTC().Format(time.RFC3339Nano))
	if i := slices.IndexFunc(kept, func(p Part) bool { return p.Name == name }); i >= 0 {
		if kept[i].State != state {
			return fault.Wrap(fault.Unavailable, ErrChanged, m.path+" is another file than an unfinished fetch has copied", "run the day again")
		}
		return nil
	}
	f, err := os.Open(m.file)
	if err != nil {
		return explain(err, m.path)
	}
	defer f.Close()
	if err := sink.Put(ctx, Part{Name: name, Origin: m.path, State: state}, &steady{match: m, r: f, before: before}); err != nil {
		return fmt.Errorf("copy %s: %w", m.path, err)
	}
	return nil
}

// steady reads a file and ends with an error, not with its end, when the file changed meanwhile: what is stored was the whole of it.
type steady struct {
	match  match
	r      io.Reader
	before fs.FileInfo
	n      int64
}

func (s *steady) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	after, statErr := os.Stat(s.match.file)
	if statErr != nil {
		return n, explain(statErr, s.match.path)
	}
	if s.n != s.before.Size() || after.Size() != s.before.Size() || !after.ModTime().Equal(s.before.ModTime()) || !os.SameFile(s.before, after) {
		return n, fault.New(fault.Unavailable, s.match.path+" changed while it was read",
			"have its writer finish under another name and rename it, then run the day again")
	}
	return n, err
}

// explain says what a person can do about a file that cannot be read. The cause is without its path, which p names already.
func explain(err error, p string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap("unreadable", err, "cannot read "+p, "let the user that runs daybook read the file and enter its directories")
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.Unavailable, err, p+" went away while the day was read", "run the day again")
	case errors.As(err, new(*fault.Error)):
		return err
	}
	return fmt.Errorf("read %s: %w", p, err)
}

func validateFiles(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	if strings.TrimSpace(s.Path) == "" {
		return invalid("the source has no path", "write path: data/{day}.ndjson")
	}
	if scheme, _, ok := strings.Cut(s.Path, "://"); ok {
		return invalid(fmt.Sprintf("the path is a %s address, files are on this machine", scheme), "write a path such as data/{day}.ndjson")
	}
	has, wrong := placeholdersOf(s.Path, "the path", "{day}", "{yyyy}", "{mm}", "{dd}", "{hour}")
	if wrong != nil {
		return place(s, wrong)
	}
	if _, err := path.Match(s.Path, ""); err != nil {
		return invalid(fmt.Sprintf("the path %q is not a pattern", s.Path), "write *, ? or [a-z], each [ with its ]")
	}
	switch {
	case snapshot(s) && len(has) > 0:
		return invalid("the path of a snapshot has a day or an hour", "take {…} out of it, or write holds: day")
	case !snapshot(s) && !has.day():
		return invalid("the path is the same for every day", "put {day} into it, or write holds: snapshot for a file that has only the present state")
	}
	if _, _, err := format(s.Path, s.Format); err != nil {
		return place(s, err)
	}
	return nil
}

// format is the format and compression ("gz", "zst" or none) of an object by the setting and, failing that, its name's ending.
func format(name, declared string) (string, string, *fault.Error) {
	name = strings.ToLower(name)
	compression := strings.TrimPrefix(path.Ext(name), ".")
	if compression == "gz" || compression == "zst" {
		name = strings.TrimSuffix(name, path.Ext(name))
	} else {
		compression = ""
	}
	known := map[string]string{"ndjson": "ndjson", "jsonl": "ndjson", "json": "json", "csv": "csv", "parquet": "parquet", "xml": "xml"}
	f, ok := known[strings.TrimPrefix(path.Ext(name), ".")]
	switch {
	case declared == "dynamodb": // no ending says so
		f = declared
	case declared != "" && known[declared] != declared:
		return "", "", fault.New(fault.Invalid, fmt.Sprintf("%q is not a format", declared), "write format: ndjson, json, csv, parquet, xml or dynamodb")
	case declared != "":
		f = declared
	case !ok:
		return "", "", fault.New(fault.Invalid, "the path does not tell the format", "write format: ndjson, json, csv, parquet, xml or dynamodb")
	}
	if f == "parquet" && compression != "" {
		return "", "", fault.New(fault.Invalid, "a Parquet file is compressed inside, not as "+compression, "store the .parquet file itself")
	}
	return f, compression, nil
}
