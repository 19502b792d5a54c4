package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/stage"
	"daybook/internal/store"
)

// Probe looks at a source's day beside whoever owns the project: it fetches into a directory of its own and changes nothing of the
// project's but allowances of calls.
type Probe struct {
	Project   *project.Project
	Lake      lake.Lake    // where lists of other sources are read; nil where nothing was built yet
	Store     *store.Store // where checkpoints are read; nil where there is none
	Now       func() time.Time
	Secret    func(ctx context.Context, ref string) (string, error)
	Log       func(level, format string, args ...any)
	Spend     func(ctx context.Context, allowance, window string, limit int64) (bool, error)
	Collected func(ctx context.Context, source string, d calendar.Day) ([]source.Segment, error)
	Temp      string // exists; what is fetched and staged is written here
	Objects   int    // after so many the fetch is ended; 0 for all
}

// Probed is what a source gave for a day.
type Probed struct {
	Source  project.Source
	Day     calendar.Day
	Objects []ProbedObject
	Stopped bool     // there may be more objects
	NoData  bool     // the source has none on such a day, by its contract
	Missing []string // parts of the day that are not at the source
}

// ProbedObject is a raw object in the probe's directory.
type ProbedObject struct {
	stage.Object
	Bytes int64
}

// Fetch asks the source for the day, until there are enough objects. A source that nobody made valid is a fault of code invalid.
func (p *Probe) Fetch(ctx context.Context, s project.Source, day calendar.Day) (Probed, error) {
	found := Probed{Source: s, Day: day}
	if err := source.Validate(s); err != nil {
		return found, err
	}
	kind, err := source.New(s.From)
	if err != nil {
		return found, err
	}
	var checkpoint map[string]string
	if p.Store != nil {
		if checkpoint, err = checkpointIn(ctx, p.Store, &s, day.Add(-1)); err != nil {
			return found, err
		}
	}
	dir := filepath.Join(p.Temp, "raw")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return found, fmt.Errorf("make a directory to fetch %s into: %w", s.Name, err)
	}
	ask := asking{Dir: p.Project.Dir, Temp: p.Temp, Now: p.Now, Secret: p.Secret, Log: p.Log, Values: p.values(day), Spend: p.Spend, Collected: p.Collected}
	into := &probeSink{dir: dir, most: p.Objects}
	result, err := kind.Fetch(ctx, ask.request(s, day, checkpoint), into)
	if err != nil && !into.full {
		return found, err // it names the source
	}
	found.Objects, found.Stopped, found.NoData, found.Missing = into.objects, into.full, result.NoData, result.Missing
	return found, nil
}

// values reads a column of another source's staged records, of the current state where that is all there is.
func (p *Probe) values(day calendar.Day) func(ctx context.Context, name, column string) ([]string, error) {
	return func(ctx context.Context, name, column string) ([]string, error) {
		at := Cell{Node: name, Day: day}
		for _, s := range p.Project.Sources {
			if s.Name == name && s.Holds == "snapshot" {
				at.Day = calendar.Day{}
			}
		}
		absent := fault.New(fault.Missing, fmt.Sprintf("the list that is asked for one by one, %s, was not built for %s", name, day),
			fmt.Sprintf("build it first: daybook run --node %s --day %s", name, day))
		if p.Lake == nil {
			return nil, absent
		}
		files, err := stagedIn(ctx, p.Lake, at)
		if fault.Is(err, fault.NotFound) {
			return nil, absent
		}
		if err != nil {
			return nil, err
		}
		return stage.Distinct(ctx, files, column)
	}
}

// Look says what the records of the objects look like, whatever is declared.
func (p *Probe) Look(ctx context.Context, found Probed) (stage.Inferred, error) {
	return stage.Infer(ctx, p.job(found, found.Source, ""))
}

// Stage applies a contract to the objects; the files of the result are in the probe's directory until the next Stage. Its faults are
// those of stage.Run: after check_failed the result is complete.
func (p *Probe) Stage(ctx context.Context, found Probed, contract project.Source) (stage.Result, error) {
	dir := filepath.Join(p.Temp, "stage")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return stage.Result{}, fmt.Errorf("make a directory to stage %s in: %w", contract.Name, err)
	}
	if found.NoData {
		contract.Empty = "ok"
	}
	return stage.Run(ctx, p.job(found, contract, dir))
}

func (p *Probe) job(found Probed, s project.Source, dir string) stage.Job {
	job := stage.Job{Source: s, Day: found.Day, Zone: p.Project.Zone, Dir: dir, Memory: p.Project.Engine.Memory, Threads: p.Project.Engine.Threads}
	for _, o := range found.Objects {
		job.Objects = append(job.Objects, o.Object)
	}
	return job
}

// errEnough ends a fetch that a probe has seen enough of.
var errEnough = errors.New("enough objects were fetched to look at")

// probeSink writes objects into a directory, and ends the fetch when it has most of them.
type probeSink struct {
	dir  string
	most int

	mu      sync.Mutex
	taken   int
	full    bool
	objects []ProbedObject
}

// Put implements source.Sink.
func (s *probeSink) Put(_ context.Context, p source.Part, r io.Reader) error {
	s.mu.Lock()
	if s.most > 0 && s.taken >= s.most {
		s.mu.Unlock()
		return errEnough
	}
	s.taken++
	path := filepath.Join(s.dir, strconv.Itoa(s.taken))
	s.mu.Unlock()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep %s: %w", p.Name, err)
	}
	n, err := io.Copy(out, r)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("keep %s: %w", p.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = append(s.objects, ProbedObject{stage.Object{Name: p.Name, Path: path, Origin: p.Origin}, n})
	if s.full = s.most > 0 && len(s.objects) >= s.most; s.full {
		return errEnough
	}
	return nil
}
