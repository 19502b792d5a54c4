package stage

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"daybook/internal/project"
)

// look is how a value came and what it could be.
type look struct{ came, is string }

// node is what was seen of one name, or of the elements of a list.
type node struct {
	looks    map[look]int64
	examples []string
	scale    int // digits behind the point, at most
	children map[string]*node
	order    []string
	items    *node
	wide     bool // not all children were looked at
}

func newNode() *node { return &node{looks: map[look]int64{}, children: map[string]*node{}} }

func (n *node) see(came, is, example string) {
	n.looks[look{came, is}]++
	if example == "" || len(n.examples) >= inferExamples {
		return
	}
	const most = 100
	if r := []rune(example[:min(len(example), 4*most)]); len(r) > most {
		example = string(r[:most]) + "…"
	}
	if !slices.Contains(n.examples, example) {
		n.examples = append(n.examples, example)
	}
}

func (n *node) count(is ...string) int64 {
	var sum int64
	for l, count := range n.looks {
		if len(is) == 0 || slices.Contains(is, l.is) {
			sum += count
		}
	}
	return sum
}

// leaves is how many columns would be made of the node; too many where not all was looked at.
func (n *node) leaves() int {
	sum := 0
	for _, name := range n.order {
		sum += max(1, n.children[name].leaves())
	}
	if n.wide {
		sum += inferLeaves
	}
	return sum
}

// columns are those that could be declared: the members of objects that are nothing else, or what has them.
func (i *inference) columns() []InferredColumn {
	var out []InferredColumn
	taken := map[string]bool{}
	var walk func(n *node, path []string)
	walk = func(n *node, path []string) {
		for _, name := range n.order {
			c := n.children[name]
			if len(path) == 0 && name == "" {
				continue // nobody can ask for it
			}
			below := append(slices.Clone(path), name)
			objects := c.count("object")
			if objects > 0 && objects == c.count()-c.count("null") && c.leaves() > 0 && c.leaves() <= inferLeaves && !slices.ContainsFunc(c.order, func(s string) bool { return strings.Contains(s, ".") }) {
				walk(c, below)
				continue
			}
			if i.run.job.Source.Format != "csv" && len(path) == 0 && strings.Contains(name, ".") {
				continue // no path leads there
			}
			out = append(out, i.column(c, below, len(out)+1, taken))
		}
	}
	walk(i.root, nil)
	return out
}

func (i *inference) column(n *node, path []string, number int, taken map[string]bool) InferredColumn {
	from := strings.TrimSuffix(strings.Join(path, "."), ".#text")
	c := InferredColumn{Name: columnName(from, number, taken), Type: i.kind(n), Absent: max(0, i.out.Records-n.count()), Null: n.count("null"), Examples: n.examples}
	if t, ok := i.fixed[from]; ok {
		c.Type = t
	}
	if i.emptyIsNull {
		c.Null += n.count("empty text")
	}
	if c.Name != from && (i.run.job.Source.Format != "csv" || i.run.job.Source.Header) {
		c.From = from
	}
	counts := map[string]int64{}
	for l, count := range n.looks {
		if l.is != "null" {
			counts[l.came] += count
		}
	}
	for t, count := range counts {
		c.Types = append(c.Types, TypeCount{t, count})
	}
	slices.SortFunc(c.Types, func(a, b TypeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type))
	})
	return c
}

// kind is the narrowest type that takes all that was seen.
func (i *inference) kind(n *node) project.Type {
	seen := map[string]bool{}
	numbers := i.loose || slices.ContainsFunc([]string{"integer", "bigint", "decimal", "double"}, func(k string) bool { return n.looks[look{k, k}] > 0 })
	truths := i.loose || n.looks[look{"boolean", "boolean"}] > 0
	for l := range n.looks {
		switch {
		case l.is == "null", l.is == "empty text" && i.emptyIsNull:
		case l.is == "empty text", l.came == "text" && isNumber(l.is) && !numbers, l.came == "text" && l.is == "boolean" && !truths:
			seen["text"] = true
		default:
			seen[l.is] = true
		}
	}
	only := func(kinds ...string) bool {
		for k := range seen {
			if !slices.Contains(kinds, k) {
				return false
			}
		}
		return true
	}
	switch {
	case len(seen) == 0:
		return "text"
	case seen["object"], seen["list"]:
		return i.nested(n, seen)
	case only("integer"):
		return "integer"
	case only("integer", "bigint"):
		return "bigint"
	case seen["decimal"] && only("integer", "bigint", "decimal") && n.scale <= 20:
		return project.Type(fmt.Sprintf("decimal(38,%d)", n.scale))
	case only("integer", "bigint", "decimal", "double"):
		return "double"
	case len(seen) == 1:
		for k := range seen {
			return project.Type(k)
		}
	case only("date", "timestamp"):
		return "timestamp"
	case only("date", "timestamp", "timestamptz"):
		return "timestamptz"
	}
	return "text"
}

