package main

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"path/filepath"
	"sync"

	daymail "daybook/internal/mail"
	"daybook/internal/project"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/static"
)

// outboxDir is where mails are kept that are not sent.
const outboxDir = "outbox"

// press is what writes and mails a house's reports.
type press struct {
	static  *static.Files
	outbox  daymail.Outbox
	mailer  *jobs.Mailer
	printer *jobs.Printer
}

// openPress adds the press to a house that has none. Commands that only build do without it, and without the bundle it is made of.
func (h *house) openPress(ctx context.Context) error {
	if h.press != nil {
		return nil
	}
	files, err := static.New()
	if err != nil {
		return err
	}
	from, err := address(h.project.Mail.From)
	if err != nil {
		return err
	}
	reply, err := address(h.project.Mail.ReplyTo)
	if err != nil {
		return err
	}
	p := &press{static: files, outbox: daymail.Outbox{Dir: filepath.Join(h.project.Dir, dataDir, outboxDir)}}
	sender, err := h.sender(ctx, p.outbox)
	if err != nil {
		return err
	}
	p.mailer = &jobs.Mailer{Runner: h.runner, Sender: sender, Draw: drawer(files), From: from, Reply: reply, Base: h.project.Mail.BaseURL}
	p.printer = &jobs.Printer{Mailer: p.mailer, CSS: string(files.Bytes("app.css")), JS: string(files.Bytes("charts.js")) + "\n" + string(files.Bytes("app.js"))}
	h.press = p
	return syncPeople(ctx, h.runner.Store, h.project)
}

func (h *house) sender(ctx context.Context, outbox daymail.Outbox) (daymail.Sender, error) {
	m := h.project.Mail
	if m.Sender != "ses" {
		return outbox, nil
	}
	return daymail.NewSES(ctx, daymail.SESOptions{Region: m.Region, Endpoint: m.Endpoint, ConfigurationSet: m.ConfigurationSet})
}

// drawer compiles the chart script at the first picture, so that a start does not wait for it.
func drawer(files *static.Files) func(context.Context, []byte, int, int) (still.Picture, error) {
	open := sync.OnceValues(func() (*still.Renderer, error) {
		return still.New(files.Bytes("still.js"), still.Fonts{Regular: files.Bytes("Pretendard-Regular.otf"), Bold: files.Bytes("Pretendard-SemiBold.otf")}, files.LightTokens())
	})
	return func(ctx context.Context, option []byte, width, height int) (still.Picture, error) {
		r, err := open()
		if err != nil {
			return still.Picture{}, err
		}
		return r.PNG(ctx, option, width, height)
	}
}

func address(s string) (daymail.Address, error) {
	if s == "" {
		return daymail.Address{}, nil
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return daymail.Address{}, fmt.Errorf("address %q: %w", s, err)
	}
	return daymail.Address{Name: a.Name, Address: a.Address}, nil
}

// syncPeople makes the groups of daybook.yaml true in the store: a member is added or renamed, who left a group leaves it there.
// Roles, passwords and whether somebody is disabled belong to the store alone.
func syncPeople(ctx context.Context, s *store.Store, p *project.Project) error {
	people, err := s.People(ctx)
	if err != nil {
		return err
	}
	known := map[string]store.Person{}
	for _, person := range people {
		known[person.Address] = person
	}
	wanted := map[string]store.Person{}
	for group, members := range p.Groups {
		for _, m := range members {
			person, ok := wanted[m.Address]
			if !ok {
				person = known[m.Address]
				person.Address, person.Groups = m.Address, nil
				if person.Locale == "" {
					person.Locale = p.Locale
				}
			}
			if m.Name != "" {
				person.Name = m.Name
			}
			if m.Locale != "" {
				person.Locale = m.Locale
			}
			person.Groups = append(person.Groups, group)
			wanted[m.Address] = person
		}
	}
	var errs []error
	for address, person := range known {
		if _, ok := wanted[address]; !ok && len(person.Groups) > 0 {
			person.Groups = nil
			errs = append(errs, s.SavePerson(ctx, &person))
		}
	}
	for _, person := range wanted {
		errs = append(errs, s.SavePerson(ctx, &person))
	}
	return errors.Join(errs...)
}
