// Package secret turns references such as env:NAME into the secrets they name.
package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"daybook/internal/fault"
)

// limit bounds what is read of a file: a key chain fits, a log does not.
const limit = 64 << 10

// accepted says what may be written where a secret is needed.
const accepted = "write env:NAME for a variable of the environment, file:PATH for a file that holds nothing else, aws-secretsmanager:NAME or aws-ssm:NAME"

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Resolve returns the secret that a reference names:
//
//	env:NAME                  the variable, as env answers
//	file:PATH                 the file's content without the newline at its end; a relative path is the project's, dir
//	aws-secretsmanager:NAME   the secret of that name or ARN; NAME#key takes one value of a secret that is a JSON object
//	aws-ssm:NAME              the parameter of that name or ARN, decrypted
//
// AWS is reached as its own tools do, by the environment of the process, and asked anew each time. A file that every account may read
// is taken, as container platforms mount secrets so; Exposed says which are. Everything that does not give a secret is a fault:
// not_found for what does not exist, refused for what may not be read, unavailable for what did not answer, and invalid for the rest.
// A plain secret is refused without being repeated: no error holds a secret.
func Resolve(ctx context.Context, ref string, env func(name string) (string, bool), dir string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("look a secret up: %w", err)
	}
	kind, name, found := strings.Cut(ref, ":")
	switch {
	case !found:
	case kind == "env":
		return fromEnvironment(name, env)
	case kind == "file":
		return fromFile(name, dir)
	case kind == "aws-secretsmanager":
		return fromSecretsManager(ctx, name)
	case kind == "aws-ssm":
		return fromParameterStore(ctx, name)
	}
	return "", fault.New(fault.Invalid, "a secret is written as a reference, never as itself", accepted)
}

func fromEnvironment(name string, env func(string) (string, bool)) (string, error) {
	if !variable.MatchString(name) {
		return "", fault.New(fault.Invalid, "what follows env: is not the name of a variable", "write env:NAME, with letters, digits and _")
	}
	value, ok := env(name)
	switch {
	case !ok:
		return "", fault.New(fault.NotFound, fmt.Sprintf("the variable %s is not set", name), "set it where Daybook is started")
	case value == "":
		return "", fault.New(fault.Invalid, fmt.Sprintf("the variable %s is empty", name), "set it to the secret where Daybook is started")
	}
	return value, nil
}

func fromFile(name, dir string) (string, error) {
	if name == "" {
		return "", fault.New(fault.Invalid, "no path follows file:", "write file:PATH")
	}
	file := place(name, dir)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fault.Wrap(fault.NotFound, err, "read the secret", "put it into that file, readable for the account that Daybook runs as")
	case err != nil:
		return "", fault.Wrap(fault.Invalid, err, "read the secret", "let the account that Daybook runs as read the file")
	case !info.Mode().IsRegular(): // a pipe would wait for its writer
		return "", fault.New(fault.Invalid, fmt.Sprintf("%s is not a file", file), "write file:PATH with the path of a file")
	}
	body, err := read(file)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "read the secret", "let the account that Daybook runs as read the file")
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(body), "\n"), "\r")
	switch {
	case len(body) > limit:
		return "", fault.New(fault.Invalid, fmt.Sprintf("%s is larger than %d bytes", file, limit), "name the file that holds the secret and nothing else")
	case value == "":
		return "", fault.New(fault.Invalid, fmt.Sprintf("%s is empty", file), "put the secret into it")
	}
	return value, nil
}

// read returns one byte more than the limit of a file that is too long.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

func place(name, dir string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// Exposed reports whether the reference names a file that every account of this machine may read, and which file that is.
func Exposed(ref, dir string) (file string, exposed bool) {
	name, ok := strings.CutPrefix(ref, "file:")
	if !ok || name == "" {
		return "", false
	}
	file = place(name, dir)
	info, err := os.Stat(file)
	return file, err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}
