package sqlparse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tableFunctions are the ones that make rows from values; all others read files, settings or the catalog.
var tableFunctions = []string{"unnest", "range", "generate_series"}

// engineNames begin the names of the engine's own views, which tell paths and settings.
var engineNames = []string{"duckdb_", "pragma_", "sqlite_", "pg_"}

// walker collects names from the engine's tree, in which every object may carry type, class and query_location.
type walker struct {
	text string
	seen *Statement
}

// scope holds the names that WITH defines around a place, innermost last, in lower case.
type scope []string

func (s scope) has(name string) bool { return slices.Contains(s, strings.ToLower(name)) }

// with returns a scope of its own backing, so that siblings never see each other's names.
func (s scope) with(name string) scope {
	return append(slices.Clone(s), strings.ToLower(name))
}

func (w walker) node(raw json.RawMessage, names scope) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil
	}
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("read the parsed SQL: %w", err)
		}
		for _, item := range list {
			if err := w.node(item, names); err != nil {
				return err
			}
		}
	case '{':
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return fmt.Errorf("read the parsed SQL: %w", err)
		}
		return w.object(object, names)
	}
	return nil
}

func (w walker) object(object map[string]json.RawMessage, names scope) error {
	names, err := w.ctes(object["cte_map"], names)
	if err != nil {
		return err
	}
	at := location(object)
	switch stringOf(object["type"]) {
	case "BASE_TABLE":
		return w.table(object, names, at)
	case "TABLE_FUNCTION":
		var f struct {
			Name string `json:"function_name"`
		}
		if err := json.Unmarshal(object["function"], &f); err != nil {
			return fmt.Errorf("read the parsed SQL: %w", err)
		}
		if !slices.Contains(tableFunctions, strings.ToLower(f.Name)) {
			return invalid(w.text, at, fmt.Sprintf("%s(…) cannot be read here", f.Name), "sources are the way in: declare a source and select from its name")
		}
	case "SHOW_REF":
		return invalid(w.text, at, "this is not a SELECT", "write one SELECT; daybook query and the data pages show columns")
	case "COLUMN_REF":
		var columns []string
		if err := json.Unmarshal(object["column_names"], &columns); err != nil {
			return fmt.Errorf("read the parsed SQL: %w", err)
		}
		w.seen.Columns = append(w.seen.Columns, w.ref(strings.Join(columns, "."), at))
	}
	for _, key := range sortedKeys(object) {
		if key != "cte_map" {
			if err := w.node(object[key], names); err != nil {
				return err
			}
		}
	}
	return nil
}

// ctes walks the statements of a WITH and returns the scope with their names. Each one sees those before it; only a recursive one sees itself.
func (w walker) ctes(raw json.RawMessage, names scope) (scope, error) {
	if len(raw) == 0 {
		return names, nil
	}
	var with struct {
		Map []struct {
			Key   string `json:"key"`
			Value struct {
				Query struct {
					Node json.RawMessage `json:"node"`
				} `json:"query"`
			} `json:"value"`
		} `json:"map"`
	}
	if err := json.Unmarshal(raw, &with); err != nil {
		return nil, fmt.Errorf("read the parsed SQL: %w", err)
	}
	for _, cte := range with.Map {
		var query struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(cte.Value.Query.Node, &query); err != nil {
			return nil, fmt.Errorf("read the parsed SQL: %w", err)
		}
		inside := names
		if query.Type == "RECURSIVE_CTE_NODE" {
			inside = names.with(cte.Key)
		}
		if err := w.node(cte.Value.Query.Node, inside); err != nil {
			return nil, err
		}
		names = names.with(cte.Key)
	}
	return names, nil
}

func (w walker) table(object map[string]json.RawMessage, names scope, at int) error {
	name := stringOf(object["table_name"])
	schema, catalog := stringOf(object["schema_name"]), stringOf(object["catalog_name"])
	if schema != "" || catalog != "" {
		full := strings.Trim(catalog+"."+schema+"."+name, ".")
		return invalid(w.text, at, fmt.Sprintf("%s is a qualified name", full), "unqualified names only: write "+name)
	}
	if names.has(name) {
		return nil
	}
	if strings.ContainsAny(name, `./\:*?`) {
		return invalid(w.text, at, fmt.Sprintf("%q is a file, not a table", name), "sources are the way in: declare a source and select from its name")
	}
	if slices.ContainsFunc(engineNames, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) }) {
		return invalid(w.text, at, fmt.Sprintf("%s is the engine's own", name), "select from tables and marts of the project")
	}
	w.seen.Tables = append(w.seen.Tables, w.ref(name, at))
	return nil
}

func (w walker) ref(name string, at int) Ref {
	line, column := place(w.text, at)
	return Ref{Name: name, Line: line, Column: column}
}

// sort brings the names into the order of the text.
func (w walker) sort() {
	inText := func(a, b Ref) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	}
	slices.SortStableFunc(w.seen.Tables, inText)
	slices.SortStableFunc(w.seen.Columns, inText)
}

// location is the byte offset of an object; -1 when the engine has none.
func location(object map[string]json.RawMessage) int {
	raw, ok := object["query_location"]
	if !ok {
		return -1
	}
	return offset(string(raw))
}

func stringOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func sortedKeys(object map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
