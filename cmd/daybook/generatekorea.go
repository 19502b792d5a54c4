package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/text"
)

// generateKoreaCommand is a part of generate with flags of its own, because it has an API to serve beside files to write.
func (p *program) generateKoreaCommand(name string) *cobra.Command {
	var api generate.KoreaAPI
	var days int
	var end, dir, serve string
	c := &cobra.Command{
		Use:   name,
		Short: "Write made-up source data for the example korea, or answer as its APIs do",
		Long: "With -o it writes web logs, users, airports and libraries. With --serve, or without -o, it answers as the APIs of attractions and performances do, " +
			"for any day and any key that is not empty, until it is stopped. The same seed gives the same data everywhere.",
		Example: "  daybook generate korea --days 7 -o korea/data\n  daybook generate korea --serve 127.0.0.1:8099\n" +
			"  daybook generate korea --flaky --quota 300",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			to := yesterday(time.Now(), seoul)
			if end != "" {
				var err error
				if to, err = calendar.ParseDay(end); err != nil {
					return usage(err, c)
				}
			}
			if dir == "" && serve == "" {
				serve = "127.0.0.1:0"
			}
			return p.generateKorea(c.Context(), &api, dir, to.Add(1-days), to, serve)
		},
	}
	c.Flags().IntVar(&days, "days", 7, "how many days of files")
	c.Flags().StringVar(&end, "end", "", "the last of them; yesterday by default")
	c.Flags().IntVar(&api.Korea.PerDay, "per-day", 2000, "sessions of a mean day")
	c.Flags().Uint64Var(&api.Korea.Seed, "seed", seed, "another seed gives other data")
	c.Flags().StringVarP(&dir, "output", "o", "", "the directory to write into")
	c.Flags().StringVar(&serve, "serve", "", "the address to answer at, such as 127.0.0.1:8099; port 0 is a free one")
	c.Flags().IntVar(&api.Quota, "quota", 0, "calls of an API until it says that they are used up; 0 is no end")
	c.Flags().BoolVar(&api.Flaky, "flaky", false, "fail the first call of every sixteenth address")
	return c
}

// generateKorea writes the days' files where a directory is named, and then answers as the APIs do where an address is, until ctx ends.
func (p *program) generateKorea(ctx context.Context, api *generate.KoreaAPI, dir string, from, to calendar.Day, serve string) error {
	if dir != "" {
		if err := p.writeKorea(ctx, api.Korea, dir, from, to); err != nil {
			return err
		}
	}
	if serve == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", serve)
	if err != nil {
		return fmt.Errorf("serve the APIs: %w", err)
	}
	p.printf("KOREA_API=http://%s\n", l.Addr())
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve tells of it
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the APIs: %w", err)
	}
	return nil
}

func (p *program) writeKorea(ctx context.Context, k generate.Korea, dir string, from, to calendar.Day) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	bar := p.bar("generating data", to.Sub(from)+1)
	sum, err := k.Write(ctx, dir, from, to, bar.set)
	bar.end()
	if err != nil {
		return err
	}
	count := func(n int) string { return text.English.Count(int64(n)) }
	p.printf("%d days, %s sessions, %s searches, %s clicks and %s purchases of %s users in %s (%s)\n", sum.Days, count(sum.Sessions), count(sum.Searches),
		count(sum.Clicks), count(sum.Purchases), count(sum.Users), filepath.Clean(dir), text.English.Bytes(sum.Bytes))
	return nil
}
