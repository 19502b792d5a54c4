package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/mail"
	"daybook/internal/mail/sesdouble"
	"daybook/internal/store"
	"daybook/jobs"
)

// audience is the group of everybody in a rehearsal.
const audience = "rehearsal"

// rehearsal is an edition and its people apart from the project that they are of.
type rehearsal struct {
	program *program
	scratch string // of all scenes
	report  string
	day     calendar.Day // the zero day until cast knows the last one
	number  int          // of the edition in the project; its copy is number 1
	people  []string     // addresses
}

// base is the data directory that every scene begins with a copy of: nothing is mailed there.
func (r *rehearsal) base() string { return filepath.Join(r.scratch, "base") }

// cast copies the edition and its people out of the project, or makes people up. The project's lock is not taken and its records
// are only read, so a server may own both.
func (r *rehearsal) cast(ctx context.Context, madeUp int, simulator bool) error {
	p := r.program
	pr, graph, parser, err := readProject(ctx, p.dir, p.env)
	if err != nil {
		return err
	}
	defer parser.Close()
	node, err := graph.Node(r.report)
	if err != nil || node.Report == nil {
		return fault.New(fault.NotFound, fmt.Sprintf("there is no report %q", r.report), "daybook plan lists what there is")
	}
	data := filepath.Join(p.dir, dataDir)
	s, err := peekStore(ctx, storeAddress(pr.Store, data))
	if err != nil {
		return err
	}
	defer s.Close()
	edition, err := lastEdition(ctx, s, r.report, r.day)
	if err != nil {
		return err
	}
	r.day, r.number = edition.Day, edition.Number
	var people []store.Person
	switch {
	case simulator:
		people = simulatorPeople(edition.Locales)
	case madeUp > 0:
		people = madeUpPeople(madeUp, edition.Locales)
	default:
		if people, err = s.PeopleIn(ctx, node.Report.To); err != nil {
			return err
		}
		people = people[:min(len(people), mostRehearsed)]
	}
	if len(people) == 0 {
		return fault.New(fault.NotFound, r.report+" goes to nobody", "name a group with people in its to:, or make some up with --people 20")
	}
	from, err := p.openLake(ctx, pr, data)
	if err != nil {
		return err
	}
	return r.keep(ctx, from, edition, people)
}

// peekStore opens the records for reading, where this program understands them.
func peekStore(ctx context.Context, address string) (*store.Store, error) {
	s, err := store.Peek(ctx, address)
	if err != nil {
		return nil, err
	}
	has, knows, err := s.Schema(ctx)
	if err == nil && has != knows {
		err = fault.New(fault.Refused, fmt.Sprintf("the records have version %d, this program knows %d", has, knows), "use the same version as the server; any command that builds brings older records up to date")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func lastEdition(ctx context.Context, s *store.Store, report string, day calendar.Day) (e store.Edition, err error) {
	if day.IsZero() {
		e, err = s.LatestEdition(ctx, report)
	} else {
		e, err = s.Edition(ctx, report, day, 0)
	}
	if fault.Is(err, fault.NotFound) {
		return e, fault.Wrap(fault.NotFound, err, "there is nothing to rehearse with", "build a day of the report first: daybook run")
	}
	return e, err
}

func madeUpPeople(n int, locales []string) []store.Person {
	people := make([]store.Person, n)
	for i := range people {
		people[i] = store.Person{Address: fmt.Sprintf("reader%d@example.com", i+1), Name: fmt.Sprintf("Reader %d", i+1), Locale: locales[i%len(locales)]}
	}
	return people
}

// keep makes the base: new records with one edition and the people, and a lake with the edition's files.
func (r *rehearsal) keep(ctx context.Context, from lake.Lake, e store.Edition, people []store.Person) (err error) {
	if err := os.MkdirAll(r.base(), 0o700); err != nil {
		return err
	}
	if err := copyEdition(ctx, from, filepath.Join(r.base(), "lake"), e); err != nil {
		return err
	}
	s, err := store.Open(ctx, storeAddress(scratchStore, r.base()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	copied := make([]*store.Person, len(people))
	for i, p := range people {
		copied[i] = &store.Person{Address: p.Address, Name: p.Name, Locale: p.Locale, Groups: []string{audience}}
		r.people = append(r.people, p.Address)
	}
	if err := s.SavePeople(ctx, copied); err != nil {
		return err
	}
	e.ID, e.Number, e.Corrects, e.State, e.Reason, e.Released = "", 0, 0, jobs.EditionBuilt, "", time.Time{}
	_, err = s.AddEdition(ctx, &e)
	return err
}

// copyEdition takes an edition from one lake to another, where it becomes the first of its day.
func copyEdition(ctx context.Context, source lake.Lake, to string, e store.Edition) error {
	target, err := lake.OpenDir(to)
	if err != nil {
		return err
	}
	m, err := source.Manifest(ctx, lake.Key{Layer: lake.Editions, Node: e.Report, Day: e.Day, Number: e.Number})
	if err != nil {
		return err
	}
	batch, err := target.Begin(ctx, lake.Key{Layer: lake.Editions, Node: e.Report, Day: e.Day, Number: 1})
	if err != nil {
		return err
	}
	defer batch.Abort()
	for _, o := range m.Objects {
		body, err := source.Open(ctx, m, o.Name)
		if err != nil {
			return err
		}
		_, err = batch.Put(ctx, lake.Part{Name: o.Name, Origin: o.Origin}, body)
		if err := errors.Join(err, body.Close()); err != nil {
			return err
		}
	}
	_, err = batch.Commit(ctx, lake.Meta{Run: m.Run, Created: m.Created})
	return err
}

// script is what a process needs to know to play its part. It lies in the scene's data directory.
type script struct {
	Report   string
	Day      calendar.Day
	Endpoint string // of the double
	Kill     string // the failpoint to die at; empty to live
	Times    int    // of passing it
}

const scriptName = "script.json"

func (s script) write(data string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return os.WriteFile(filepath.Join(data, scriptName), body, 0o600)
}

// openScene opens the house on a scene's data directory, with the double as its SES.
func (p *program) openScene(ctx context.Context, data string, s script) (*house, error) {
	inner := *p
	inner.scratch = data
	h, err := inner.openHouse(ctx, "rehearse")
	if err != nil {
		return nil, err
	}
	if err := h.prepareScene(ctx, s); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *house) prepareScene(ctx context.Context, s script) error {
	h.project.Groups, h.project.Mail.Domains = nil, nil // the people are in the records already
	node, err := h.runner.Graph.Node(s.Report)
	if err != nil {
		return err
	}
	node.Report.To = []string{audience}
	h.runner.Log = slog.New(slog.DiscardHandler) // what goes wrong here is meant to
	h.runner.Backoff = func(int) time.Duration { return 10 * time.Millisecond }
	if err := h.openPress(ctx); err != nil {
		return err
	}
	if s.Endpoint == "" { // the simulator
		post, err := h.newPost(ctx)
		if err == nil && post.ses == nil {
			err = fault.New(fault.Refused, "the project does not send through SES", "write sender: ses below mail: in daybook.yaml, or rehearse without --simulator")
		}
		h.press.mailer.Sender = post.sender
		return err
	}
	h.press.mailer.Sender, err = mail.NewSES(ctx, mail.SESOptions{Region: sesdouble.Region, Endpoint: s.Endpoint,
		ConfigurationSet: sesdouble.ConfigurationSet, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey})
	return err
}
