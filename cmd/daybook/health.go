package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"daybook/internal/fault"
)

func (p *program) healthCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use:     "health",
		Short:   "Ask a running server whether it is ready",
		Long:    "Asks for /readyz and ends with 0 when the server's store and warehouse answer, for container health checks.",
		Example: "  daybook health\n  daybook health --addr localhost:9000",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if strings.HasPrefix(addr, ":") {
				addr = "localhost" + addr
			}
			req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+addr+"/readyz", nil)
			if err != nil {
				return usage(err, c)
			}
			client := http.Client{Timeout: 5 * time.Second}
			resp, err := client.Do(req)
			if err != nil {
				return fault.Wrap(fault.Unavailable, err, "the server does not answer", "see that it runs, and name its address with --addr")
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
			if err != nil {
				return fmt.Errorf("read the answer of %s: %w", addr, err)
			}
			if resp.StatusCode != http.StatusOK {
				return fault.New(fault.Unavailable, fmt.Sprintf("the server is not ready: %s", strings.TrimSpace(string(body))), "its log says why")
			}
			p.printf("ready\n")
			return nil
		},
	}
	c.Flags().StringVar(&addr, "addr", defaultAddr, "host and port of the server")
	return c
}
