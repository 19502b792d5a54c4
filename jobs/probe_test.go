package jobs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
)

// probeOf is a probe of a project.
func probeOf(t *testing.T, p *project.Project) *Probe {
	t.Helper()
	return &Probe{Project: p, Now: time.Now, Temp: t.TempDir(), Log: func(string, string, ...any) {},
		Secret: func(context.Context, string) (string, error) { return "", nil },
		Spend:  func(context.Context, string, string, int64) (bool, error) { return true, nil },
		Collected: func(context.Context, string, calendar.Day) ([]source.Segment, error) {
			return nil, nil
		}}
}

func TestAProbeStopsAFetchOfSeveralStrands(t *testing.T) {
	s := &probeSink{dir: t.TempDir(), most: 3}
	var stopped sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for i := range 10 {
		stopped.Go(func() {
			err := s.Put(t.Context(), source.Part{Name: string(rune('a' + i)), Origin: "o"}, strings.NewReader("{}"))
			if errors.Is(err, errEnough) {
				mu.Lock()
				refused++
				mu.Unlock()
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	stopped.Wait()
	if !s.full || len(s.objects) != 3 || refused < 8 {
		t.Errorf("%d objects, %d strands were told to stop", len(s.objects), refused)
	}
	files, err := os.ReadDir(s.dir)
	if err != nil || len(files) != 3 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestAProbeReadsListsOfTheLakeAndSaysWhenThereIsNone(t *testing.T) {
	h := open(t, shop())
	probe := probeOf(t, h.Project)
	name := h.Project.Sources[0].Name
	day := calendar.MustDay("2020-01-01")
	_, err := probe.values(day)(t.Context(), name, "id")
	if !fault.Is(err, fault.Missing) || !strings.Contains(fault.Hint(err), "daybook run --node "+name+" --day 2020-01-01") {
		t.Errorf("without a lake: %v", err)
	}
	probe.Lake = h.Lake
	if _, err := probe.values(day)(t.Context(), name, "id"); !fault.Is(err, fault.Missing) {
		t.Errorf("without the day: %v", err)
	}
}

func TestAnInferredContractIsLoosenedByWhatDoesNotFit(t *testing.T) {
	c := project.Column{Name: "a", Type: "integer", Required: true}
	var steps []string
	for loosen(&c) {
		steps = append(steps, string(c.Type))
	}
	c = project.Column{Name: "a", Type: "integer[]"}
	for loosen(&c) {
		steps = append(steps, string(c.Type))
	}
	if diff := cmp.Diff([]string{"integer", "text", "json"}, steps); diff != "" {
		t.Error(diff)
	}
	columns := []project.Column{{Name: "a", Type: "bigint", Required: true}, {Name: "b", Type: "text"}, {Name: "c", Type: "double", Required: true}, {Name: "d", Type: "text[]", Required: true}, {Name: "e", Type: "decimal(38,0)", Required: true}}
	if diff := cmp.Diff([]string{"a", "e"}, keyable(columns)); diff != "" {
		t.Error(diff)
	}
}

func TestAProbeLeavesNothingOutsideItsDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"daybook.yaml": "name: n\n", "sources/s.yaml": "from: files\npath: \"{day}.csv\"\ndays: mon-fri\ncolumns:\n  a: integer\n", "2026-11-19.csv": "a\n1\n1\n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	probe := probeOf(t, p)
	found, err := probe.Fetch(t.Context(), p.Sources[0], calendar.MustDay("2026-11-19"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := probe.Stage(t.Context(), found, p.Sources[0])
	if err != nil || result.Staged != 2 || result.Repeats != 1 || !strings.HasPrefix(found.Objects[0].Path, probe.Temp) || found.Objects[0].Bytes != 6 {
		t.Errorf("%+v, %v, %+v", result, err, found)
	}
	probe = probeOf(t, p)
	found, err = probe.Fetch(t.Context(), p.Sources[0], calendar.MustDay("2026-11-21"))
	if err != nil || !found.NoData {
		t.Errorf("a Saturday: %+v, %v", found, err)
	}
	if _, err := probe.Stage(t.Context(), found, p.Sources[0]); err != nil {
		t.Errorf("a Saturday: %v", err)
	}
	broken := p.Sources[0]
	broken.From = "ftp"
	if _, err := probe.Fetch(t.Context(), broken, found.Day); !fault.Is(err, fault.Invalid) {
		t.Errorf("an unknown kind: %v", err)
	}
}
