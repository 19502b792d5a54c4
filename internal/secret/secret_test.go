package secret

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"daybook/internal/fault"
)

func environment(name string) (string, bool) {
	value, ok := map[string]string{"TOKEN": " s3cr3t-value\n", "EMPTY": ""}[name]
	return value, ok
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReferenceGivesTheSecretItNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "unix", "s3cr3t\n")
	write(t, dir, "dos", "s3cr3t\r\n")
	write(t, dir, "bare", "s3cr3t")
	write(t, dir, "spaces", "  two\nlines \n\n")
	if err := os.Symlink(filepath.Join(dir, "bare"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"env:TOKEN":                          " s3cr3t-value\n", // a variable is taken as it is
		"file:unix":                          "s3cr3t",
		"file:dos":                           "s3cr3t",
		"file:./bare":                        "s3cr3t",
		"file:link":                          "s3cr3t",
		"file:" + filepath.Join(dir, "bare"): "s3cr3t",
		"file:spaces":                        "  two\nlines \n",
	} {
		got, err := Resolve(t.Context(), ref, environment, dir)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
}

func TestWhatGivesNoSecretIsAFaultWithAHint(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "empty", "\n")
	write(t, dir, "long", strings.Repeat("hunter2!", limit/8+1))
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, code := range map[string]string{
		"env:NOWHERE":                   fault.NotFound,
		"env:EMPTY":                     fault.Invalid,
		"env:":                          fault.Invalid,
		"env:hunter2 is it":             fault.Invalid,
		"file:":                         fault.Invalid,
		"file:absent":                   fault.NotFound,
		"file:.":                        fault.Invalid,
		"file:empty":                    fault.Invalid,
		"file:long":                     fault.Invalid,
		"file:pipe":                     fault.Invalid,
		"aws-secretsmanager:":           fault.Invalid,
		"aws-secretsmanager:#a":         fault.Invalid,
		"aws-secretsmanager:a#":         fault.Invalid,
		"aws-ssm:":                      fault.Invalid,
		"":                              fault.Invalid,
		"hunter2":                       fault.Invalid,
		"hunter2:hunter2":               fault.Invalid,
		"ENV:hunter2":                   fault.Invalid,
		"https://h.example.com/hunter2": fault.Invalid,
	} {
		got, err := Resolve(t.Context(), ref, environment, dir)
		if got != "" || fault.Code(err) != code || fault.Hint(err) == "" {
			t.Errorf("%s: %q, code %q, %v", ref, got, fault.Code(err), err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the secret: %v", ref, err)
		}
	}
}

func TestFileThatMayNotBeReadIsAFault(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read every file")
	}
	dir := t.TempDir()
	write(t, dir, "closed", "hunter2")
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(t.Context(), "file:closed", environment, dir); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
		t.Error(err)
	}
}

func TestEndedContextGivesNoSecret(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Resolve(ctx, "env:TOKEN", environment, ""); got != "" || err == nil {
		t.Error(got, err)
	}
}

func TestFileOpenToEveryAccountIsTold(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "tight", "s3cr3t")
	write(t, dir, "loose", "s3cr3t")
	if err := os.Chmod(filepath.Join(dir, "loose"), 0o644); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]bool{"file:loose": true, "file:tight": false, "file:absent": false, "env:TOKEN": false, "file:": false, "file:.": false} {
		if file, exposed := Exposed(ref, dir); exposed != want || want && file != filepath.Join(dir, "loose") {
			t.Errorf("%s: %s, %v", ref, file, exposed)
		}
	}
	if got, err := Resolve(t.Context(), "file:loose", environment, dir); got != "s3cr3t" || err != nil {
		t.Error("a file mounted by a container platform is not taken:", got, err)
	}
}
