package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"daybook/internal/project"
)

func (p *program) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Prove a project without running it",
		Long:    "Reads every file of the project, resolves what each node reads, binds all SQL against the columns it reads, and compares reports with their marts.",
		Example: "  daybook check -C library",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pr, graph, parser, err := readProject(c.Context(), p.dir, p.env)
			if err != nil {
				return err
			}
			defer parser.Close()
			count := map[string]int{}
			for _, n := range graph.Order {
				count[n.Kind]++
			}
			published := ""
			if n := count[project.KindPublication]; n > 0 {
				published = fmt.Sprintf(", %d publications", n)
			}
			p.printf("%s: %d sources, %d tables, %d marts, %d reports%s: all is well\n", pr.Name,
				count[project.KindSource], count[project.KindTable], count[project.KindMart], count[project.KindReport], published)
			return nil
		},
	}
}
