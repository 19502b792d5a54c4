package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"daybook/internal/fault"
	"daybook/internal/project"
)

//go:embed starter
var starter embed.FS

func (p *program) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Make a new project with one source, table, mart and report",
		Example: "  daybook init -C visits\n  daybook run -C visits --day 2026-01-01",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := copyProject(starter, "starter", p.dir); err != nil {
				return err
			}
			p.printf("made a project in %s; next: daybook run -C %s --day 2026-01-01\n", p.dir, p.dir)
			return nil
		},
	}
}

// copyProject writes a project's files into dir, which must not hold one already.
func copyProject(from fs.FS, root, dir string) error {
	_, err := os.Stat(filepath.Join(dir, project.Filename))
	if err == nil {
		return fault.New(fault.Refused, fmt.Sprintf("%s is a project already", dir), "name another directory with -C")
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return fs.WalkDir(from, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, inside)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		body, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, body, 0o644)
	})
}
