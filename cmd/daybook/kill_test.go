package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/project"
)

// asProgram is the variable that makes the test binary the program, so that a test can end it as only the outside can.
const asProgram = "DAYBOOK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command is the program as another process.
func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], append([]string{"-C", dir}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// writeFiles puts texts into a directory by path.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// stall is a small project with a node of every kind, a current state and a mart that looks back.
func stall() map[string]string {
	files := map[string]string{
		"daybook.yaml":        "name: stall\nwarehouse: {memory: 256MB, threads: 1}\n",
		"sources/orders.yaml": "from: files\npath: \"data/{day}.ndjson\"\nkey: [id]\ncolumns:\n  id: {type: text, required: true}\n  item: text\n  amount: double\n",
		"sources/prices.yaml": "from: files\npath: data/prices.csv\nholds: snapshot\ncolumns:\n  item: text\n  price: double\n",
		"tables/sales.sql":    "SELECT id, item, amount FROM orders\n",
		"tables/priced.sql":   "SELECT o.id, p.price FROM orders AS o JOIN prices AS p USING (item)\n",
		"marts/daily.sql":     "/*\nchecks:\n  - total: {measure: sum(orders), of: sales}\n*/\nSELECT day, count(*) AS orders, sum(amount) AS total FROM sales WHERE day = $day GROUP BY day\n",
		"marts/rolling.sql":   "/*\nlookback: 2d\n*/\nSELECT $day AS day, count(*) AS orders FROM sales WHERE day BETWEEN $day - 2 AND $day\n",
		"marts/ever.sql":      "/*\nrefresh: full\n*/\nSELECT item, count(*) AS orders FROM sales GROUP BY item\n",
		"reports/usage.yaml":  "title: Usage\nsections:\n  - {kind: kpi, mart: daily, value: orders}\n  - {kind: kpi, name: recent, mart: rolling, value: orders}\n",
		"data/prices.csv":     "item,price\na,1\nb,2.5\nc,0.1\n",
	}
	maps.Copy(files, stallOrders(1))
	return files
}

// stallOrders are the records of four days, other ones for each version.
func stallOrders(version int) map[string]string {
	files := map[string]string{}
	for d := 16; d <= 19; d++ {
		var b strings.Builder
		for i := range d - 12 + version {
			fmt.Fprintf(&b, `{"id":"%d-%d-%d","item":%q,"amount":%d.25}`+"\n", version, d, i, string(rune('a'+i%3)), i*version)
		}
		files[fmt.Sprintf("data/2026-11-%d.ndjson", d)] = b.String()
	}
	return files
}

// truth is everything that a project holds: what each build gave, and each row of each table.
func truth(t *testing.T, dir string) map[string][]string {
	t.Helper()
	ctx := context.Background()
	p := &program{env: project.Environment, out: io.Discard, err: io.Discard, dir: dir, format: "table"}
	h, err := p.openHouse(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	all := map[string][]string{}
	for _, n := range h.runner.Graph.Order {
		builds, err := h.runner.Store.NodeBuilds(ctx, n.Name, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range builds {
			all["builds"] = append(all["builds"], fmt.Sprintf("%s %s: %d rows, %s", b.Node, b.Day, b.Rows, b.Output))
		}
		if n.Query == nil {
			continue
		}
		_, rows, err := h.runner.Query(ctx, "SELECT * FROM "+n.Name+" ORDER BY ALL", builds[0].Day)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			all[n.Name] = append(all[n.Name], fmt.Sprint(r...))
		}
	}
	return all
}

// The life of a project: what is asked of it, and what happens at its source before.
var life = []struct {
	orders int // the version of the source's bytes
	args   []string
}{
	{1, []string{"run", "--day", "2026-11-16"}},
	{1, []string{"backfill", "--from", "2026-11-16", "--to", "2026-11-19"}},
	{2, []string{"backfill", "--from", "2026-11-16", "--to", "2026-11-19", "--node", "orders", "--fetch"}},
	{2, []string{"backfill", "--from", "2026-11-16", "--to", "2026-11-19"}},
}

// live leads a project through its life; kill may end a process before its time.
func live(t *testing.T, dir string, kill func(c *exec.Cmd, took time.Duration), times []time.Duration) []time.Duration {
	t.Helper()
	writeFiles(t, dir, stall())
	var took []time.Duration
	for i, step := range life {
		writeFiles(t, dir, stallOrders(step.orders))
		if kill != nil {
			kill(command(dir, step.args...), times[i])
		}
		began := time.Now()
		if out, err := command(dir, step.args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", step.args, err, out)
		}
		took = append(took, time.Since(began))
	}
	return took
}

func TestAProcessThatIsKilledAtAnyMomentLosesNothing(t *testing.T) {
	rounds := 5
	if os.Getenv("DAYBOOK_PROVE") != "" {
		rounds = 50
	}
	undisturbed := t.TempDir()
	times := live(t, undisturbed, nil, nil)
	want := truth(t, undisturbed)
	for round := range uint64(rounds) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(round, 7))
			dir := t.TempDir()
			killed := 0
			live(t, dir, func(c *exec.Cmd, took time.Duration) {
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(time.Duration(chance.Int64N(int64(took))), func() { c.Process.Kill() })
				if c.Wait() != nil {
					killed++
				}
			}, times)
			if d := cmp.Diff(want, truth(t, dir)); d != "" {
				t.Errorf("after %d kills: %s", killed, d)
			}
		})
	}
}
