package main

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"reflect"
	"slices"
	"sync"
	"time"

	daymail "daybook/internal/mail"
	"daybook/internal/project"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/jobs"
	"daybook/static"
)

// press is what writes a house's reports; openPost gives it what mails them.
type press struct {
	static  *static.Files
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
	p := &press{static: files}
	p.mailer = &jobs.Mailer{Runner: h.runner, Draw: drawer(files), From: from, Reply: reply, Base: h.project.Mail.BaseURL,
		Page: jobs.PageParts{CSS: string(files.Bytes("app.css")), JS: string(files.Bytes("charts.js")) + "\n" + string(files.Bytes("app.js")),
			Regular: files.Bytes("Pretendard-Regular.ttf"), Bold: files.Bytes("Pretendard-SemiBold.ttf")}}
	p.printer = &jobs.Printer{Mailer: p.mailer}
	h.press = p
	return syncPeople(ctx, h.runner.Store, h.project, h.runner.Now())
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

// syncPeople makes the groups that daybook.yaml lists with members true in the store: a member is added or renamed, who left a group
// leaves it there. Other groups, roles, passwords and whether somebody is disabled belong to the pages alone.
func syncPeople(ctx context.Context, s *store.Store, p *project.Project, now time.Time) error {
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
				if person = known[m.Address]; person.ID == "" {
					person.Created = now
				}
				person.Address, person.Groups = m.Address, pageGroups(person.Groups, p)
				person.Locale = cmp.Or(m.Locale, person.Locale, p.Locale)
			}
			person.Name = cmp.Or(m.Name, person.Name)
			person.Groups = append(person.Groups, group)
			wanted[m.Address] = person
		}
	}
	for address, person := range known {
		if own := pageGroups(person.Groups, p); wanted[address].Address == "" && len(own) != len(person.Groups) {
			person.Groups = own
			wanted[address] = person
		}
	}
	var changed []*store.Person
	for address, person := range wanted {
		slices.Sort(person.Groups)
		if !reflect.DeepEqual(known[address], person) {
			changed = append(changed, &person)
		}
	}
	return s.SavePeople(ctx, changed)
}

// pageGroups are those groups of a person that the file does not keep.
func pageGroups(groups []string, p *project.Project) []string {
	var own []string
	for _, g := range groups {
		if len(p.Groups[g]) == 0 {
			own = append(own, g)
		}
	}
	return own
}