// nested is the type of what has lists or objects: a list of one type, or json. XML has no list of one.
func (i *inference) nested(n *node, seen map[string]bool) project.Type {
	scalars := len(seen) > 1
	if seen["object"] || n.items == nil || n.items.count("object") > 0 || scalars && i.run.job.Source.Format != "xml" {
		return "json"
	}
	all := &node{looks: map[look]int64{}, scale: max(n.scale, n.items.scale)}
	for _, from := range []map[look]int64{n.items.looks, n.looks} {
		for l, count := range from {
			if l.is != "list" {
				all.looks[l] += count
			}
		}
	}
	return i.kind(all) + "[]"
}

func isNumber(kind string) bool {
	return kind == "integer" || kind == "bigint" || kind == "decimal" || kind == "double"
}

// numberLook is the type of a JSON number, and its digits behind the point.
func numberLook(s string) (kind string, scale int) {
	if strings.ContainsAny(s, "eE") {
		return "double", 0
	}
	whole, fraction, _ := strings.Cut(s, ".")
	fraction = strings.TrimRight(fraction, "0")
	if fraction != "" {
		if len(strings.TrimLeft(whole, "-0"))+len(fraction) > doubleDigits {
			return "decimal", len(fraction)
		}
		return "double", len(fraction)
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case err != nil:
		return "decimal", 0
	case n == int64(int32(n)):
		return "integer", 0
	}
	return "bigint", 0
}

// textLook is the type that a text could have, and the digits behind its point.
func textLook(s string) (kind string, scale int) {
	const most = 18 // digits of a whole number that is one for sure
	first := s[0]
	switch {
	case s == "true" || s == "false":
		return "boolean", 0
	case first == '-' || first >= '0' && first <= '9':
		if plainNumber(s) && len(s) <= 2*most {
			if kind, scale = numberLook(s); kind == "decimal" && scale == 0 {
				return "text", 0
			}
			return kind, scale
		}
		if kind := timeLook(s); kind != "" {
			return kind, 0
		}
	}
	if len(s) == 36 && uuidRE(s) {
		return "uuid", 0
	}
	return "text", 0
}

// plainNumber reports whether s is digits, perhaps with a sign and a fraction, and no leading zero that a number would lose.
func plainNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!point || digits(fraction))
}

func timeLook(s string) string {
	for _, l := range []struct{ layout, kind string }{
		{"2006-01-02", "date"}, {"2006-01-02 15:04:05", "timestamp"}, {"2006-01-02T15:04:05", "timestamp"}, {"2006-01-02 15:04", "timestamp"},
		{time.RFC3339, "timestamptz"}, {"2006-01-02 15:04:05Z07:00", "timestamptz"}, {"2006-01-02 15:04:05Z07", "timestamptz"}, {"2006-01-02T15:04:05Z07", "timestamptz"},
	} {
		if _, err := time.Parse(l.layout, s); err == nil {
			return l.kind
		}
	}
	return ""
}

func uuidRE(s string) bool {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString(s)
}

// columnName makes a column's name of a name at the source, unlike all others.
func columnName(from string, number int, taken map[string]bool) string {
	var b strings.Builder
	runes := []rune(from)
	for i, c := range runes {
		letter := c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c))
		if !letter {
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
			continue
		}
		upper := unicode.IsUpper(c)
		if upper && i > 0 && !strings.HasSuffix(b.String(), "_") && b.Len() > 0 &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	base := strings.TrimSuffix(b.String(), "_")
	if strings.HasPrefix(from, "_") && base != "" {
		base = "_" + base
	}
	switch {
	case base == "":
		base = fmt.Sprintf("column_%d", number)
	case base[0] >= '0' && base[0] <= '9':
		base = "c_" + base
	}
	unique := base
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s_%d", base, n)
	}
	taken[unique] = true
	return unique
}
