package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"daybook/handlers"
	"daybook/internal/calendar"
	"daybook/internal/collect"
	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/source"
	"daybook/internal/store"
)

// openCollect opens what was sent to the project's sources and gives it to the runner.
func (h *house) openCollect() (err error) {
	h.collected, err = collect.Open(filepath.Join(h.data, "collect"), collect.Options{Sources: h.project.Sources, Now: func() time.Time { return h.runner.Now() }})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, h.collected.Close)
	h.runner.Collected = h.segments
	return nil
}

func (h *house) segments(ctx context.Context, name string, d calendar.Day) ([]source.Segment, error) {
	found, err := h.collected.Segments(ctx, name, d)
	if err != nil {
		return nil, err
	}
	list := make([]source.Segment, len(found))
	for i, s := range found {
		list[i] = source.Segment{Name: s.Name, Path: s.Path}
	}
	return list, nil
}

// collecting is the door at which records arrive, with the tokens of those who may send.
func (h *house) collecting(ctx context.Context) (handlers.Collecting, error) {
	door := handlers.Collecting{Log: h.collected, Tokens: map[string]string{}}
	for _, s := range h.project.Sources {
		if s.From != "collect" || s.Collect.Token == "" {
			continue
		}
		token, err := h.secret(ctx, s.Collect.Token)
		if err != nil {
			return door, fmt.Errorf("token of %s: %w", s.Name, err)
		}
		door.Tokens[s.Name] = token
	}
	return door, nil
}

// attend notes that records are taken, as long as the server runs.
func (h *house) attend(ctx context.Context) {
	h.collected.Attend(ctx, func(err error) {
		h.log.Error("collect needs attention", "err", err)
	})
}

// ended follows the end of a run.
func (h *house) ended(ctx context.Context, run store.Run, tasks []store.Task) {
	h.alerter.Ended(ctx, run, tasks)
	if slices.ContainsFunc(tasks, func(t store.Task) bool { return slices.Contains(h.collected.Sources(), t.Node) }) {
		h.tidyCollected(ctx)
	}
}

// tidyCollected removes the days of which the lake has every segment, byte for byte.
func (h *house) tidyCollected(ctx context.Context) {
	for _, name := range h.collected.Sources() {
		days, err := h.collected.Days(name)
		for _, d := range days {
			err = errors.Join(err, h.tidyDay(ctx, name, d))
		}
		if err != nil {
			h.log.Warn("what was collected could not be tidied up", "source", name, "err", err)
		}
	}
}

func (h *house) tidyDay(ctx context.Context, name string, d calendar.Day) error {
	m, err := h.runner.Lake.Manifest(ctx, lake.Key{Layer: lake.Raw, Node: name, Day: d})
	if fault.Is(err, fault.NotFound) {
		return nil // it was not fetched so far
	}
	if err != nil {
		return err
	}
	segments, err := h.collected.Segments(ctx, name, d)
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Missing) { // it still runs; another run's end tidied it up
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range segments {
		i := slices.IndexFunc(m.Objects, func(o lake.Object) bool { return o.Name == s.Name && o.Bytes == s.Bytes })
		if i >= 0 {
			sum, err := sumOf(ctx, s.Path)
			if err != nil {
				return err
			}
			if sum != m.Objects[i].SHA256 {
				i = -1
			}
		}
		if i < 0 {
			return fmt.Errorf("segment %s of %s is not in the lake's raw bytes of that day and is kept", s.Name, d)
		}
	}
	return h.collected.Remove(name, d)
}

// sumOf is the SHA-256 of a file as the lake's manifests write it.
func sumOf(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(sum, file, 16<<20)
		}
	}
	if !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
