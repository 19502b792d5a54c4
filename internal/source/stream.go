package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"daybook/internal/fault"
	"daybook/internal/project"
)

const (
	streamPart     = 4 << 20 // bytes of records that are in memory before they are made durable
	streamParallel = 4       // shards or partitions read at once

	// Codes of faults.
	streamLost        = "lost"        // the stream let records go before they were read
	streamUnsupported = "unsupported" // records are in an encoding that cannot be read
)

// streamFetch reads one day of a stream: what its strands, shards or partitions, have between two instants.
type streamFetch struct {
	Request
	sink       Sink
	start, end time.Time
	began      time.Time // of this fetch
	kept       map[string]keptStrand

	stopped    atomic.Bool
	mu         sync.Mutex
	checkpoint map[string]string
	lost       []string // parts of the day that the stream no longer had
	records    int      // that this fetch put
	running    int      // strands that have not shown the day's end
}

// beginStream opens the fetch of a day; a fetch that is nil has nothing to do and the result says why.
func beginStream(ctx context.Context, r Request, sink Sink) (f *streamFetch, _ Result, err error) {
	if err := ctx.Err(); err != nil {
		return nil, Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return nil, Result{NoData: true}, nil
	}
	f = &streamFetch{Request: r, sink: sink, start: r.Day.Start(r.Source.Zone), end: r.Day.End(r.Source.Zone), began: r.Now(), checkpoint: map[string]string{}}
	if f.kept, err = keptStrands(r); err != nil {
		return nil, Result{}, err
	}
	if f.began.Before(f.start) {
		return nil, Result{}, fault.New(fault.Missing, fmt.Sprintf("source %s has nothing of %s: the day begins at %s", r.Source.Name, r.Day, utcMillis(f.start)),
			"run the day when it is over")
	}
	return f, Result{}, nil
}

func (f *streamFetch) closes() time.Time { return f.end.Add(f.Source.Stream.Lateness) }

// over reports whether no more records of the day can arrive.
func (f *streamFetch) over() bool { return !f.Now().Before(f.closes()) }

// utcMillis writes an instant as messages and the states of strands do.
func utcMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// errStopped ends the reading of a strand when the fetch has failed elsewhere.
var errStopped = fault.New("stopped", "the fetch has failed", "")

// each reads strands, several at a time. One whose records cannot be read does not keep the others from being kept; after any other
// error they stop when they have what they are asking for.
func (f *streamFetch) each(ctx context.Context, strands []string, read func(context.Context, string) error) error {
	var g errgroup.Group
	g.SetLimit(streamParallel)
	errs := make([]error, len(strands))
	for i, s := range strands {
		g.Go(func() error {
			err := f.going(ctx)
			if err == nil {
				err = read(ctx, s)
			}
			if err != nil && !fault.Is(err, streamUnsupported) {
				f.stopped.Store(true)
			}
			if !errors.Is(err, errStopped) {
				errs[i] = err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch %s: %w", f.Source.Name, err)
	}
	return errors.Join(errs...)
}

// going reports why to ask for nothing more, nil for no reason.
func (f *streamFetch) going(ctx context.Context) error {
	if f.stopped.Load() {
		return errStopped
	}
	return ctx.Err()
}

// done notes where a strand's next day begins.
func (f *streamFetch) done(strand, next string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checkpoint[strand] = next
}

func (f *streamFetch) stillRuns() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running++
}

// lose notes records that are gone and reports whether to read on behind them.
func (f *streamFetch) lose(w *streamWriter, from, to time.Time, detail string) bool {
	if to.After(f.end) || to.Before(from) {
		to = f.end
	}
	text := fmt.Sprintf("part of %s: from %s to %s, %s", w.strand, utcMillis(from), utcMillis(to), detail)
	if f.Source.Stream.Accept {
		w.lost = append(w.lost, text)
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = append(f.lost, text)
	return false
}

// finish says what became of the day when every strand was read as far as it goes.
func (f *streamFetch) finish() (Result, error) {
	slices.Sort(f.lost)
	switch {
	case len(f.lost) > 0 && !f.Source.Stream.Accept:
		return Result{}, place(f.Source, fault.New(streamLost, fmt.Sprintf("fetch %s: %s no longer has all of %s: %s", f.Source.Name, f.Source.Stream.Name, f.Day, strings.Join(f.lost, "; ")),
			"write on_loss: accept to make the day of what is left; for other days, have the stream keep its records longer or write follow: 1h"))
	case f.running > 0:
		return Result{}, fault.New(fault.Unavailable, fmt.Sprintf("fetch %s: the day %s still runs until %s; %d records were read ahead", f.Source.Name, f.Day, utcMillis(f.closes()), f.records),
			"run it again then; what was read is kept")
	}
	for _, text := range f.lost {
		f.Log("warn", "%s no longer has %s", f.Source.Stream.Name, text)
	}
	return Result{Missing: f.lost, Checkpoint: f.checkpoint}, nil
}

// streamNote is the state of a part: where its strand is read to. Kinds use of it what they have.
type streamNote struct {
	Strand string      `json:"strand"`
	Last   string      `json:"last,omitempty"`   // sequence number or offset of the last record
	At     int64       `json:"at,omitempty"`     // its time, in Unix milliseconds
	Seen   int64       `json:"seen,omitempty"`   // kinesis: when the strand was last read to its newest record, where no part says it
	Cut    *int64      `json:"cut,omitempty"`    // kafka: the first offset that is of a later day
	Newest int64       `json:"newest,omitempty"` // kafka: the latest time seen
	Count  *kafkaCount `json:"count,omitempty"`  // kafka
	Lost   []string    `json:"lost,omitempty"`
}

// keptStrand is what an unfinished fetch has put of a strand: how many parts, and the note of the last.
type keptStrand struct {
	parts int
	note  *streamNote // nil for none
}

func keptStrands(r Request) (map[string]keptStrand, error) {
	kept := map[string]keptStrand{}
	for _, p := range r.Kept {
		var n streamNote
		if err := json.Unmarshal([]byte(p.State), &n); err != nil || n.Strand == "" {
			return nil, fault.Wrap(fault.Unavailable, ErrChanged, fmt.Sprintf("fetch %s: the state of part %s cannot be read", r.Source.Name, p.Name), "run the day again")
		}
		kept[n.Strand] = keptStrand{kept[n.Strand].parts + 1, &n}
	}
	return kept, nil
}

// streamWriter makes parts of a strand's records.
type streamWriter struct {
	f      *streamFetch
	strand string
	origin string
	kept   *streamNote // nil when nothing is
	parts  int
	lost   []string
	note   streamNote // of the last record written
	buffer bytes.Buffer
	n      int
}

// writer takes a strand up where an unfinished fetch has left it.
func (f *streamFetch) writer(strand string) *streamWriter {
	kept := f.kept[strand]
	w := &streamWriter{f: f, strand: strand, origin: f.Source.Stream.Name + "/" + strand, kept: kept.note, parts: kept.parts}
	if kept.note != nil {
		w.lost = kept.note.Lost
	}
	return w
}

// fills reports whether a line makes what is in memory a part.
func (w *streamWriter) fills(line []byte) bool { return w.buffer.Len()+len(line)+1 >= streamPart }

// forget drops what is in memory.
func (w *streamWriter) forget() {
	w.n = 0
	w.buffer.Reset()
}

// add writes a record behind which the strand is at note.
func (w *streamWriter) add(ctx context.Context, line []byte, note streamNote) error {
	note.Strand = w.strand
	w.note = note
	w.buffer.Write(line)
	w.buffer.WriteByte('\n')
	w.n++
	if w.buffer.Len() < streamPart {
		return nil
	}
	return w.flush(ctx)
}

// flush makes what is in memory durable.
func (w *streamWriter) flush(ctx context.Context) error {
	if w.n == 0 {
		return nil
	}
	return w.put(ctx)
}

// mark makes it durable, by a part without records, that the strand was read to its newest record at an instant.
func (w *streamWriter) mark(ctx context.Context, seen time.Time) error {
	if w.kept != nil && w.note.Last == "" {
		w.note = *w.kept
	}
	w.note.Strand, w.note.Seen = w.strand, seen.UnixMilli()
	return w.put(ctx)
}

func (w *streamWriter) put(ctx context.Context) error {
	w.note.Lost = w.lost
	state, err := json.Marshal(w.note)
	if err != nil {
		return fmt.Errorf("state of %s: %w", w.strand, err)
	}
	part := Part{Name: fmt.Sprintf("%s-%06d.ndjson", safe(w.strand), w.parts+1), Origin: w.origin, State: string(state)}
	if err := w.f.sink.Put(ctx, part, bytes.NewReader(w.buffer.Bytes())); err != nil {
		return fmt.Errorf("fetch %s: keep %d records of %s: %w", w.f.Source.Name, w.n, w.strand, err)
	}
	w.f.mu.Lock()
	w.f.records += w.n
	w.f.mu.Unlock()
	w.parts++
	w.forget()
	return nil
}

// close makes the rest durable and tells the fetch what was lost before it. It passes on how reading ended: what comes before a record
// that cannot be read is kept.
func (w *streamWriter) close(ctx context.Context, ended error) error {
	if ended != nil && !fault.Is(ended, streamUnsupported) {
		return ended
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.lost = append(w.f.lost, w.lost...)
	return ended
}

// validateStream checks what every kind of stream needs.
func validateStream(s project.Source, what string) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	switch {
	case s.Stream.Name == "":
		return invalid("the source names no "+what, "write "+what+": and its name")
	case snapshot(s):
		return invalid("a stream has days, not a present state", "leave holds: out")
	case s.Format != "ndjson":
		return invalid("the records of a stream are JSON", "leave format: out")
	case s.Stream.Lateness <= 0:
		return invalid("the source does not say how late records may arrive", "write lateness: 5m")
	case s.Zone == nil:
		return invalid("the source has no time zone", "write zone: UTC")
	}
	return nil
}

// unsupported is the fault for records in an encoding that cannot be read.
func (f *streamFetch) unsupported(where, what, hint string) error {
	return place(f.Source, fault.New(streamUnsupported, fmt.Sprintf("fetch %s: %s of %s is %s", f.Source.Name, where, f.Source.Stream.Name, what), hint))
}
