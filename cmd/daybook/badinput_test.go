package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/project"
)

// daybook runs the program in this process and gives all that it says, and its exit code.
func daybook(t *testing.T, dir string, args ...string) (said string, code int) {
	t.Helper()
	var out bytes.Buffer
	err := run(context.Background(), append([]string{"-C", dir}, args...), project.Environment, strings.NewReader(""), &out, &out)
	if err == nil {
		return out.String(), 0
	}
	if !isSilent(err) {
		out.WriteString(describe(err) + "\n")
	}
	return out.String(), exitCode(err)
}

// goodDay is a project whose sixteenth is built, and what it says of that day.
func goodDay(t *testing.T, changes map[string]string) (dir, good string) {
	t.Helper()
	dir = t.TempDir()
	files := stall()
	maps.Copy(files, changes)
	writeFiles(t, dir, files)
	if said, code := daybook(t, dir, "run", "--day", "2026-11-16"); code != 0 {
		t.Fatal(said)
	}
	return dir, sales(t, dir)
}

// sales is what a project holds of the sixteenth.
func sales(t *testing.T, dir string) string {
	t.Helper()
	said, code := daybook(t, dir, "query", "--day", "2026-11-16", "--format", "csv", "SELECT * FROM sales WHERE day = $day ORDER BY ALL")
	if code != 0 {
		t.Fatal(said)
	}
	return said
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAProjectThatIsWrittenWronglySaysWhereAndLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"broken YAML", map[string]string{"sources/orders.yaml": "from: files\npath: \"data/{day}.ndjson\ncolumns:\n  id: text\n"}, "sources/orders.yaml:2:"},
		{"an unknown key", map[string]string{"daybook.yaml": "name: stall\ntimezon: UTC\n"}, "daybook.yaml:2:1: "},
		{"an unknown column", map[string]string{"marts/daily.sql": "SELECT day,\n  sum(amout) AS orders\nFROM sales WHERE day = $day GROUP BY day\n"},
			"marts/daily.sql:2:7: Referenced column \"amout\" not found in FROM clause; Candidate bindings: \"amount\""},
		{"an unknown table", map[string]string{"tables/sales.sql": "SELECT id FROM order\n"}, "tables/sales.sql:1:16: syntax error at or near \"order\""},
		{"a cycle", map[string]string{"marts/daily.sql": "SELECT day, orders, 1.5 AS total FROM rolling WHERE day = $day\n", "marts/rolling.sql": "SELECT day, orders FROM daily WHERE day = $day\n"},
			"a cycle: daily reads rolling reads daily"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, good := goodDay(t, nil)
			before := map[string]string{}
			for name := range c.files {
				before[name] = stall()[name]
			}
			writeFiles(t, dir, c.files)
			for _, args := range [][]string{{"check"}, {"run", "--day", "2026-11-16"}} {
				if said, code := daybook(t, dir, args...); code != 1 || !strings.Contains(said, c.want) {
					t.Errorf("%v ends with %d and says %q, want %q", args, code, said, c.want)
				}
			}
			writeFiles(t, dir, before)
			if d := cmp.Diff(good, sales(t, dir)); d != "" {
				t.Error(d)
			}
			if said, code := daybook(t, dir, "run", "--day", "2026-11-16"); code != 0 || said != "up to date\n" {
				t.Errorf("ends with %d and says %q", code, said)
			}
		})
	}
}

