// Package testenv starts the servers that tests talk to; only tests import it.
package testenv

import (
	"os"
	"testing"
)

// missing ends a test that needs a part which this machine lacks: it fails under DAYBOOK_TEST=strict and is skipped
// otherwise.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("DAYBOOK_TEST") == "strict" {
		t.Fatal(what)
	}
	t.Skip(what)
}
