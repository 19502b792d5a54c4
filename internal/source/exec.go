package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// Exec is the kind exec: a program, allowed by name in daybook.yaml, that writes a day's records as NDJSON. No shell reads its
// arguments, it sees no environment but PATH, LANG and what is listed, and what it writes counts only when it ends with 0.
type Exec struct{}

const (
	exitMissing   = 4               // how a program says that the day is not there
	stderrTail    = 4 << 10         // of what it complained, for the error
	stderrLines   = 1000            // of it, for the log
	stderrLine    = 64 << 10        // of one of them; the rest is left out
	longestEscape = 6               // bytes of what stands for one, such as \u0026
	execGrace     = 2 * time.Second // for the output of what a program left behind
	execPartName  = "records.ndjson"
)

// Fetch implements Source. The day is one part.
func (Exec) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	failed := func(err error) (Result, error) { return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err) }
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	if len(r.Kept) > 0 { // the day is whole when its part is
		return Result{}, nil
	}
	timeout := r.Source.Exec.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fault.New(fault.Unavailable, fmt.Sprintf("the program ran longer than %s", timeout),
		"raise timeout: of "+r.Source.Exec.Command+" under exec: in daybook.yaml"))
	defer cancel()
	p, err := startProgram(ctx, r)
	if err != nil {
		return failed(err)
	}
	defer p.stop()
	first := make([]byte, 1)
	n, err := io.ReadFull(p, first) // a day that is not there is told before there is an object
	if err != nil && !errors.Is(err, io.EOF) {
		return failed(err)
	}
	part := Part{Name: execPartName, Origin: "exec " + r.Source.Exec.Command + " " + r.Day.String(), State: "whole"}
	if snapshot(r.Source) {
		part.Origin = "exec " + r.Source.Exec.Command
	}
	err = sink.Put(ctx, part, io.MultiReader(bytes.NewReader(first[:n]), p))
	switch {
	case p.err != nil && !errors.Is(p.err, io.EOF):
		return failed(p.err)
	case err != nil:
		return failed(execBecause(ctx, err))
	}
	return Result{}, nil
}

// execBecause is why a context ended, where that is the program's own time.
func execBecause(ctx context.Context, err error) error {
	var own *fault.Error
	if errors.As(context.Cause(ctx), &own) {
		return own
	}
	return err
}

// execProgram is one that runs. Read reads what it writes, and ends with an error unless the program ended well.
type execProgram struct {
	ctx    context.Context
	cmd    *exec.Cmd
	out    *os.File
	left   int64 // bytes that it may still write
	most   int64
	notes  *execNotes
	ended  chan struct{}
	waited error
	err    error // that Read ended with
}

