package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// program is what every command shares: where it was called and the flags that all of them have.
type program struct {
	env           func(string) (string, bool)
	in            io.Reader
	out, err      io.Writer
	dir           string // -C
	scratch       string // a data directory to use instead of the project's own, for rehearsals
	format        string // table, json or csv
	day, from, to string
}

// run is the whole program. It writes to out and err, and returns what went wrong.
func run(ctx context.Context, args []string, env func(string) (string, bool), in io.Reader, out, errw io.Writer) error {
	p := &program{env: env, in: in, out: out, err: errw}
	root := &cobra.Command{
		Use:           "daybook",
		Short:         "Yesterday's data as this morning's report",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVarP(&p.dir, "project", "C", ".", "the project's directory")
	root.PersistentFlags().StringVar(&p.format, "format", "table", "table, json or csv")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(err, c) })
	for _, c := range p.commands() {
		root.AddCommand(c)
	}
	return root.ExecuteContext(ctx)
}

// commands lists every command, in the order of the help.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.demoCommand(), p.initCommand(), p.checkCommand(), p.planCommand(), p.runCommand(), p.backfillCommand(), p.reportCommand(), p.queryCommand(),
		p.serveCommand(), p.userCommand(), p.healthCommand(), p.doctorCommand(), p.rehearseCommand(), p.sceneCommand(), p.generateCommand(), p.configCommand(), p.sourceCommand(),
	}
}

// usageError is a call that was written wrongly: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(err error, c *cobra.Command) error {
	return usageError{fault.Wrap(fault.Invalid, err, c.CommandPath(), "see "+c.CommandPath()+" --help")}
}

// silentError ends the program with exit code 1 after everything has been said.
type silentError struct{}

func (silentError) Error() string { return "failed" }

func isSilent(err error) bool { return errors.As(err, new(silentError)) }

func exitCode(err error) int {
	if errors.As(err, new(usageError)) || strings.HasPrefix(err.Error(), "unknown command") {
		return 2
	}
	return 1
}

// describe writes an error for a terminal: every problem on a line of its own.
func describe(err error) string {
	many, ok := err.(interface{ Unwrap() []error }) // a join inside another error belongs to that error's text
	if !ok {
		return "daybook: " + err.Error()
	}
	var lines []string
	for _, e := range many.Unwrap() {
		lines = append(lines, describe(e))
	}
	return strings.Join(lines, "\n")
}

// days reads --day, or --from and --to.
func (p *program) days(c *cobra.Command) (from, through calendar.Day, err error) {
	switch {
	case p.day != "" && (p.from != "" || p.to != ""):
		return from, through, usage(errors.New("--day and --from/--to exclude each other"), c)
	case p.day != "":
		from, err = calendar.ParseDay(p.day)
		return from, from, asUsage(err, c)
	case p.from == "" || p.to == "":
		return from, through, usage(errors.New("no day"), c)
	}
	if from, err = calendar.ParseDay(p.from); err != nil {
		return from, through, asUsage(err, c)
	}
	through, err = calendar.ParseDay(p.to)
	return from, through, asUsage(err, c)
}

func asUsage(err error, c *cobra.Command) error {
	if err == nil {
		return nil
	}
	return usage(err, c)
}

// terminal reports whether w is one, and how wide it is.
func terminal(w io.Writer) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns == 0 {
		return 80, true
	}
	return columns, true
}

func (p *program) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }
