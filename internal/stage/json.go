package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// jsonRelation gives object, line, text, ok and the texts r0, r1, … of the declared paths in the records of raw. Each record is parsed once.
func (r *run) jsonRelation() string {
	whole := map[string]bool{} // by root: whether it is kept as JSON because something is picked out of it
	at := map[string]int{}
	var order []string
	for _, c := range r.columns {
		root := c.path[0]
		if _, seen := at[root]; !seen {
			order = append(order, root)
			at[root] = len(order)
		}
		whole[root] = whole[root] || len(c.path) > 1 || !c.Type.Scalar()
	}
	spec := make([]string, len(order))
	for i, root := range order {
		kind := "VARCHAR"
		if whole[root] {
			kind = "JSON"
		}
		spec[i] = quoted(root) + `:"` + kind + `"`
	}
	var values strings.Builder
	for i, c := range r.columns {
		root := fmt.Sprintf("struct_extract_at(s, %d)", at[c.path[0]])
		fmt.Fprintf(&values, ", %s AS r%d", c.pick(root, whole[c.path[0]]), i)
	}
	transform := fmt.Sprintf("TRY(json_transform(text, %s))", text("{"+strings.Join(spec, ",")+"}"))
	return fmt.Sprintf("SELECT object, line, text, s IS NOT NULL AS ok%s FROM (SELECT object, line, text, %s AS s FROM raw)", values.String(), transform)
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

// noteKeys keeps the names of undeclared keys in the records of raw.
func (r *run) noteKeys(ctx context.Context) error {
	rows, err := r.conn.QueryContext(ctx, "SELECT DISTINCT unnest(k) FROM (SELECT DISTINCT TRY(json_keys(text)) AS k FROM raw)")
	if err != nil {
		return r.explain(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return r.explain(ctx, err)
		}
		r.note(key)
	}
	if err := rows.Err(); err != nil {
		return r.explain(ctx, err)
	}
	return nil
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