func TestBytesThatCannotBeReadSayWhereAndLoseNothing(t *testing.T) {
	packed := map[string]string{"sources/orders.yaml": strings.Replace(stall()["sources/orders.yaml"], ".ndjson", ".ndjson.gz", 1), "data/2026-11-16.ndjson.gz": gzipped(t, stall()["data/2026-11-16.ndjson"])}
	whole := gzipped(t, strings.Repeat(stall()["data/2026-11-17.ndjson"], 50))
	for _, c := range []struct {
		name    string
		project map[string]string
		file    string
		text    string
		want    string
	}{
		{"a truncated gzip", packed, "data/2026-11-17.ndjson.gz", whole[:len(whole)/2], "2026-11-17.ndjson.gz"},
		{"what is no gzip", packed, "data/2026-11-17.ndjson.gz", "hello", "2026-11-17.ndjson.gz"},
		{"invalid UTF-8", nil, "data/2026-11-17.ndjson", "{\"id\":\"a\",\"item\":\"\xff\xfe\",\"amount\":1}\n", "1 of 1 records of orders do not fit (0 may): 2026-11-17.ndjson line 1: "},
		{"a row of the wrong type", nil, "data/2026-11-17.ndjson", "{\"id\":\"a\",\"item\":\"a\",\"amount\":1}\n{\"id\":\"b\",\"item\":\"b\",\"amount\":\"much\"}\n", "1 of 2 records of orders do not fit (0 may): 2026-11-17.ndjson line 2: "},
		{"two rows of one key", nil, "data/2026-11-17.ndjson", "{\"id\":\"a\",\"item\":\"a\",\"amount\":1}\n{\"id\":\"a\",\"item\":\"b\",\"amount\":1}\n", "orders has different rows of one key: a (2026-11-17.ndjson line 1, 2026-11-17.ndjson line 2)"},
		{"an empty file", nil, "data/2026-11-17.ndjson", "", "orders has no records for 2026-11-17; write empty: ok"},
		{"a file that is not there", nil, "data/2026-11-17.ndjson", "-", "source orders has no file data/2026-11-17.ndjson"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, good := goodDay(t, c.project)
			right, err := os.ReadFile(filepath.Join(dir, c.file))
			if err != nil && c.project == nil {
				t.Fatal(err)
			}
			if writeFiles(t, dir, map[string]string{c.file: c.text}); c.text == "-" {
				if err := os.Remove(filepath.Join(dir, c.file)); err != nil {
					t.Fatal(err)
				}
			}
			said, code := daybook(t, dir, "run", "--day", "2026-11-17")
			if code != 1 || !strings.Contains(said, c.want) {
				t.Errorf("ends with %d and says %q, want %q", code, said, c.want)
			}
			if d := cmp.Diff(good, sales(t, dir)); d != "" {
				t.Error(d)
			}
			if c.project != nil {
				right = []byte(whole)
				writeFiles(t, dir, map[string]string{"sources/orders.yaml": packed["sources/orders.yaml"]})
			}
			writeFiles(t, dir, map[string]string{c.file: string(right)})
			if said, code := daybook(t, dir, "run", "--day", "2026-11-17", "--node", "orders", "--fetch", "--downstream"); code != 0 {
				t.Errorf("once mended it ends with %d and says %q", code, said)
			}
		})
	}
}

