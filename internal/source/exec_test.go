package source_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
)

// runningExec is a request for 2026-11-19 of a program that the shell reads, as the tests' own word and not the kind's.
func runningExec(t *testing.T, script string) source.Request {
	t.Helper()
	dir := t.TempDir()
	weekdays, err := calendar.ParseWeekdays("weekdays")
	if err != nil {
		t.Fatal(err)
	}
	s := project.Source{Name: "events", File: "sources/events.yaml", Line: 3, From: "exec", Format: "ndjson", Zone: time.UTC, Days: weekdays, Holds: "day", Exec: project.Exec{
		Command: "events", Run: []string{"bin/events", "{day}", "{dir}"}, Env: map[string]string{"API_KEY": "env:KEY", "REGION": "seoul"}, Timeout: 30 * time.Second,
	}}
	write(t, dir, "bin/events", "#!/bin/sh\n"+script)
	if err := os.Chmod(filepath.Join(dir, "bin", "events"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := sourcetest.Request(s, calendar.MustDay("2026-11-19"))
	r.Dir = dir
	return r
}

// fetchExec fetches and holds that no secret shows.
func fetchExec(t *testing.T, r source.Request) (objects, log []string, err error) {
	t.Helper()
	var mu sync.Mutex
	r.Log = func(level, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		log = append(log, level+" "+fmt.Sprintf(format, args...))
	}
	s := &sink{}
	_, err = kindOf(t, "exec").Fetch(t.Context(), r, s)
	if text := fmt.Sprint(err, log); strings.Contains(text, sourcetest.Secret) {
		t.Errorf("the secret shows: %s", text)
	}
	return s.objects, log, err
}

func TestProgramsAreASource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		r := runningExec(t, `echo "fetching $1 with $API_KEY" >&2
[ -e "$2/denied" ] && { echo "the key $API_KEY is not allowed" >&2; exit 1; }
[ -e "$2/$1" ] || { echo "$1 is not there" >&2; exit 4; }
cat "$2/$1"
echo "$1" >>"$2/asked"
`)
		return sourcetest.World{
			Source: kindOf(t, "exec"),
			Request: func(d calendar.Day) source.Request {
				if err := source.Validate(r.Source); err != nil {
					t.Fatal(err)
				}
				r.Day = d
				return r
			},
			Fill: func(d calendar.Day, parts []string) { write(t, r.Dir, d.String(), strings.Join(parts, "")) },
			Records: func(b []byte) []string {
				return slices.Collect(func(yield func(string) bool) {
					for line := range strings.Lines(string(b)) {
						if !yield(strings.TrimSuffix(line, "\n")) {
							return
						}
					}
				})
			},
			Secret: sourcetest.Secret,
			Deny:   func() { write(t, r.Dir, "denied", "") },
			Asked: func() []string {
				text, err := os.ReadFile(filepath.Join(r.Dir, "asked"))
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				return strings.Fields(string(text))
			},
		}
	})
}

func TestProgramSeesItsArgumentsAndNoOtherEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for programs")
	r := runningExec(t, `echo "[$1][$2][$3] in $(pwd)"; env | grep -v '^PWD=\|^_=\|^SHLVL=\|^OLDPWD=' | cut -d= -f1 | sort | tr '\n' ' '`)
	r.Source.Exec.Run = append(r.Source.Exec.Run, "; rm -rf $HOME `id` {yyyy}")
	objects, _, err := fetchExec(t, r)
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	want := fmt.Sprintf("records.ndjson < exec events 2026-11-19 = [2026-11-19][%s][; rm -rf $HOME `id` 2026] in %s\nAPI_KEY PATH REGION ", r.Dir, r.Dir)
	if got := strings.ReplaceAll(objects[0], " LANG", ""); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatAProgramWritesCountsOnlyWhenItEndsWell(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ script, code, words string }{
		"it fails at its end":          {`echo '{"id":1}'; echo "cannot read $API_KEY page 2" >&2; exit 3`, fault.Unavailable, "ended with 3: cannot read *** page 2"},
		"it is killed":                 {`echo '{"id":1}'; kill -9 $$`, fault.Unavailable, "killed"},
		"the day is not there":         {`echo 'come back tomorrow' >&2; exit 4`, fault.Missing, "come back tomorrow"},
		"the day is not there, late":   {`echo '{"id":1}'; exit 4`, fault.Missing, "not there"},
		"it writes without an end":     {`exec yes '{"id":1}'`, fault.Damaged, "more than 1000000 bytes"},
		"it writes one endless line":   {`exec cat /dev/zero`, fault.Damaged, "more than 1000000 bytes"},
		"it runs too long":             {`echo '{"id":1}'; sleep 60`, fault.Unavailable, "longer than 300ms"},
		"it ignores being told":        {`trap '' TERM INT HUP; echo '{"id":1}'; while :; do sleep 1; done`, fault.Unavailable, "longer than 300ms"},
		"it complains without end":     {`exec yes 'no, no' >&2`, fault.Unavailable, "longer than 300ms"},
		"it complains on one line":     {`head -c 200000 /dev/zero | tr '\0' x >&2; echo >&2; echo end >&2; exit 1`, fault.Unavailable, "x…\nend"},
		"its child holds what is left": {`sleep 60 & head -c 300000 /dev/zero | tr '\0' x`, fault.Damaged, "left another behind"},
		"its child holds the output":   {`sleep 60 & echo '{"id":1}'`, fault.Damaged, "left another behind"},
	}
	// All are written before any starts: a file that is open for writing cannot be run, and a process that is just starting holds it open.
	programs := map[string]source.Request{}
	for name, c := range cases {
		programs[name] = runningExec(t, c.script)
	}
	var running sync.WaitGroup // all at once: some of them are waited for
	for name, c := range cases {
		r := programs[name]
		r.Source.Exec.Output = 1e6
		if strings.Contains(c.words, "300ms") {
			r.Source.Exec.Timeout = 300 * time.Millisecond
		}
		running.Go(func() {
			objects, log, err := fetchExec(t, r)
			if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.words) || fault.Hint(err) == "" || len(objects) > 0 {
				t.Errorf("%s: %d objects, %v", name, len(objects), err)
			}
			if len(log) > 1001 {
				t.Errorf("%s: %d lines in the log", name, len(log))
			}
		})
	}
	running.Wait()
}

func TestProgramThatCannotBeStartedIsInvalid(t *testing.T) {
	r := runningExec(t, "exit 0")
	for _, program := range []string{"bin/absent", "no-such-program-anywhere", "."} {
		r.Source.Exec.Run = []string{program, "{day}"}
		if _, _, err := fetchExec(t, r); !fault.Is(err, fault.Invalid) || fault.Hint(err) == "" {
			t.Errorf("%s: %v", program, err)
		}
	}
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	r := runningExec(t, `sleep 300 & echo $! >"$2/pid"; echo '{"id":1}'; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := kindOf(t, "exec").Fetch(ctx, r, &sink{during: cancel})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(r.Dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for processAlive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is alive", pid)
		}
	}
}

// processAlive reports whether a process runs; one that is dead and not yet collected does not.
func processAlive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err != nil || !strings.HasPrefix(state, "Z")
}