// startProgram starts the source's program for the day in a process group of its own.
func startProgram(ctx context.Context, r Request) (*execProgram, error) {
	env, secrets, err := execEnvironment(ctx, r)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the project's directory: %w", err)
	}
	var args []string
	for _, a := range r.Source.Exec.Run {
		args = append(args, strings.ReplaceAll(replace(a, r.Day), "{dir}", dir))
	}
	if strings.Contains(args[0], "/") && !filepath.IsAbs(args[0]) {
		args[0] = filepath.Join(dir, args[0])
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	most := r.Source.Exec.Output
	if most <= 0 {
		most = 20e9
	}
	p := &execProgram{ctx: ctx, out: in, left: most, most: most, notes: &execNotes{secrets: secrets, log: r.Log}, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, env, out, p.notes
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel, p.cmd.WaitDelay = p.kill, execGrace
	err = p.cmd.Start()
	_ = out.Close() // the program has its own
	if err != nil {
		_ = in.Close() // nothing was written
		return nil, execNotStarted(ctx, err, r.Source.Exec.Command)
	}
	go func() {
		p.waited = p.cmd.Wait()
		close(p.ended)
		p.wake()
	}()
	context.AfterFunc(ctx, p.wake)
	return p, nil
}

func execNotStarted(ctx context.Context, err error, name string) error {
	if ctx.Err() != nil {
		return execBecause(ctx, ctx.Err())
	}
	hint := "write the program's path under exec: in daybook.yaml as it is on this machine"
	if errors.Is(err, fs.ErrPermission) {
		hint = "let the account that Daybook runs as execute the program"
	}
	return fault.Wrap(fault.Invalid, err, "the program "+name+" cannot be started", hint)
}

// kill ends the program and everything in its group.
func (p *execProgram) kill() error {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// wake ends a read that waits: when the program has ended, there may be nobody who writes.
func (p *execProgram) wake() { _ = p.out.SetReadDeadline(time.Unix(1, 0)) } // fails only on a closed pipe

// stop ends what still runs, the program or what it has left behind.
func (p *execProgram) stop() {
	_ = p.kill() // Wait says whether that was needed
	<-p.ended
	_ = p.out.Close() // only read from
}

// Read implements io.Reader. Nothing is the end but the end of a program that says that all went well.
func (p *execProgram) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.next(b)
	if p.left -= int64(n); p.left < 0 {
		p.err = fault.New(fault.Damaged, fmt.Sprintf("the program wrote more than %d bytes", p.most), "let it write less, or raise output: under exec: in daybook.yaml")
		return 0, p.err
	}
	if err == nil {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if p.err = execBecause(p.ctx, p.ctx.Err()); p.err == nil {
			p.err = execLeftBehind()
		}
		return n, p.err
	}
	<-p.ended
	if p.err = p.verdict(); p.err == nil && errors.Is(err, io.EOF) {
		p.err = io.EOF
	} else if p.err == nil {
		p.err = fmt.Errorf("read what the program writes: %w", err)
	}
	return n, p.err
}

// next reads from the pipe. Once the program has ended, what is in the pipe is there at once, and nothing more should come.
func (p *execProgram) next(b []byte) (int, error) {
	select {
	case <-p.ended:
	default:
		if n, err := p.out.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
	if p.ctx.Err() == nil {
		_ = p.out.SetReadDeadline(time.Time{}) // fails only on a closed pipe, as does the read
		defer time.AfterFunc(execGrace, p.wake).Stop()
	}
	return p.out.Read(b)
}

func execLeftBehind() error {
	return fault.New(fault.Damaged, "the program ended and left another behind that still holds its output", "let it wait for what it starts")
}

// verdict is what the end of the program means; nil when all went well.
func (p *execProgram) verdict() error {
	if err := p.ctx.Err(); err != nil {
		return execBecause(p.ctx, err)
	}
	said := ""
	if tail := p.notes.last(); tail != "" {
		said = ": " + tail
	}
	var end *exec.ExitError
	switch {
	case p.waited == nil:
		return nil
	case errors.Is(p.waited, exec.ErrWaitDelay):
		return execLeftBehind()
	case errors.As(p.waited, &end) && end.ExitCode() == exitMissing:
		return fault.New(fault.Missing, "the program says that the day is not there"+said, "run the day again when it is")
	case errors.As(p.waited, &end) && end.ExitCode() >= 0:
		return fault.New(fault.Unavailable, fmt.Sprintf("the program ended with %d%s", end.ExitCode(), said), "mend what it complains of and run the day again")
	}
	return fault.New(fault.Unavailable, fmt.Sprintf("the program did not end by itself: %v%s", p.waited, said), "run the day again")
}

var secretReference = regexp.MustCompile(`^(env|file|aws-secretsmanager|aws-ssm):.+$`)

// execEnvironment is all that the program sees, and which of its values nobody may read.
func execEnvironment(ctx context.Context, r Request) (env, secrets []string, err error) {
	for _, name := range []string{"PATH", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Source.Exec.Env)) {
		v := r.Source.Exec.Env[name]
		if secretReference.MatchString(v) {
			if v, err = r.Secret(ctx, v); err != nil {
				return nil, nil, err
			}
			secrets = append(secrets, v)
		}
		env = append(env, name+"="+v)
	}
	return env, secrets, nil
}

// execNotes takes what a program complains: its lines to the log, and the last of it for an error. Secrets are not in either.
type execNotes struct {
	secrets []string
	log     func(level, format string, args ...any)

	mu    sync.Mutex
	line  []byte
	skip  bool // until the end of a line that is too long
	tail  []byte
	lines int
}

// Write implements io.Writer.
func (n *execNotes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range p {
		if n.skip {
			n.skip = c != '\n'
			continue
		}
		n.line = append(n.line, c)
		if c == '\n' || len(n.line) == stderrLine {
			n.skip = c != '\n'
			n.flush(n.skip)
		}
	}
	return len(p), nil
}

// flush takes a line. One that was cut may end within a secret, which nobody would know again.
func (n *execNotes) flush(cut bool) {
	text := maskSecrets(string(n.line), n.secrets)
	n.line = n.line[:0]
	if cut {
		for _, s := range n.secrets {
			text = text[:max(0, len(text)-longestEscape*len(s))]
		}
		text += "…\n"
	}
	n.tail = append(n.tail, text...)
	n.tail = n.tail[max(0, len(n.tail)-stderrTail):]
	switch n.lines++; {
	case n.lines == stderrLines:
		n.log("warn", "the program complains on; further lines are left out")
	case n.lines < stderrLines:
		if text = oneLine(text); text != "" {
			n.log("info", "%s", text)
		}
	}
}

func (n *execNotes) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.line) > 0 {
		n.flush(false)
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(n.tail), ""))
}

func validateExec(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	if s.Exec.Command == "" || len(s.Exec.Run) == 0 || s.Exec.Run[0] == "" {
		return invalid("the source has no command", "write command: with a name of exec: in daybook.yaml")
	}
	has, wrong := placeholdersOf(strings.Join(s.Exec.Run, "\n"), "the arguments of "+s.Exec.Command, "{day}", "{yyyy}", "{mm}", "{dd}", "{dir}")
	if wrong != nil {
		return place(s, wrong)
	}
	switch {
	case snapshot(s) && has.ofADay():
		return invalid("the arguments of a snapshot's program name a day", "take {…} out of run:, or write holds: day")
	case !snapshot(s) && !has.day():
		return invalid("the program is not told the day", "put \"{day}\" into run:, or write holds: snapshot for a program that has only the present state")
	}
	return nil
}
