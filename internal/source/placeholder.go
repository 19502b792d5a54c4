package source

import (
	"regexp"
	"slices"
	"strings"

	"daybook/internal/fault"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// placeholders are those that a setting has.
type placeholders map[string]bool

// placeholdersOf returns those of a text, which may only be of the known ones; where is what has the text, such as "the path".
func placeholdersOf(text, where string, known ...string) (placeholders, *fault.Error) {
	has := placeholders{}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(known, p) {
			last := len(known) - 1
			return nil, fault.New(fault.Invalid, p+" in "+where+" stands for nothing", "use "+strings.Join(known[:last], ", ")+" and "+known[last])
		}
		has[p] = true
	}
	return has, nil
}

// day reports whether they tell one day from another.
func (p placeholders) day() bool { return p["{day}"] || p["{yyyy}"] && p["{mm}"] && p["{dd}"] }

// ofADay reports whether any of them depends on the day.
func (p placeholders) ofADay() bool { return p["{day}"] || p["{yyyy}"] || p["{mm}"] || p["{dd}"] }
