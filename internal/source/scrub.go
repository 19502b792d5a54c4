package source

import (
	"errors"
	"strings"
)

// maskSecrets takes secrets out of a text. One of several lines is taken out line by line, as programs may print it so.
func maskSecrets(text string, secrets []string) string {
	var lines []hidden
	for _, s := range secrets {
		for line := range strings.Lines(s) {
			lines = append(lines, hidden{strings.TrimSpace(line), "***"})
		}
	}
	return hideSecrets(text, lines, true)
}

// withoutSecret is an error of the same text with the secret taken out; its values may hold the secret too and are left behind.
func withoutSecret(err error, secret string) error {
	return errors.New(maskSecrets(err.Error(), []string{secret}))
}
