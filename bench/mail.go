package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"daybook/internal/generate"
	"daybook/internal/mail"
	"daybook/internal/still"
	"daybook/internal/store"
	"daybook/jobs"
)

const (
	mailReport = "daily"
	mailGroup  = "bench"
	mailSize   = 250_000 // bytes of a message as it travels
)

// measureMail writes the library's report to many people by the mailer, with its ledger, and the same bytes by a bare loop, in turns.
func (b *bench) measureMail(ctx context.Context, dir string) (err error) {
	m, closeHouse, err := b.mailHouse(ctx, filepath.Join(dir, "project"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeHouse()) }()
	var ours, bare, ratio, work, bareWork []float64
	var letters map[string][]byte // of the newest round
	var size int64
	for round := range b.rounds + 1 { // the first one gives the bare loop its bytes and is not counted
		var z spent
		// Who comes first changes with every round.
		if round%2 == 1 {
			if z, err = writeBare(filepath.Join(dir, fmt.Sprint("bare", round)), letters); err != nil {
				return err
			}
		}
		box := filepath.Join(dir, fmt.Sprint("outbox", round))
		a, err := b.mailRound(ctx, m, box, round)
		if err != nil {
			return err
		}
		if letters, err = readAll(box); err != nil {
			return err
		}
		if len(letters) != b.letters {
			return fmt.Errorf("the mailer wrote %d letters, want %d", len(letters), b.letters)
		}
		if round == 0 {
			for _, raw := range letters {
				size += int64(len(raw))
			}
			continue
		}
		if round%2 == 0 {
			if z, err = writeBare(filepath.Join(dir, fmt.Sprint("bare", round)), letters); err != nil {
				return err
			}
		}
		n := float64(b.letters)
		ours, bare = append(ours, a.wall.Seconds()*1000/n), append(bare, z.wall.Seconds()*1000/n)
		ratio = append(ratio, a.wall.Seconds()/z.wall.Seconds())
		work, bareWork = append(work, a.cpu.Seconds()*1000/n), append(bareWork, z.cpu.Seconds()*1000/n)
		for _, name := range []string{box, filepath.Join(dir, fmt.Sprint("bare", round))} {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	b.printf("The measured mail: %d letters of %.0f kB in each round, written to the outbox by the mailer and, the same bytes, by a bare loop.\n\n",
		b.letters, float64(size)/float64(b.letters)/1000)
	b.table.add(row{what: "one letter to the outbox by the mailer, with its ledger", unit: "ms", values: ours})
	b.table.add(row{what: "the same bytes by a bare loop with fsync of file and directory, in turns with it", unit: "ms", values: bare})
	b.table.add(row{what: "mailer / bare loop of the same round; 1.43 is 70% of its speed", values: ratio, goal: 1.43})
	b.table.add(row{what: "processor time of one letter by the mailer", unit: "ms", values: work})
	b.table.add(row{what: "processor time of one letter by the bare loop", unit: "ms", values: bareWork})
	return nil
}

// mailHouse builds a day of the library and gives a mailer whose letters have the size that is measured.
func (b *bench) mailHouse(ctx context.Context, dir string) (*jobs.Mailer, func() error, error) {
	if err := makeProject(dir); err != nil {
		return nil, nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, nil, err
	}
	l := generate.Library{Seed: b.seed, From: b.day, To: b.day, PerDay: 1000, Dir: data}
	if _, err := l.Write(ctx); err != nil {
		return nil, nil, err
	}
	definition := filepath.Join(dir, "reports", mailReport+".yaml")
	text, err := os.ReadFile(definition)
	if err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(definition, []byte(strings.Replace(string(text), "to: [everyone]", "to: ["+mailGroup+"]", 1)), 0o644); err != nil {
		return nil, nil, err
	}
	project := filepath.Join(dir, "daybook.yaml")
	if text, err = os.ReadFile(project); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(project, []byte(strings.Replace(string(text), "groups:\n", "groups:\n  "+mailGroup+": []\n", 1)), 0o644); err != nil {
		return nil, nil, err
	}
	h, err := openHouse(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	if err := h.build(ctx, b.day, b.day, nil); err != nil {
		return nil, nil, errors.Join(err, h.close())
	}
	m := &jobs.Mailer{Runner: h.runner, From: mail.Address{Name: "도서관 일간 보고", Address: "daybook@example.com"}, Base: "https://daybook.example.com"}
	if err := b.sizeLetters(ctx, m); err != nil {
		return nil, nil, errors.Join(err, h.close())
	}
	return m, h.close, nil
}

// sizeLetters gives the pictures, whose drawing is measured elsewhere, the size that makes a letter as large as it should be.
func (b *bench) sizeLetters(ctx context.Context, m *jobs.Mailer) error {
	picture := []byte("\x89PNG\r\n\x1a\n")
	m.Draw = func(context.Context, []byte, int, int) (still.Picture, error) {
		return still.Picture{PNG: picture}, nil
	}
	e, err := m.Runner.Store.Edition(ctx, mailReport, b.day, 0)
	if err != nil {
		return err
	}
	letter, err := m.Printed(ctx, e, "ko", store.VariantDaily)
	if err != nil {
		return err
	}
	letter.To, letter.MessageID, letter.Date = m.From, "1@example.com", e.Created
	raw, err := letter.MIME()
	if err != nil {
		return err
	}
	const encoded = 1.37 // bytes of base64 in lines for one byte
	random := rand.NewChaCha8([32]byte{byte(b.seed)})
	more := make([]byte, max(int(float64(mailSize-len(raw))/encoded/float64(max(len(letter.Images), 1))), 0))
	if _, err := random.Read(more); err != nil {
		return err
	}
	picture = append(picture, more...)
	return nil
}

// mailRound delivers the report to people who do not have it yet.
func (b *bench) mailRound(ctx context.Context, m *jobs.Mailer, box string, round int) (spent, error) {
	readers, err := m.Runner.Store.PeopleIn(ctx, []string{mailGroup})
	if err != nil {
		return spent{}, err
	}
	people := make([]*store.Person, 0, len(readers)+b.letters)
	for _, p := range readers { // they have it, and would make every round longer than the one before
		p.Groups = nil
		people = append(people, &p)
	}
	for i := range b.letters {
		people = append(people, &store.Person{Address: fmt.Sprintf("reader%d-%d@example.com", round, i), Name: "김서연", Locale: "ko", Groups: []string{mailGroup}})
	}
	if err := m.Runner.Store.SavePeople(ctx, people); err != nil {
		return spent{}, err
	}
	m.Sender = mail.Outbox{Dir: box}
	syscall.Sync()
	return timed(func() error {
		_, err := m.Deliver(ctx, mailReport, b.day)
		return err
	})
}

func readAll(dir string) (map[string][]byte, error) {
	letters := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		letters[entry.Name()], err = os.ReadFile(path)
		return err
	})
	return letters, err
}

// writeBare is what somebody would write by hand who wants no half files: each under another name, fsync, rename, fsync of the directory.
func writeBare(dir string, letters map[string][]byte) (spent, error) {
	dir = filepath.Join(dir, time.Time{}.Format(time.DateOnly))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return spent{}, err
	}
	syscall.Sync()
	return timed(func() error {
		for name, raw := range letters {
			if err := writeDurably(dir, name, raw); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeDurably(dir, name string, raw []byte) error {
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = bytes.NewReader(raw).WriteTo(f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
