package stage

import (
	"encoding/json"
	"fmt"
	"strings"
)

// What json_transform makes of a root, the first step of a path.
const (
	jsonText  = `"VARCHAR"`
	jsonTexts = `["VARCHAR"]`
	jsonWhole = `"JSON"` // when something is picked out of it, or judged as a whole
)

// roots are those of the declared paths, each once, and what becomes of them.
func (r *run) roots() (order []string, kinds map[string]string) {
	kinds = map[string]string{}
	for _, c := range r.columns {
		kind, root := jsonWhole, c.path[0]
		switch {
		case len(c.path) == 1 && c.Type.Scalar():
			kind = jsonText
		case len(c.path) == 1 && c.Type == "text[]":
			kind = jsonTexts
		}
		before, seen := kinds[root]
		if !seen {
			order = append(order, root)
		} else if before != kind {
			kind = jsonWhole
		}
		kinds[root] = kind
	}
	return order, kinds
}

// jsonRelation gives object, line, text, ok and the texts r0, r1, … of the declared paths in the records of raw, and how they become values.
// Each record is parsed once. A list of texts is one already, l0, l1, …: every element has a text, so that it can only be null where there is no
// list, and only there the text is looked up.
func (r *run) jsonRelation() (relation string, f forms) {
	order, kinds := r.roots()
	spec, at := make([]string, len(order)), map[string]int{}
	for i, root := range order {
		spec[i], at[root] = quoted(root)+":"+kinds[root], i+1
	}
	var values strings.Builder
	for i, c := range r.columns {
		root, kind := fmt.Sprintf("struct_extract_at(s, %d)", at[c.path[0]]), kinds[c.path[0]]
		if kind == jsonTexts {
			instead := fmt.Sprintf("struct_extract_at(json_transform(text, %s), 1)", text("{"+quoted(c.path[0])+":"+jsonWhole+"}"))
			if r.emptyIsNull() {
				instead = "nullif(CAST(" + instead + ` AS VARCHAR), '""')`
			}
			fmt.Fprintf(&values, ", %s AS l%d, CASE WHEN s IS NOT NULL AND %s IS NULL THEN %s END AS r%d", root, i, root, instead, i)
			continue
		}
		value := c.pick(root, kind == jsonWhole)
		if r.emptyIsNull() && c.Type != "text" {
			value = "nullif(nullif(" + value + `, ''), '""')`
		}
		fmt.Fprintf(&values, ", %s AS r%d", value, i)
	}
	f.came = func(c column, _ int, raw string) string { return r.jsonKind(c, raw) }
	f.fits = func(c column, i int, raw string) string {
		if kinds[c.path[0]] == jsonTexts {
			return fmt.Sprintf("l%d", i)
		}
		return c.fits(raw)
	}
	transform := fmt.Sprintf("TRY(json_transform(text, %s))", text("{"+strings.Join(spec, ",")+"}"))
	return fmt.Sprintf("SELECT object, line, text, s IS NOT NULL AS ok%s FROM (SELECT object, line, text, %s AS s FROM (%s))", values.String(), transform, records), f
}

// jsonKind is an expression for the type of the column's value in the record's text; formats whose values are all texts are judged by what these say.
func (r *run) jsonKind(c column, raw string) string {
	path := "$"
	for _, step := range c.path {
		path += "." + quoted(step)
	}
	ofText := "'text'"
	if r.job.Source.Format == "xml" || r.job.Source.Format == "dynamodb" {
		ofText = textKind(raw)
	}
	return fmt.Sprintf(`CASE TRY(json_type(text, %s)) WHEN 'VARCHAR' THEN %s WHEN 'DOUBLE' THEN 'double' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'ARRAY' THEN 'list'
 WHEN 'OBJECT' THEN 'object' WHEN 'UBIGINT' THEN %[3]s WHEN 'BIGINT' THEN %[3]s WHEN 'HUGEINT' THEN 'number' ELSE 'text' END`, text(path), ofText, wholeKind(raw))
}

// pick is the text of the column's path within its root; null for JSON's null and for a path that is not there.
func (c column) pick(root string, whole bool) string {
	if !whole {
		return root
	}
	path := "$"
	for _, step := range c.path[1:] {
		path += "." + quoted(step)
	}
	switch {
	case c.Type.Scalar():
		return fmt.Sprintf("json_extract_string(%s, %s)", root, text(path))
	case len(c.path) == 1:
		return root
	}
	return fmt.Sprintf("nullif(json_extract(%s, %s)::VARCHAR, 'null')", root, text(path))
}

// quoted is a JSON string; a string always has one.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

// note remembers a column that the source has and the project does not declare.
func (r *run) note(key string) {
	for _, c := range r.columns {
		if c.path[0] == key || c.from() == key {
			return
		}
	}
	r.undeclared[key] = true
}

// emptyIsNull reports whether the source's empty texts are null for columns of other types: answers of APIs, of which many write null so.
func (r *run) emptyIsNull() bool { return r.job.Source.Format == "json" && r.job.Source.Records != "" }
