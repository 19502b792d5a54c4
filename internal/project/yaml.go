package project

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// document is one YAML text being read. It collects every problem with its place instead of stopping at the first.
type document struct {
	file   string
	offset int // lines of the file before the YAML begins
	env    func(string) (string, bool)
	errs   []error
}

func (d *document) fail(n ast.Node, message, hint string) {
	line, column := d.place(n)
	d.errs = append(d.errs, fault.At(d.file, line, column, message, hint))
}

func (d *document) place(n ast.Node) (line, column int) {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return d.offset + 1, 1
	}
	p := n.GetToken().Position
	return p.Line + d.offset, p.Column
}

// problems returns what was collected, in file order, as one error.
func (d *document) problems() error {
	sort.SliceStable(d.errs, func(i, j int) bool {
		var a, b *fault.Error
		return errors.As(d.errs[i], &a) && errors.As(d.errs[j], &b) && a.Line < b.Line
	})
	return errors.Join(d.errs...)
}

// parse reads the text as one mapping; nil (with the problem noted) when it is not.
func (d *document) parse(text []byte) *mapping {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return &mapping{doc: d, used: map[string]bool{}}
	}
	if len(file.Docs) > 1 {
		d.fail(file.Docs[1].Body, "a second YAML document begins here", "keep one document in a file")
	}
	return d.mapping(file.Docs[0].Body, "this file")
}

func (d *document) syntax(err error) {
	var se *yaml.SyntaxError
	if errors.As(err, &se) && se.GetToken() != nil {
		p := se.GetToken().Position
		d.errs = append(d.errs, fault.At(d.file, p.Line+d.offset, p.Column, "not valid YAML: "+se.GetMessage(), "mend the indentation, the colon or the quotes here"))
		return
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	d.errs = append(d.errs, fault.At(d.file, d.offset+1, 1, "not valid YAML: "+first, "mend the file's syntax"))
}

// mapping is a YAML mapping whose keys must all be asked for.
type mapping struct {
	doc  *document
	node ast.Node
	keys []*ast.MappingValueNode
	used map[string]bool
}

func (d *document) mapping(n ast.Node, what string) *mapping {
	m := &mapping{doc: d, node: n, used: map[string]bool{}}
	switch n := n.(type) {
	case *ast.MappingNode:
		m.keys = n.Values
	case *ast.MappingValueNode:
		m.keys = []*ast.MappingValueNode{n}
	default:
		d.fail(n, what+" is not a list of \"key: value\" lines", "write key: value")
		return nil
	}
	seen := map[string]bool{}
	for _, k := range m.keys {
		name := keyName(k)
		if seen[name] {
			d.fail(k.Key, fmt.Sprintf("key %q is written twice", name), "keep one of them")
		}
		seen[name] = true
	}
	return m
}

func keyName(k *ast.MappingValueNode) string {
	if s, ok := k.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return k.Key.GetToken().Value
}

// value returns the node of a key, nil when the key is absent or null, and marks the key as known.
func (m *mapping) value(key string) ast.Node {
	m.used[key] = true
	for _, k := range m.keys {
		if keyName(k) == key {
			if _, null := k.Value.(*ast.NullNode); null {
				return nil
			}
			return k.Value
		}
	}
	return nil
}

// finish notes every key that nobody asked for, with the nearest known one.
func (m *mapping) finish() {
	known := make([]string, 0, len(m.used))
	for k := range m.used {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, k := range m.keys {
		if name := keyName(k); !m.used[name] {
			m.doc.fail(k.Key, fmt.Sprintf("unknown key %q", name), suggest(name, known))
		}
	}
}

func suggest(name string, known []string) string {
	best, dist := "", 3
	for _, k := range known {
		if n := distance(name, k); n < dist {
			best, dist = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s? known here: %s", best, strings.Join(known, ", "))
	}
	return "known here: " + strings.Join(known, ", ")
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// scalar returns the text of a scalar node with ${NAME} replaced from the environment.
func (d *document) scalar(n ast.Node, what string) (string, bool) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		s = n.GetToken().Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.fail(n, what+" uses a YAML anchor or tag", "write the value itself")
		return "", false
	default:
		d.fail(n, what+" is not a single value", "write one value on this line")
		return "", false
	}
	missing := ""
	s = expand(s, func(name string) string {
		v, ok := d.env(name)
		if !ok {
			missing = name
		}
		return v
	})
	if missing != "" {
		d.fail(n, fmt.Sprintf("environment variable %s is not set", missing), fmt.Sprintf("export %s=… before starting daybook", missing))
		return "", false
	}
	return s, true
}

// expand replaces ${NAME} only; a lone $ and $day stay.
func expand(s string, value func(string) string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			return s
		}
		i += from
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			return s
		}
		v := value(s[i+2 : i+j])
		s = s[:i] + v + s[i+j+1:]
		from = i + len(v)
	}
}

