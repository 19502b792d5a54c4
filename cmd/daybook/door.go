package main

import (
	"context"

	"daybook/handlers"
	"daybook/internal/auth"
	"daybook/internal/calendar"
	"daybook/internal/store"
	"daybook/jobs"
)

// door is where a command asks for work: the project's own runner, or the server that owns the project.
type door interface {
	Plan(ctx context.Context, req jobs.Request) (jobs.Plan, error)
	Run(ctx context.Context, req jobs.Request) (store.Run, error)
	Query(ctx context.Context, sql string, day calendar.Day) (columns []string, rows [][]any, err error)
	Print(ctx context.Context, report string, day calendar.Day, format, section, locale string) ([]byte, error)
	SaveAccount(ctx context.Context, a handlers.Account, by string) error
	Close() error
}

// localDoor is the house that this process opened.
type localDoor struct {
	*jobs.Runner
	house *house
}

func (d localDoor) Print(ctx context.Context, report string, day calendar.Day, format, section, locale string) ([]byte, error) {
	if err := d.house.openPress(ctx); err != nil {
		return nil, err
	}
	body, _, err := d.house.press.printer.Print(ctx, report, day, format, section, locale)
	return body, err
}

func (d localDoor) SaveAccount(ctx context.Context, a handlers.Account, by string) error {
	return handlers.SaveAccount(ctx, d.Store, auth.NewHasher(1), a, by, d.Now())
}

func (d localDoor) Close() error { return d.house.Close() }

// openDoor takes the project, or finds the server that has it.
func (p *program) openDoor(ctx context.Context, command string) (door, error) {
	h, err := p.openHouse(ctx, command)
	if err == nil {
		return localDoor{h.runner, h}, nil
	}
	if isBusy(err) {
		if remote, ok := dial(ctx, p.dir); ok {
			return remote, nil
		}
	}
	return nil, err
}
