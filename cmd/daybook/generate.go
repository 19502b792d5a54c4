package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"daybook/internal/calendar"
	"daybook/internal/generate"
	"daybook/internal/text"
)

// seed of the example data: the same everywhere, so that two people see the same numbers.
const seed = 20

func (p *program) generateCommand() *cobra.Command {
	var g generate.Library
	var days int
	var end string
	var to stores
	c := &cobra.Command{
		Use:   "generate library|shop",
		Short: "Write made-up source data for an example",
		Long: "Writes made-up records: searches, selections and a catalogue of a book search, into files or as its app would have kept them, searches\n" +
			"in DynamoDB and the others in MySQL, with tables made where they are absent; or orders, cancellations, prices and an experiment of\n" +
			"a shop. The same flags give the same records on every machine.",
		Example: "  daybook generate library --days 28 --per-day 20000 -o library/data\n" +
			"  daybook generate library --days 1 --per-day 100000 --end 2026-11-19 -o data\n" +
			"  LIBRARY_DB='app:secret@tcp(127.0.0.1:3306)/library' daybook generate library --days 3 --to dynamodb,mysql\n" +
			"  daybook generate shop --days 28 --per-day 5000 -o shop/data",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"library", "shop"},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(c.ValidArgs, args[0]) || (g.Dir == "") == (len(to.kinds) == 0) || args[0] != "library" && len(to.kinds) > 0 {
				return usage(errors.New("say what to generate, and where with -o or --to"), c)
			}
			g.To = yesterday(time.Now(), seoul)
			if end != "" {
				var err error
				if g.To, err = calendar.ParseDay(end); err != nil {
					return usage(err, c)
				}
			}
			g.From = g.To.Add(1 - days)
			if args[0] == "shop" {
				return p.generateShop(c.Context(), generate.Shop{Seed: g.Seed, From: g.From, To: g.To, PerDay: g.PerDay, Bad: g.Bad, Dir: g.Dir})
			}
			if len(to.kinds) == 0 {
				return p.generate(c.Context(), g)
			}
			at, err := to.resolve(c, p)
			if err != nil {
				return err
			}
			return p.fill(c.Context(), g, at)
		},
	}
	c.Flags().IntVar(&days, "days", 28, "how many days")
	c.Flags().StringVar(&end, "end", "", "the last day; yesterday by default")
	c.Flags().IntVar(&g.PerDay, "per-day", 20000, "requests of a mean day; visitors in the shop")
	c.Flags().Uint64Var(&g.Seed, "seed", seed, "another seed gives other data")
	c.Flags().IntVar(&g.Bad, "bad", 0, "rows of the wrong type, each day")
	c.Flags().StringVarP(&g.Dir, "output", "o", "", "the directory to write into")
	to.flags(c)
	c.AddCommand(p.generateKoreaCommand("korea"))
	return c
}

// seoul is the zone of the examples.
const seoul = "Asia/Seoul"

// yesterday is the last whole day in a zone.
func yesterday(now time.Time, zone string) calendar.Day {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return calendar.DayOf(now, loc).Add(-1)
}

func (p *program) generate(ctx context.Context, g generate.Library) error {
	if err := os.MkdirAll(g.Dir, 0o755); err != nil {
		return err
	}
	bar := p.bar("generating data", g.To.Sub(g.From)+1)
	g.Progress = bar.set
	sum, err := g.Write(ctx)
	bar.end()
	if err != nil {
		return err
	}
	p.printf("%d days, %s requests, %s selections and %s books in %s (%s)\n", sum.Days, text.English.Count(int64(sum.Requests)),
		text.English.Count(int64(sum.Selections)), text.English.Count(int64(sum.Books)), filepath.Clean(g.Dir), text.English.Bytes(sum.Bytes))
	return nil
}

func (p *program) generateShop(ctx context.Context, g generate.Shop) error {
	if err := os.MkdirAll(g.Dir, 0o755); err != nil {
		return err
	}
	bar := p.bar("generating data", g.To.Sub(g.From)+1)
	g.Progress = bar.set
	sum, err := g.Write(ctx)
	bar.end()
	if err != nil {
		return err
	}
	p.printf("%d days and %d closed, %s visitors, %s orders and %s cancellations in %s (%s)\n", sum.Days, sum.Closed, text.English.Count(int64(sum.Visitors)),
		text.English.Count(int64(sum.Orders)), text.English.Count(int64(sum.Cancellations)), filepath.Clean(g.Dir), text.English.Bytes(sum.Bytes))
	return nil
}

// meter is one bar on a terminal and nothing elsewhere.
type meter struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

func (p *program) bar(name string, total int) *meter {
	width, ok := terminal(p.out)
	if !ok {
		return &meter{}
	}
	bars := mpb.New(mpb.WithOutput(p.out), mpb.WithWidth(min(width/3, 40)))
	return &meter{bars, bars.AddBar(int64(total), mpb.PrependDecorators(decor.Name(name+" "), decor.CountersNoUnit("%d of %d")), mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))}
}

func (m *meter) set(done, _ int) {
	if m.bar != nil {
		m.bar.SetCurrent(int64(done))
	}
}

func (m *meter) end() {
	if m.bar != nil {
		m.bar.Abort(false)
		m.bars.Wait()
	}
}