func TestADamagedWarehouseSaysSoAndIsRebuiltFromTheLake(t *testing.T) {
	dir, good := goodDay(t, nil)
	file := filepath.Join(dir, dataDir, "warehouse.duckdb")
	if err := os.WriteFile(file, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	said, code := daybook(t, dir, "run", "--day", "2026-11-16")
	if code != 1 || !strings.Contains(said, "warehouse.duckdb") {
		t.Errorf("ends with %d and says %q", code, said)
	}
	if err := errors.Join(os.Remove(file), os.RemoveAll(filepath.Join(dir, "data"))); err != nil {
		t.Fatal(err)
	}
	if said, code := daybook(t, dir, "run", "--day", "2026-11-16"); code != 0 {
		t.Fatalf("ends with %d and says %q", code, said)
	}
	if d := cmp.Diff(good, sales(t, dir)); d != "" {
		t.Error(d)
	}
}

func TestASecondProcessNamesTheFirst(t *testing.T) {
	dir, _ := goodDay(t, nil)
	free, err := lockProject(filepath.Join(dir, dataDir), "backfill")
	if err != nil {
		t.Fatal(err)
	}
	said, code := daybook(t, dir, "run", "--day", "2026-11-17")
	if code != 1 || !strings.Contains(said, "the project is owned by daybook backfill (process ") {
		t.Errorf("ends with %d and says %q", code, said)
	}
	free()
	if said, code := daybook(t, dir, "run", "--day", "2026-11-17"); code != 0 {
		t.Errorf("ends with %d and says %q", code, said)
	}
}

func TestAWrongCallEndsWithTwo(t *testing.T) {
	dir, _ := goodDay(t, nil)
	for _, args := range [][]string{{"run"}, {"run", "--day", "yesterday"}, {"run", "--dya", "2026-11-16"}, {"rnu"}, {"run", "--day", "2026-11-16", "--from", "2026-11-16"}} {
		if said, code := daybook(t, dir, args...); code != 2 {
			t.Errorf("%v ends with %d and says %q", args, code, said)
		}
	}
}

// diskFull runs on a disk of 64 MiB: it builds a day, fills the disk but for 2 MiB, builds the next and reads the
// first; fills it to the brim, builds the next; makes room, builds it again and reads both.
const diskFull = `
mount -t tmpfs -o size=64m tmpfs "$DISK" && cp -r "$PROJECT"/. "$DISK" || exit 99
daybook() { "$PROGRAM" -C "$DISK" "$@" 2>&1; echo "exit $?"; }
echo "== first"; daybook run --day 2026-11-16
head -c $(($(df --output=avail -B1 "$DISK" | tail -1) - 2097152)) /dev/zero > "$DISK/fill"
echo "== full"; daybook run --day 2026-11-17
echo "== read"; daybook query --format csv "SELECT day, count(*) AS n FROM sales GROUP BY day ORDER BY day"
cat /dev/zero >> "$DISK/fill" 2>/dev/null
echo "== brim"; daybook run --day 2026-11-17
rm "$DISK/fill"
echo "== room"; daybook run --day 2026-11-17
echo "== read"; daybook query --format csv "SELECT day, count(*) AS n FROM sales GROUP BY day ORDER BY day"
`

func TestAFullDiskSaysSoAndLosesNothing(t *testing.T) {
	if out, err := exec.Command("unshare", "-rm", "true").CombinedOutput(); err != nil {
		if os.Getenv("DAYBOOK_TEST") == "strict" {
			t.Fatalf("no namespaces here: %v: %s", err, out)
		}
		t.Skipf("no namespaces here: %v: %s", err, out)
	}
	data := t.TempDir()
	files := stall()
	files["sources/orders.yaml"] = strings.Replace(files["sources/orders.yaml"], `"data/{day}`, `"`+data+`/{day}`, 1)
	dir := t.TempDir()
	writeFiles(t, dir, files)
	var big strings.Builder
	for i := range 60_000 {
		id := strings.Repeat("x", 40) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26))
		big.WriteString(`{"id":"` + id + `","item":"a","amount":1}` + "\n")
	}
	writeFiles(t, data, map[string]string{"2026-11-16.ndjson": files["data/2026-11-16.ndjson"], "2026-11-17.ndjson": big.String()})
	c := exec.Command("unshare", "-rm", "sh", "-c", diskFull)
	c.Env = append(os.Environ(), asProgram+"=1", "DISK="+t.TempDir(), "PROJECT="+dir, "PROGRAM="+os.Args[0])
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	steps := strings.Split(string(out), "== ")
	if len(steps) != 7 {
		t.Fatalf("it said\n%s", out)
	}
	for i, want := range [][]string{{"first", "exit 0"}, {"full", "no space is left", "exit 1"}, {"read", "2026-11-16,5\nexit 0"}, {"brim", "no space left on device", "exit 1"}, {"room", "exit 0"}, {"read", "2026-11-16,5\n2026-11-17,60000\nexit 0"}} {
		for _, w := range want {
			if !strings.Contains(steps[i+1], w) {
				t.Errorf("step %d said %q, not %q", i+1, steps[i+1], w)
			}
		}
	}
}
