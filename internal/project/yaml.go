package project

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"daybook/internal/fault"
)

// document is one YAML text being read. It collects every problem with its place instead of stopping at the first.
type document struct {
	file   string
	offset int // lines of the file before the YAML begins
	env    func(string) (string, bool)
	errs   []error
	broken map[ast.Node]bool // values already complained about
}

// fail notes a problem. A value that could not be read at all is complained about once, not again for what it is not.
func (d *document) fail(n ast.Node, message, hint string) {
	if n != nil && d.broken[n] {
		return
	}
	line, column := d.place(n)
	d.errs = append(d.errs, fault.At(d.file, line, column, message, hint))
}

// failAs notes a fault of another room at the place of n.
func (d *document) failAs(n ast.Node, err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		d.fail(n, err.Error(), "")
		return
	}
	message := f.Message
	if f.Err != nil {
		message += ": " + f.Err.Error()
	}
	d.fail(n, message, f.Hint)
}

// unreadable notes that n has no value to go on with.
func (d *document) unreadable(n ast.Node, message, hint string) {
	d.fail(n, message, hint)
	d.broken[n] = true
}

// place is where a person would look for n: a mapping begins with its first key, not with that key's colon.
func (d *document) place(n ast.Node) (line, column int) {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return d.place(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return d.place(m.Key)
	}
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
		return errors.As(d.errs[i], &a) && errors.As(d.errs[j], &b) && (a.Line < b.Line || a.Line == b.Line && a.Column < b.Column)
	})
	return errors.Join(d.errs...)
}

// parse reads the text as one mapping; nil (with the problem noted) when it is not.
func (d *document) parse(text []byte) *mapping {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey()) // mapping complains of them with all the rest
	if err != nil {
		d.syntax(err)
		return nil
	}
	if d.refused(file) {
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return &mapping{doc: d, used: map[string]bool{}}
	}
	if len(file.Docs) > 1 {
		d.fail(file.Docs[1].Body, "a second YAML document begins here", "keep one document in a file")
		return nil
	}
	return d.mapping(file.Docs[0].Body, "this file")
}

// refused notes what YAML has and a project must not: one value shared by two places is not seen where it is read.
func (d *document) refused(file *ast.File) bool {
	before := len(d.errs)
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(refusal{d}, doc.Body)
		}
	}
	return len(d.errs) > before
}

type refusal struct{ doc *document }

// Visit is ast.Visitor.
func (r refusal) Visit(n ast.Node) ast.Visitor {
	hint := "write the value itself"
	switch n.(type) {
	case *ast.AnchorNode:
		r.doc.fail(n, "a YAML anchor (&) is not read", hint)
	case *ast.AliasNode:
		r.doc.fail(n, "a YAML alias (*) is not read", hint+`, in "quotes" when it begins with *`)
	case *ast.TagNode:
		r.doc.fail(n, "a YAML tag (!) is not read", hint+`, in "quotes" when it begins with !`)
	case *ast.MergeKeyNode:
		r.doc.fail(n, "a YAML merge key (<<) is not read", "write the keys themselves")
	case *ast.MappingKeyNode:
		r.doc.fail(n, "a YAML complex key (?) is not read", "write key: value")
	case *ast.DirectiveNode:
		r.doc.fail(n, "a YAML directive (%) is not read", "leave the line out")
	default:
		return r
	}
	return nil
}

func (d *document) syntax(err error) {
	var se *yaml.SyntaxError
	if errors.As(err, &se) && se.GetToken() == nil {
		err = errors.New(se.GetMessage()) // without a token its Error would panic
	} else if se != nil {
		hint := `mend the indentation, the colon or the quotes here; a value that holds {, [ or ": " is written in "quotes"`
		if strings.Contains(se.GetMessage(), "'\t'") {
			hint = "indent with spaces; YAML does not allow tabs"
		}
		p := se.GetToken().Position
		d.errs = append(d.errs, fault.At(d.file, p.Line+d.offset, p.Column, "not valid YAML: "+strings.ReplaceAll(se.GetMessage(), "\t", `\t`), hint))
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
		if n == nil {
			return nil
		}
		d.unreadable(n, what+" is not made of \"key: value\" lines", "write key: value")
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

// finish notes every key that nobody asked for, with the nearest known one, and says how many there were.
func (m *mapping) finish() (unknown int) {
	known := make([]string, 0, len(m.used))
	for k := range m.used {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, k := range m.keys {
		if name := keyName(k); !m.used[name] {
			m.doc.fail(k.Key, fmt.Sprintf("unknown key %q", name), suggest(name, known))
			unknown++
		}
	}
	return unknown
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
