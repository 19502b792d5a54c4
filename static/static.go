// Package static is what the browser is given: scripts, the sheet, the font and pictures, each under a name that holds its content's hash.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"daybook/internal/fault"
)

// Prefix is the path under which the files are served.
const Prefix = "/static/"

//go:embed all:dist
var dist embed.FS

// parts are the files without which neither a page nor a still can be made.
var parts = []string{
	"app.css", "app.js", "charts.js", "tokens.css", "still.js", "licences.txt",
	"PretendardVariable.woff2", "Pretendard-Regular.otf", "Pretendard-SemiBold.otf", "Pretendard-Regular.ttf", "Pretendard-SemiBold.ttf",
}

// Files are the built files of dist/, read once and never changed.
type Files struct {
	byName   map[string]*file // "app.css"
	byHashed map[string]*file // "app.4f3a09c1d2e8.css"
}

type file struct {
	hashed  string
	body    []byte
	kind    string
	gzipped func() []byte
}

// New reads the embedded files. A file that was not built is a *fault.Error with the code "missing".
func New() (*Files, error) {
	return from(dist)
}

func from(tree fs.FS) (*Files, error) {
	f := &Files{byName: map[string]*file{}, byHashed: map[string]*file{}}
	entries, err := fs.ReadDir(tree, "dist")
	if err != nil {
		return nil, fmt.Errorf("read the built files: %w", err)
	}
	bodies := map[string][]byte{}
	for _, e := range entries {
		if e.Name() == ".gitignore" {
			continue
		}
		if bodies[e.Name()], err = fs.ReadFile(tree, path.Join("dist", e.Name())); err != nil {
			return nil, fmt.Errorf("read the built file %s: %w", e.Name(), err)
		}
	}
	for _, name := range parts {
		if len(bodies[name]) == 0 {
			return nil, fault.New(fault.Missing, "static/dist/"+name+" was not built into this binary", "run make build")
		}
	}
	for name, body := range bodies {
		if path.Ext(name) != ".css" {
			f.add(name, body)
		}
	}
	// Sheets come last: their own hash covers the hashed names of what they point to.
	for name, body := range bodies {
		if path.Ext(name) == ".css" {
			f.add(name, f.pointed(body))
		}
	}
	return f, nil
}

func (f *Files) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	it := &file{
		hashed: strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext,
		body:   body,
		kind:   contentType(ext),
	}
	it.gzipped = sync.OnceValue(func() []byte { return compressed(it.kind, body) })
	f.byName[name], f.byHashed[it.hashed] = it, it
}

// pointed puts hashed names in place of the plain ones in a sheet's url(…).
func (f *Files) pointed(sheet []byte) []byte {
	for name, it := range f.byName {
		if path.Ext(name) == ".woff2" || path.Ext(name) == ".svg" {
			sheet = bytes.ReplaceAll(sheet, []byte(name), []byte(it.hashed))
		}
	}
	return sheet
}

// Path is the address of a file of dist/, such as "/static/app.4f3a09c1d2e8.css" for "app.css"; it may be cached for ever.
// The path of a name that does not exist is one that Open does not know.
func (f *Files) Path(name string) string {
	if it := f.byName[name]; it != nil {
		return Prefix + it.hashed
	}
	return Prefix + name
}

// Open gives the bytes and the content type of a hashed name, the last element of a Path. The bytes must not be changed.
func (f *Files) Open(hashed string) (body []byte, contentType string, ok bool) {
	it := f.byHashed[hashed]
	if it == nil {
		return nil, "", false
	}
	return it.body, it.kind, true
}

// Gzip gives the gzipped bytes of a hashed name, made at the first call; ok is false for a file that would not get smaller.
func (f *Files) Gzip(hashed string) (body []byte, ok bool) {
	it := f.byHashed[hashed]
	if it == nil {
		return nil, false
	}
	body = it.gzipped()
	return body, body != nil
}

// Bytes gives a file of dist/ by its plain name, nil when there is none. The bytes must not be changed.
func (f *Files) Bytes(name string) []byte {
	if it := f.byName[name]; it != nil {
		return it.body
	}
	return nil
}

func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".otf":
		return "font/otf"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	}
	return "application/octet-stream"
}

func compressed(kind string, body []byte) []byte {
	if !strings.HasPrefix(kind, "text/") && kind != "image/svg+xml" {
		return nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	if err != nil || w.Close() != nil || b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}
