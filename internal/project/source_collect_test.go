package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
)

// collected is a project with one source, whose settings are given.
func collected(t *testing.T, settings string) (Source, error) {
	t.Helper()
	dir := write(t, map[string]string{"daybook.yaml": "name: n\n", "sources/clicks.yaml": "from: collect\n" + settings + "columns: {id: text}\n"})
	p, err := Load(dir, func(string) (string, bool) { return "", false })
	if err != nil {
		return Source{}, err
	}
	return p.Sources[0], nil
}

func TestCollectIsReadWithItsSendersAndBounds(t *testing.T) {
	s, err := collected(t, "token: env:CLICKS\norigins:\n  https://shop.example.com: Zk3v_9aQpL-2xY7b\n  \"http://localhost:8081\": Zk3v_9aQpL-2xY7c\nbody: 2MB\nmemory: 10MB\nlimit: 3GB\nmax_rejects: 100\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Collect{Token: "env:CLICKS", Origins: map[string]string{"https://shop.example.com": "Zk3v_9aQpL-2xY7b", "http://localhost:8081": "Zk3v_9aQpL-2xY7c"}, Body: 2e6, Memory: 10e6, Limit: 3e9}
	if d := cmp.Diff(want, s.Collect); d != "" || s.Format != "ndjson" {
		t.Error(s.Format, d)
	}
	if s.Asks != "" {
		t.Errorf("who sends and how much is part of what is asked for: %q", s.Asks)
	}
	if s, err = collected(t, "token: file:token\n"); err != nil || s.Collect.Body != 1e6 || s.Collect.Memory != 64e6 || s.Collect.Limit != 1e9 {
		t.Errorf("%+v, %v", s.Collect, err)
	}
}

func TestMistakeInCollectIsNamedWithItsPlace(t *testing.T) {
	const key = ": Zk3v_9aQpL-2xY7b\n"
	for settings, says := range map[string]string{
		"":                                       "sources/clicks.yaml:1:1: nobody may send to the source",
		"token: hunter2\n":                       "sources/clicks.yaml:2:8: token is not a reference to a secret",
		"token: env:T\nholds: snapshot\n":        "sources/clicks.yaml:3:8: what is sent to a source belongs to the day of its arrival",
		"token: env:T\nbody: 8MB\nmemory: 9MB\n": "sources/clicks.yaml:4:9: memory is less than twice a body; write memory: 17MB or more",
		"origins:\n  shop.example.com" + key:     `sources/clicks.yaml:3:3: "shop.example.com" is no origin of a page`,
		"origins:\n  https://shop.example.com/" + key:                                           `sources/clicks.yaml:3:3: "https://shop.example.com/" is no origin of a page`,
		"origins:\n  https://u:p@shop.example.com" + key:                                        `is no origin of a page`,
		"origins:\n  https://shop.example.com: short\n":                                         "sources/clicks.yaml:3:3: the key of https://shop.example.com cannot stand in a URL, or is too short",
		"token: env:T\npath: x\n":                                                               "sources/clicks.yaml:3:1: ",
		"token: env:T\nlimit: 1KB\n":                                                            "sources/clicks.yaml:3:8: limit is less than a body; write limit: 2MB or more",
		"origins:\n  https://shop.example.com" + key:                                            "max_rejects is not said; write max_rejects: with",
		"max_rejects: 9\nkey: id\norigins:\n  https://shop.example.com" + key:                   "sources/clicks.yaml:3:6: every visitor of a page can send a key again with another row, and duplicates is not said; write duplicates: reject",
		"max_rejects: 9\nkey: id\nduplicates: fail\norigins:\n  https://shop.example.com" + key: "sources/clicks.yaml:4:13: every visitor of a page can fail the day",
	} {
		_, err := collected(t, settings)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", settings, err)
		}
	}
}

func TestOriginsWantAWordOnBadAndRepeatedRecordsThatMakesNoDayStale(t *testing.T) {
	for _, settings := range []string{
		"token: env:T\nkey: id\n", // programs are trusted
		"max_rejects: 0\norigins:\n  https://shop.example.com: Zk3v_9aQpL-2xY7b\n",
		"max_rejects: 9\nkey: id\nduplicates: reject\norigins:\n  https://shop.example.com: Zk3v_9aQpL-2xY7b\n",
		"max_rejects: 9\nkey: id\nduplicates: latest(id)\norigins:\n  https://shop.example.com: Zk3v_9aQpL-2xY7b\n",
	} {
		if s, err := collected(t, settings); err != nil || s.Asks != "" {
			t.Errorf("%q: asks %q, %v", settings, s.Asks, err)
		}
	}
}
