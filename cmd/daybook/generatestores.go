package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"daybook/internal/generate"
	"daybook/internal/secret"
	"daybook/internal/text"
)

// stores are the flags that say into what generate writes when not into files.
type stores struct {
	kinds           []string // dynamodb, mysql
	table, endpoint string
	mysql           string // a reference to a secret: an address on the command line could be read by everybody
}

func (s *stores) flags(c *cobra.Command) {
	c.Flags().StringSliceVar(&s.kinds, "to", nil, "stores to write into instead of files: dynamodb, mysql or both")
	c.Flags().StringVar(&s.table, "table", "dodo-dynamo-db", "the table of DynamoDB")
	c.Flags().StringVar(&s.endpoint, "aws-endpoint", "", "where DynamoDB is; AWS_ENDPOINT_URL and AWS_REGION say it otherwise")
	c.Flags().StringVar(&s.mysql, "mysql", "env:LIBRARY_DB", "the secret that holds USER:PASSWORD@tcp(HOST:3306)/DATABASE")
}

func (s *stores) resolve(c *cobra.Command, p *program) (at generate.Stores, err error) {
	for _, kind := range s.kinds {
		if kind != "dynamodb" && kind != "mysql" {
			return at, usage(fmt.Errorf("--to %s: write dynamodb, mysql or both", kind), c)
		}
	}
	if slices.Contains(s.kinds, "dynamodb") {
		at.Table, at.Endpoint = s.table, s.endpoint
	}
	if slices.Contains(s.kinds, "mysql") {
		at.MySQL, err = secret.Resolve(c.Context(), s.mysql, p.env, ".")
	}
	return at, err
}

func (p *program) fill(ctx context.Context, g generate.Library, to generate.Stores) error {
	bar := p.bar("generating data", g.To.Sub(g.From)+1)
	g.Progress = bar.set
	sum, err := g.Fill(ctx, to)
	bar.end()
	if err != nil {
		return err
	}
	var put []string
	if to.Table != "" {
		put = append(put, fmt.Sprintf("%s requests in DynamoDB's %s", text.English.Count(int64(sum.Requests)), to.Table))
	}
	if to.MySQL != "" {
		put = append(put, fmt.Sprintf("%s selections and %s books in MySQL", text.English.Count(int64(sum.Selections)), text.English.Count(int64(sum.Books))))
	}
	p.printf("%d days: %s\n", sum.Days, strings.Join(put, ", "))
	return nil
}
