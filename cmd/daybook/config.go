package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"daybook/internal/project"
)

func (p *program) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Print the project's settings as they are in force",
		Example: "  daybook config -C library",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			pr, err := project.Load(p.dir, p.env)
			if err != nil {
				return err
			}
			p.printf("name: %s\ntimezone: %s\nlocale: %s\nhome: %s\nstore: %s\ncatchup: %d\nattempts: %d\ntimeout: %s\n",
				pr.Name, pr.Zone, pr.Locale, pr.Home, masked(pr.Store), pr.Catchup, pr.Attempts, pr.Timeout)
			p.printf("warehouse: {memory: %s, threads: %d, readers: %d}\n", pr.Engine.Memory, pr.Engine.Threads, pr.Engine.Readers)
			p.printf("mail: {sender: %s, from: %q, base_url: %q}\n", pr.Mail.Sender, pr.Mail.From, pr.Mail.BaseURL)
			for _, r := range pr.Refresh {
				p.printf("refresh: {name: %s, when: %q, timezone: %s, nodes: [%s]}\n", r.Name, r.Schedule, r.Schedule.Zone, strings.Join(r.Nodes, ", "))
			}
			for _, r := range pr.Reports {
				if r.Schedule != nil {
					p.printf("release: {report: %s, when: %q, timezone: %s}\n", r.Name, r.Schedule, r.Schedule.Zone)
				}
			}
			return nil
		},
	}
}

// masked hides the password of a database's address.
func masked(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		return u.Redacted()
	}
	return dsn
}
