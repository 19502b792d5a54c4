package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"daybook/handlers"
)

func (p *program) userCommand() *cobra.Command {
	var a handlers.Account
	c := &cobra.Command{
		Use:   "user ADDRESS --role viewer|admin",
		Short: "Let somebody sign in, or change their password or role",
		Long:  "Asks for the person's password, or reads it from the first line of standard input, and ends the sessions they have. A viewer reads, an admin runs.",
		Example: "  daybook user ada@example.com --role viewer -C library\n" +
			"  daybook user ada@example.com --role admin -C library < password.txt",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			a.Address = args[0]
			var err error
			if a.Password, err = p.password(); err != nil {
				return err
			}
			d, err := p.openDoor(c.Context(), "user")
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.SaveAccount(c.Context(), a, p.user()); err != nil {
				return err
			}
			if a.Role == "" {
				p.printf("%s may sign in\n", a.Address)
			} else {
				p.printf("%s may sign in as %s\n", a.Address, a.Role)
			}
			return nil
		},
	}
	c.Flags().StringVar(&a.Role, "role", "", "viewer or admin; without it somebody keeps theirs, and a new person is a viewer")
	c.Flags().StringVar(&a.Name, "name", "", "what people call them")
	c.Flags().StringVar(&a.Locale, "locale", "", "ko or en")
	return c
}

// password asks on a terminal without showing it, and reads a line elsewhere.
func (p *program) password() (string, error) {
	if f, ok := p.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(p.err, "password: ")
		typed, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(typed), nil
	}
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
