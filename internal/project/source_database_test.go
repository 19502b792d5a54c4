package project

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func database(t *testing.T, text string) (*Source, error) {
	t.Helper()
	p, err := Load(write(t, map[string]string{"daybook.yaml": "name: shop\n", "sources/orders.yaml": text}), env)
	if err != nil {
		return nil, err
	}
	return &p.Sources[0], nil
}

const orders = `from: postgres
url: env:SHOP
table: shop.orders
key: id
columns: {id: bigint}
`

func TestSettingsOfADatabaseAreReadAsTheyAreWritten(t *testing.T) {
	whole := orders + "created: at\nmodified: changed\ndeleted: gone\nlag: 1h\nchunk: 1_000\norder: [day, number]\nparallel: 4\n"
	for text, want := range map[string]Database{
		whole:                        {URL: "env:SHOP", Table: "shop.orders", Created: "at", Modified: "changed", Deleted: "gone", Lag: time.Hour, Chunk: 1000, Order: []string{"day", "number"}, Parallel: 4},
		orders + "created: at\n":     {URL: "env:SHOP", Table: "shop.orders", Created: "at", Lag: 10 * time.Minute, Chunk: 50_000, Parallel: 2},
		orders + "holds: snapshot\n": {URL: "env:SHOP", Table: "shop.orders", Lag: 10 * time.Minute, Chunk: 50_000, Parallel: 2},
		strings.Replace(orders, "postgres", "mysql", 1) + "created: at\n": {URL: "env:SHOP", Table: "shop.orders", Created: "at", Lag: 10 * time.Minute, Chunk: 50_000, Parallel: 1},
	} {
		s, err := database(t, text)
		if err != nil {
			t.Errorf("%s%v", text, err)
			continue
		}
		if d := cmp.Diff(want, s.Database); d != "" || s.Format != "ndjson" {
			t.Errorf("%s(-want +got), format %s:\n%s", text, s.Format, d)
		}
	}
}

func TestOnlyWhatIsAskedForDefinesADatabaseSource(t *testing.T) {
	plain, err := database(t, orders+"created: at\n")
	if err != nil {
		t.Fatal(err)
	}
	tuned, err := database(t, strings.Replace(orders, "SHOP", "REPLICA", 1)+"created: at\nlag: 1h\nchunk: 10\norder: other\nparallel: 3\n")
	if err != nil {
		t.Fatal(err)
	}
	if plain.Asks != tuned.Asks {
		t.Errorf("%q and %q", plain.Asks, tuned.Asks)
	}
	if want := "created: \"at\"\ntable: \"shop.orders\""; plain.Asks != want {
		t.Errorf("asks %q, want %q", plain.Asks, want)
	}
}

func TestMistakesOfADatabaseAreNamed(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"url: env:SHOP\n", "created: at\n", "sources/orders.yaml:1:1: a source from postgres has no url; write url: env:NAME"},
		{"env:SHOP", "postgres://u:p@h/d\ncreated: at", "url is not a reference to a secret"},
		{"table: shop.orders\n", "created: at\n", "a source from postgres has no table"},
		{"key: id", "key: id", "nothing tells which rows of the table are a day's; write created: or modified:"},
		{"key: id", "key: id\ncreated: at\nholds: snapshot", "sources/orders.yaml:5:10: a snapshot is read whole, and has no created"},
		{"key: id", "key: id\nlag: 1m\nholds: snapshot", "a snapshot is read whole, and has no lag"},
		{"key: id", "key: id\ncreated: at\nparallel: 17", "write a number from 1 to 16"},
		{"key: id", "key: id\ncreated: at\nchunk: 0", "chunk is \"0\""},
		{"key: id", "key: id\ncreated: at\npath: x", `unknown key "path"`},
	} {
		_, err := database(t, strings.Replace(orders, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}
