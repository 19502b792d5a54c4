// Package daybook_test holds the import directions of the house.
package daybook_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "daybook/"

// ground is the floor that every internal room may stand on.
var ground = []string{"internal/calendar", "internal/fault", "internal/text", "internal/project"}

// may says what a room may import of the house, beside its own subpackages. A trailing /* stands for everything below.
func may(room string) []string {
	switch room {
	case "cmd/daybook":
		return []string{"*"}
	case "handlers":
		return []string{"jobs", "templates", "static", "internal/*"}
	case "jobs":
		return []string{"templates", "internal/*"}
	case "templates":
		return []string{"static", "internal/report", "internal/calendar", "internal/text"}
	case "static":
		return []string{"internal/fault"}
	case "bench", "examples", "docs": // they run, or prove, the whole
		return []string{"*"}
	case "internal/fault":
		return nil
	case "internal/calendar":
		return []string{"internal/fault"}
	case "internal/text":
		return []string{"internal/calendar", "internal/fault"}
	}
	return ground
}

// owned says which rooms may import a library that the design gives a room.
var owned = map[string][]string{
	"github.com/labstack/echo":    {"handlers"},
	"github.com/go-co-op/gocron":  {"jobs"},
	"github.com/go-echarts":       {"internal/report"},
	"github.com/duckdb":           {"internal/stage", "internal/warehouse", "internal/sqlparse", "bench"},
	"github.com/aws":              {"internal/source", "internal/lake", "internal/mail", "internal/warehouse", "internal/secret", "internal/publish", "internal/generate"},
	"github.com/mattn/go-sqlite3": {"internal/store"},
	"github.com/jackc/pgx":        {"internal/store", "internal/source", "internal/warehouse", "internal/publish"},
	"github.com/redis/go-redis":   {"internal/publish"},
	"github.com/go-sql-driver":    {"internal/source", "internal/publish", "internal/generate"},
	"github.com/goccy/go-yaml":    {"internal/project"},
	"github.com/spf13/cobra":      {"cmd/daybook"},
	"github.com/vbauerster/mpb":   {"cmd/daybook"},
	"modernc.org/quickjs":         {"internal/still"},
	"golang.org/x/crypto":         {"internal/auth"},
	"github.com/a-h/templ":        {"templates", "handlers"},
	"github.com/twmb/franz-go":    {"internal/source"},
	"github.com/xuri/excelize":    {"internal/export"},
	"github.com/go-pdf/fpdf":      {"internal/export"},
	"github.com/wneessen/go-mail": {"internal/mail"},
}

func TestImportsGoDownOnly(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "testdata" || (strings.HasPrefix(name, ".") && name != ".") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(file, ".go") && filepath.Dir(file) != "." {
			files++
			checkFile(t, filepath.ToSlash(file))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files were looked at", files)
	}
}

func checkFile(t *testing.T, file string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	room := roomOf(path.Dir(file))
	test := strings.HasSuffix(file, "_test.go") || isTestPackage(path.Dir(file))
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if inside, ok := strings.CutPrefix(name, module); ok {
			checkInside(t, file, room, roomOf(inside), inside, test)
			continue
		}
		for library, rooms := range owned {
			if strings.HasPrefix(name, library) && !test && !slices.Contains(rooms, room) {
				t.Errorf("%s imports %s, which belongs in %s", file, name, strings.Join(rooms, ", "))
			}
		}
	}
}

// roomOf is the directory that the design names: a conformance suite belongs to its room.
func roomOf(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "internal" || parts[0] == "cmd" {
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	return parts[0]
}

// isTestPackage reports whether a package exists for tests only.
func isTestPackage(dir string) bool {
	return strings.HasSuffix(dir, "test") || dir == "internal/testenv"
}

func checkInside(t *testing.T, file, room, target, pkg string, test bool) {
	t.Helper()
	if isTestPackage(pkg) {
		if !test {
			t.Errorf("%s imports %s, which is for tests", file, pkg)
		}
		return
	}
	if target == room {
		return
	}
	for _, allowed := range may(room) {
		below, wildcard := strings.CutSuffix(allowed, "*")
		if allowed == target || wildcard && strings.HasPrefix(target, below) {
			return
		}
	}
	t.Errorf("%s: %s may not import %s", file, room, target)
}
