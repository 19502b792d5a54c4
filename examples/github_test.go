package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/internal/calendar"
	"daybook/jobs"
)

// event is a line of the archive.
type event struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Actor struct {
		Login string `json:"login"`
	} `json:"actor"`
	Repo struct {
		Name string `json:"name"`
	} `json:"repo"`
	CreatedAt string `json:"created_at"`
}

var newYear = calendar.MustDay("2015-01-01")

// archived reads the events of the hours that are there, each once.
func archived(t *testing.T, dir string) (list []event, missing []string) {
	t.Helper()
	seen := map[string]bool{}
	for hour := range 24 {
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.json.gz", newYear, hour))
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, fmt.Sprintf("hour %d", hour))
			continue
		}
		lines(t, path, func(line []byte) {
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if !seen[e.ID] {
				seen[e.ID] = true
				list = append(list, e)
			}
		})
	}
	return list, missing
}

// archive builds the day of an archive and compares every mart with a count of its files.
func archive(t *testing.T, dir string) []event {
	t.Helper()
	h := live(t, copyOf(t, "github"), map[string]string{"GHARCHIVE_DIR": dir})
	h.build(jobs.Request{Day: newYear})
	h.upToDate(newYear, newYear)
	list, missing := archived(t, dir)

	b, made, err := h.Store.Build(context.Background(), "archive", newYear)
	if err != nil || !made {
		t.Fatalf("the archive has no build: %v", err)
	}
	var named []string
	for line := range strings.Lines(b.Note) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		named = append(named, name)
	}
	if strings.Join(named, ",") != strings.Join(missing, ",") {
		t.Errorf("missing are %v, named are %v", missing, named)
	}

	types, repos, hours := newTally(), newTally(), newTally()
	actors := map[[2]string]map[string]bool{}
	for _, e := range list {
		hour := strings.TrimPrefix(e.CreatedAt[11:13], "0")
		types.add([]string{e.Type})
		repos.add([]string{e.Repo.Name})
		hours.add([]string{hour})
		for _, place := range [][2]string{{"repo", e.Repo.Name}, {"hour", hour}} {
			if actors[place] == nil {
				actors[place] = map[string]bool{}
			}
			actors[place][e.Actor.Login] = true
		}
	}
	h.holds(newYear, "SELECT type, events FROM events_by_type WHERE day = $day ORDER BY events DESC, type", pick(types.ranked(types.uses, 0), 1, 2))
	top := pick(repos.ranked(repos.uses, 100), 0, 1, 2)
	for i, r := range top {
		top[i] = append(r, int64(len(actors[[2]string{"repo", r[1].(string)}])))
	}
	h.holds(newYear, "SELECT rank, repo, events, actors FROM top_repositories WHERE day = $day ORDER BY rank", top)
	byHour := pick(hours.ranked(hours.uses, 0), 1, 2)
	for i, r := range byHour {
		byHour[i] = append(r, int64(len(actors[[2]string{"hour", r[0].(string)}])))
	}
	h.holds(newYear, "SELECT CAST(hour AS VARCHAR) AS hour, events, actors FROM hourly_activity WHERE day = $day ORDER BY events DESC, 1", byHour)
	return list
}

func TestEventsOfTwoRealHoursAreCountedAndTheOthersNamed(t *testing.T) {
	dir, err := filepath.Abs("../../shared/data/gharchive")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "2015-01-01-0.json.gz")); err != nil {
		t.Skipf("the real archive is not here: %v", err)
	}
	if n := len(archive(t, dir)); n != 15_129 {
		t.Errorf("the archive has %d events, not 15,129", n)
	}
}

func TestEventsOfThreeHoursAreCountedAndTheOthersNamed(t *testing.T) {
	dir := t.TempDir()
	kinds := []string{"PushEvent", "WatchEvent", "IssuesEvent"}
	id := 0
	for _, hour := range []int{0, 9, 23} {
		var records []any
		for n := range 40 + hour {
			id++
			records = append(records, map[string]any{"id": fmt.Sprint(id), "type": kinds[n%(1+n%3)], "created_at": fmt.Sprintf("2015-01-01T%02d:%02d:00Z", hour, n%60),
				"actor": map[string]any{"login": fmt.Sprintf("actor-%d", n%7)}, "repo": map[string]any{"name": fmt.Sprintf("owner/repository-%d", n%11)}, "payload": map[string]any{"size": n}})
		}
		records = append(records, records[0]) // a line that comes twice counts once
		writeGzip(t, filepath.Join(dir, fmt.Sprintf("%s-%d.json.gz", newYear, hour)), records...)
	}
	if n := len(archive(t, dir)); n != id {
		t.Errorf("%d events were read, %d written", n, id)
	}
}
