package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// HTTP is the kind http: an API whose answers are pages of a day, or one answer per hour, or one per value of another source's
// column. Every answer is a part, stored as received (still compressed when it came so), and its state says how to ask for the next.
type HTTP struct{}

// mostPages bounds what an API that never ends can make of a day.
const mostPages = 100_000

// httpFetch is one fetch.
type httpFetch struct {
	r       Request
	s       project.HTTP
	sink    Sink
	calls   *http.Transport
	bare    *http.Transport   // for calls that tell secrets without TLS
	secrets map[string]string // by the name in {secret:NAME}
	pace    pace
	gone    []string // strands without an answer, since the last part
	missing []string // all of them
	resumed bool     // the next call goes on behind what an unfinished fetch has put
}

// httpStrand is a sequence of pages: all of a day, or those of an hour or a value.
type httpStrand struct {
	index int
	hour  string // of {hour}
	each  string // of {each}
	key   string // names it within the day; empty when there is only one
}

// httpState is the note that a part carries.
type httpState struct {
	Strand string   `json:"strand,omitempty"`
	Page   int      `json:"page"`           // 1 for the first
	At     string   `json:"at,omitempty"`   // what was asked for: a number, a cursor or an address, without secrets
	Next   string   `json:"next,omitempty"` // what to ask for next; empty at the end of the strand
	Seen   int64    `json:"seen"`           // records of the strand so far
	Total  *int64   `json:"total,omitempty"`
	Sum    string   `json:"sum,omitempty"` // of the answer, by which one that comes again is known
	Gone   []string `json:"gone,omitempty"`
}

// Fetch implements Source. A missing hour or detail is named in the result and is no error unless all of them are.
func (HTTP) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	failed := func(err error) (Result, error) { return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err) }
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	h := &httpFetch{r: r, s: r.Source.HTTP, sink: sink, secrets: map[string]string{}, pace: pace{slowest: max(1, r.Source.HTTP.Rate/httpSlowest)}}
	for name, ref := range h.s.Secrets {
		value, err := r.Secret(ctx, ref)
		if err != nil {
			return failed(err)
		}
		h.secrets[name] = value
	}
	var err error
	if h.calls, err = guardedTransport(h.s.Allow); err != nil {
		return failed(err)
	}
	defer h.calls.CloseIdleConnections()
	if h.bare, err = confinedTransport(h.s.Allow); err != nil {
		return failed(err)
	}
	defer h.bare.CloseIdleConnections()
	strands, err := h.strands(ctx)
	if err != nil {
		return failed(err)
	}
	if err := h.all(ctx, strands); err != nil {
		return failed(err)
	}
	if len(strands) > 0 && len(h.missing) == len(strands) {
		return Result{Missing: h.missing}, fault.New(fault.Missing, fmt.Sprintf("source %s has nothing at %s for %s", r.Source.Name, h.s.URL, r.Day),
			"run the day again when the API has it, or correct the url of the source")
	}
	if h.s.ForEach.Source == "" && !h.hourly() {
		h.missing = nil
	}
	return Result{Missing: h.missing}, nil
}

// strands lists what the day is made of, in order.
func (h *httpFetch) strands(ctx context.Context) ([]httpStrand, error) {
	switch {
	case h.s.ForEach.Source != "":
		values, err := h.r.Values(ctx, h.s.ForEach.Source, h.s.ForEach.Column)
		if err != nil {
			return nil, fmt.Errorf("list %s of %s: %w", h.s.ForEach.Column, h.s.ForEach.Source, err)
		}
		list := make([]httpStrand, len(values))
		for i, v := range values {
			list[i] = httpStrand{index: i + 1, each: v, key: h.s.ForEach.Column + " " + v}
		}
		return list, nil
	case h.hourly():
		var list []httpStrand
		for i, hour := range h.r.Day.Hours(h.r.Source.Zone) {
			list = append(list, httpStrand{index: i + 1, hour: strconv.Itoa(hour), key: "hour " + strconv.Itoa(hour)})
		}
		return list, nil
	}
	return []httpStrand{{}}, nil
}

// all asks for every strand, going on where an unfinished fetch stopped.
func (h *httpFetch) all(ctx context.Context, strands []httpStrand) error {
	from, last, seen, err := h.takeUp(strands)
	if err != nil {
		return err
	}
	for _, s := range strands[from:] {
		if err := h.strand(ctx, s, last, seen); err != nil {
			return err
		}
		last, seen = httpState{}, nil
	}
	return nil
}

