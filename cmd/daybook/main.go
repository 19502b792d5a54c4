// Command daybook turns yesterday's data into this morning's report.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones are the project's, not the machine's: an empty container has none

	"daybook/internal/project"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], project.Environment, os.Stdin, os.Stdout, os.Stderr); err != nil {
		if !isSilent(err) {
			fmt.Fprintln(os.Stderr, describe(err))
		}
		os.Exit(exitCode(err))
	}
}
