package warehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"daybook/internal/fault"

	"github.com/duckdb/duckdb-go/v2"
)

var holder = regexp.MustCompile(`\(PID (\d+)\)|PID (\d+)`)

// damage is what the engine says of a file that it did not write like that.
var damage = []string{"not a valid DuckDB database", "corrupt", "checksum", "Could not read enough bytes", "replaying WAL", "Serialization Error", "Failed to deserialize"}

// openFault explains why the file could not be opened.
func openFault(path string, err error) error {
	message := err.Error()
	switch {
	case strings.Contains(message, "Could not set lock"):
		who := "another process"
		if m := holder.FindStringSubmatch(message); m != nil {
			who = "process " + m[1] + m[2]
		}
		return fault.Wrap(fault.Busy, err, fmt.Sprintf("%s is held by %s", path, who), "use the server that runs, or end that process")
	case strings.Contains(message, "No space left"):
		return noSpace(err)
	case slices.ContainsFunc(damage, func(s string) bool { return strings.Contains(message, s) }):
		return fault.Wrap(fault.Damaged, err, path+" cannot be read as a warehouse", "restore it from a backup, or delete it and run again: all of it is rebuilt from the lake")
	}
	return fmt.Errorf("open the warehouse %s: %w", path, err)
}

func noSpace(err error) error {
	return fault.Wrap(fault.NoSpace, err, "the disk is full", "free some space on the disk of the project's data and run again")
}

// said is an engine error as the session setting errors_as_json gives it.
type said struct {
	Kind     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Position string `json:"position"`
}

func explained(engine *duckdb.Error) said {
	s := said{Message: engine.Msg}
	if i := strings.IndexByte(engine.Msg, '{'); i >= 0 {
		if json.Unmarshal([]byte(engine.Msg[i:]), &s) != nil {
			return said{Message: engine.Msg}
		}
	}
	return s
}

// engineFault explains an error of the engine. text is the user's SQL, empty when it is ours; shift is how many bytes were put before it.
func engineFault(ctx context.Context, what, text string, shift int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		return fmt.Errorf("%s: %w", what, err)
	}
	s := explained(engine)
	message, hint, _ := strings.Cut(s.Message, "\n")
	hint = strings.Join(strings.Fields(hint), " ")
	switch {
	case strings.Contains(s.Message, "No space left on device"), strings.Contains(s.Message, "max_temp_directory_size"):
		return noSpace(errors.New(message))
	case s.Kind == "Out of Memory":
		return fault.Wrap("memory", errors.New(message), what+": the memory of the warehouse is used up", "raise warehouse memory in daybook.yaml, or read fewer days at once")
	case text == "":
		return fmt.Errorf("%s: %s", what, message)
	}
	f := fault.New(fault.Invalid, what+": "+message, hint)
	f.Line, f.Column = place(text, s.Position, shift)
	return f
}

// place turns the engine's byte position into line and column of the user's text, both 1-based; zeros when it is unknown.
func place(text, position string, shift int) (line, column int) {
	at, err := strconv.Atoi(position)
	if at -= shift; err != nil || at < 0 || at > len(text) {
		return 0, 0
	}
	return lineColumn(text[:at])
}

// syntaxPlace is place for a syntax error of the text itself: there the engine counts characters, not bytes.
func syntaxPlace(text, position string) (line, column int) {
	at, err := strconv.Atoi(position)
	characters := []rune(text)
	if err != nil || at < 0 || at > len(characters) {
		return 0, 0
	}
	return lineColumn(string(characters[:at]))
}

// lineColumn is the place after the text before it.
func lineColumn(before string) (line, column int) {
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}