// takeUp reads the states of what is kept: the first strand that is not whole, the state of its last page (none has page 0) and
// the cursors that it has given.
func (h *httpFetch) takeUp(strands []httpStrand) (from int, last httpState, seen map[string]bool, err error) {
	if len(h.r.Kept) == 0 {
		return 0, httpState{}, nil, nil
	}
	seen = map[string]bool{}
	for _, p := range h.r.Kept {
		var s httpState
		if err := json.Unmarshal([]byte(p.State), &s); err != nil {
			return 0, s, nil, fault.Wrap(fault.Unavailable, errors.Join(ErrChanged, err), "the note of "+p.Name+" cannot be read", "run the day again")
		}
		if s.Strand != last.Strand {
			clear(seen)
		}
		seen[s.At], last = true, s
		h.missing = append(h.missing, s.Gone...)
	}
	from = slices.IndexFunc(strands, func(s httpStrand) bool { return s.key == last.Strand })
	if from < 0 {
		return 0, last, nil, fault.Wrap(fault.Unavailable, ErrChanged, "an unfinished fetch has asked for "+last.Strand+", which is not in the list any more", "run the day again")
	}
	if last.Next == "" {
		return from + 1, httpState{}, nil, nil
	}
	h.resumed = true
	return from, last, seen, nil
}

// strand asks for the pages of a strand behind the last one.
func (h *httpFetch) strand(ctx context.Context, s httpStrand, last httpState, seen map[string]bool) error {
	if seen == nil {
		seen = map[string]bool{}
	}
	for first := last.Page == 0; first || last.Next != ""; first = false {
		if last.Page == mostPages {
			return fault.New(fault.Damaged, fmt.Sprintf("%s has given %d pages and no end", h.shown(s, last.At), mostPages), "ask for larger pages, or for less")
		}
		state, err := h.page(ctx, s, last, seen)
		if err != nil {
			return err
		}
		if state == nil { // not there, which is noted
			return nil
		}
		last = *state
	}
	return nil
}

// page asks for the page behind last and puts it; nil when there is none.
func (h *httpFetch) page(ctx context.Context, s httpStrand, last httpState, seen map[string]bool) (*httpState, error) {
	at := last.Next
	if last.Page == 0 {
		at = h.firstPage()
	}
	t, err := h.target(s, at)
	if err != nil {
		return nil, err
	}
	a, err := h.ask(ctx, t)
	resumed := h.resumed && (h.s.Pages.By == "cursor" || h.s.Pages.By == "link")
	h.resumed = false
	if resumed && (errors.Is(err, errGone) || fault.Is(err, fault.Invalid)) { // such things do not live long
		return nil, fault.Wrap(fault.Unavailable, fmt.Errorf("%w: %w", ErrChanged, err), fmt.Sprintf("the API does not know any more how to go on behind page %d", last.Page), "run the day again")
	}
	if errors.Is(err, errGone) && last.Page == 0 {
		h.gone = append(h.gone, s.key+": "+t.shown)
		h.missing = append(h.missing, s.key+": "+t.shown)
		return nil, nil
	}
	if errors.Is(err, errGone) {
		return nil, fault.Wrap(fault.Damaged, ErrChanged, fmt.Sprintf("page %d is not there, though page %d led to it: %s", last.Page+1, last.Page, t.shown),
			"run the day again; if the API tells the end so, write total: under pages:")
	}
	if err != nil {
		return nil, err
	}
	defer a.body.Close()
	state, err := h.follow(s, at, last, seen, a)
	if err != nil {
		return nil, err
	}
	if a.body.size == 0 { // no object: there is nothing in it that could be staged
		return &httpState{Page: state.Page}, nil
	}
	text, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("note page %d: %w", state.Page, err)
	}
	if err := h.sink.Put(ctx, Part{Name: h.partName(s, state.Page, a), Origin: t.shown, State: string(text)}, a.body.Reader()); err != nil {
		return nil, fmt.Errorf("store the answer of %s: %w", t.shown, err)
	}
	seen[at], h.gone = true, nil
	return &state, nil
}

// partName is the name of an answer's object: the strand and the page, and the ending of its format.
func (h *httpFetch) partName(s httpStrand, page int, a *httpAnswer) string {
	name := ""
	if s.key != "" {
		value := s.hour + s.each
		value = strings.ToValidUTF8(value[:min(60, len(value))], "")
		name = fmt.Sprintf("%06d-%s", s.index, value)
	}
	if h.s.Pages.By != "none" && h.s.Pages.By != "" {
		if name != "" {
			name += "-"
		}
		name += fmt.Sprintf("page-%06d", page)
	}
	if name == "" {
		name = "answer"
	}
	ext := map[string]string{"dynamodb": "json", "": "json"}[h.r.Source.Format]
	if ext == "" {
		ext = h.r.Source.Format
	}
	return safe(name + "." + ext + a.compression)
}

// hourly reports whether there is a call for each hour.
func (h *httpFetch) hourly() bool {
	has, _ := httpPlaceholders(h.s)
	return has["{hour}"]
}