func (m *mapping) str(key, fallback string) string {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, ok := m.doc.scalar(n, key)
	if !ok {
		return fallback
	}
	return s
}

// written is the text of a key before the environment is put in.
func (m *mapping) written(key string) string {
	if n := m.value(key); n != nil {
		return n.GetToken().Value
	}
	return ""
}

// one reads a string out of a fixed set.
func (m *mapping) one(key, fallback string, allowed ...string) string {
	s := m.str(key, fallback)
	if n := m.value(key); n != nil && !slices.Contains(allowed, s) {
		m.doc.fail(n, fmt.Sprintf("%s cannot be %q", key, s), "write "+strings.Join(allowed, ", "))
		return fallback
	}
	return s
}

func (m *mapping) integer(key string, fallback, low int64) int64 {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, ok := m.doc.scalar(n, key)
	v, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if ok && (err != nil || v < low) {
		m.doc.fail(n, fmt.Sprintf("%s is %q", key, s), fmt.Sprintf("write a whole number of at least %d", low))
		return fallback
	}
	return v
}

func (m *mapping) boolean(key string, fallback bool) bool {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	if b, ok := n.(*ast.BoolNode); ok {
		return b.Value
	}
	m.doc.fail(n, key+" is not true or false", "write true or false")
	return fallback
}

// list reads one scalar or a sequence of scalars.
func (m *mapping) list(key string) []string {
	n := m.value(key)
	if n == nil {
		return nil
	}
	return m.doc.list(n, key)
}

func (d *document) list(n ast.Node, what string) []string {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if s, ok := d.scalar(n, what); ok {
			return []string{s}
		}
		return nil
	}
	out := make([]string, 0, len(seq.Values))
	for _, v := range seq.Values {
		if s, ok := d.scalar(v, what); ok {
			out = append(out, s)
		}
	}
	return out
}

// each calls f for every mapping of a sequence.
func (m *mapping) each(key string, f func(*mapping)) {
	n := m.value(key)
	if n == nil {
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		m.doc.fail(n, key+" is not a list", `begin each entry with "- "`)
		return
	}
	for _, v := range seq.Values {
		if entry := m.doc.mapping(v, "an entry of "+key); entry != nil {
			f(entry)
		}
	}
}

// sub reads a nested mapping, nil when absent.
func (m *mapping) sub(key string) *mapping {
	n := m.value(key)
	if n == nil {
		return nil
	}
	return m.doc.mapping(n, key)
}

// words reads one string for every locale, or {ko: …, en: …}.
func (m *mapping) words(key string) Words {
	n := m.value(key)
	if n == nil {
		return nil
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		sub := m.doc.mapping(n, key)
		w := Words{}
		for _, l := range []string{"ko", "en"} {
			if s := sub.str(l, ""); s != "" {
				w[l] = s
			}
		}
		sub.finish()
		return w
	}
	if s, ok := m.doc.scalar(n, key); ok {
		return Words{"": s}
	}
	return nil
}

func (m *mapping) zone(key string, fallback *time.Location) *time.Location {
	n := m.value(key)
	if n == nil {
		return fallback
	}
	s, _ := m.doc.scalar(n, key)
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" {
		m.doc.fail(n, fmt.Sprintf("%q is not a time zone", s), "write an IANA name such as Asia/Seoul or UTC")
		return fallback
	}
	return loc
}

// schedule reads at/on or cron, and timezone.
func (m *mapping) schedule(zone *time.Location) calendar.Schedule {
	s := calendar.Schedule{Zone: m.zone("timezone", zone)}
	at, on, cron := m.value("at"), m.value("on"), m.value("cron")
	var err error
	switch {
	case at != nil && cron != nil:
		m.doc.fail(cron, "both at and cron are given", "keep one of them")
	case cron != nil:
		if s.Cron, err = calendar.ParseCron(m.str("cron", "")); err != nil {
			m.doc.fail(cron, err.Error(), "")
		}
	case at != nil:
		if s.Hour, s.Minute, err = calendar.ParseClock(m.str("at", "")); err != nil {
			m.doc.fail(at, err.Error(), "")
		}
	default:
		m.doc.fail(m.node, "a schedule without a time", `write at: "07:00" or cron: "0 7 * * *"`)
	}
	if on != nil {
		if s.On, err = calendar.ParseWeekdays(strings.Join(m.list("on"), ",")); err != nil {
			m.doc.fail(on, err.Error(), "")
		}
	}
	return s
}

// Environment is the process's own, for Load.
func Environment(name string) (string, bool) { return os.LookupEnv(name) }
