package source

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// pgColumns are a table's columns in order, each with the types that its own leads to: a domain to what it is based on, an array to its elements.
const pgColumns = `WITH RECURSIVE chain AS (
  SELECT a.attnum, a.attname, a.attnotnull, 0 AS depth, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typdelim
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT c.attnum, c.attname, c.attnotnull, c.depth + 1, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typdelim
  FROM chain c JOIN pg_type t ON t.oid = CASE WHEN c.typtype = 'd' THEN c.typbasetype WHEN c.typcategory = 'A' THEN c.typelem END)
SELECT attname, attnotnull, typname, typtype = 'd', typtype <> 'd' AND typcategory = 'A' AND typname NOT IN ('int2vector', 'oidvector'), typdelim
FROM chain ORDER BY attnum, depth`

// pgUnique are the columns of each unique key that holds for all rows.
const pgUnique = `SELECT i.indexrelid, a.attname FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY 1`

func (s *pgSession) describe(ctx context.Context, name dbName) (dbTable, error) {
	var t dbTable
	found, err := allRows(ctx, s, pgColumns, name.quoted(s))
	if err != nil {
		return t, err
	}
	for len(found) > 0 {
		n := 1
		for n < len(found) && cell(found[n][0]) == cell(found[0][0]) {
			n++
		}
		t.columns = append(t.columns, pgColumn(found[:n]))
		found = found[n:]
	}
	keys, err := allRows(ctx, s, pgUnique, name.quoted(s))
	if err != nil {
		return t, err
	}
	t.unique = groups(keys)
	return t, nil
}

// groups gathers the second values of rows with the same first one.
func groups(rows [][]*string) (all [][]string) {
	for i, r := range rows {
		if i == 0 || cell(r[0]) != cell(rows[i-1][0]) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], cell(r[1]))
	}
	return all
}

// pgColumn is the column of a chain of types.
func pgColumn(chain [][]*string) dbColumn {
	c := dbColumn{name: cell(chain[0][0]), null: cell(chain[0][1]) != "t"}
	list := false
	var delimiter byte
	for i, link := range chain {
		if cell(link[3]) == "t" { // a domain, which the next link is based on
			continue
		}
		if cell(link[4]) == "t" && i+1 < len(chain) {
			list, delimiter = true, ','
			continue
		}
		c.kind = cell(link[2])
		if list {
			if d := cell(link[5]); d != "" {
				delimiter = d[0]
			}
			c.json = jsonArray(delimiter, pgJSON(c.kind))
			c.kind += "[]"
			return c
		}
	}
	c.json, c.family = pgJSON(c.kind), pgFamily(c.kind)
	return c
}

func pgFamily(kind string) dbFamily {
	switch kind {
	case "int2", "int4", "int8":
		return dbInteger
	case "numeric":
		return dbNumber
	case "date":
		return dbDate
	case "timestamp":
		return dbWall
	case "timestamptz":
		return dbInstant
	case "bytea":
		return dbBinary
	case "float4", "float8", "json", "jsonb", "xml":
		return dbUnkeyed
	}
	return dbOther
}

func pgJSON(kind string) dbJSON {
	switch kind {
	case "bool":
		return jsonBool
	case "int2", "int4", "oid":
		return jsonNumber
	case "int8":
		return jsonInteger
	case "float4", "float8":
		return jsonDouble
	case "json", "jsonb":
		return jsonJSON
	case "bytea":
		return jsonHex
	case "timestamptz":
		return jsonInstant
	case "date":
		return jsonDate
	}
	return jsonText
}

// jsonDate marks years before Christ as who types the records knows them: it would take "0044-03-15 BC" for a day after.
func jsonDate(dst, text []byte) ([]byte, error) {
	if day, ok := bytes.CutSuffix(text, []byte(" BC")); ok {
		text = append(bytes.Clone(day), " (BC)"...)
	}
	return jsonText(dst, text)
}

// jsonArray writes the text of an array, such as {1,NULL,"a b"} or [0:1]={1,2}, as a list; one of several dimensions as lists of lists.
func jsonArray(delimiter byte, element dbJSON) dbJSON {
	return func(dst, text []byte) ([]byte, error) {
		if len(text) > 0 && text[0] == '[' { // bounds other than from 1
			_, rest, ok := bytes.Cut(text, []byte("="))
			if !ok {
				return dst, fmt.Errorf("%.40q is not an array", text)
			}
			text = rest
		}
		a := pgArray{text: text, delimiter: delimiter, element: element}
		dst, err := a.list(dst)
		if err == nil && len(a.text) > 0 {
			err = fmt.Errorf("%.40q follows an array", a.text)
		}
		return dst, err
	}
}

// pgArray reads the text of an array from its front.
type pgArray struct {
	text      []byte
	delimiter byte
	element   dbJSON
}

func (a *pgArray) list(dst []byte) ([]byte, error) {
	if len(a.text) == 0 || a.text[0] != '{' {
		return dst, fmt.Errorf("%.40q is not an array", a.text)
	}
	a.text = a.text[1:]
	dst = append(dst, '[')
	for first := true; ; first = false {
		switch {
		case len(a.text) == 0:
			return dst, fmt.Errorf("an array has no end")
		case a.text[0] == '}':
			a.text = a.text[1:]
			return append(dst, ']'), nil
		case first:
		case a.text[0] != a.delimiter:
			return dst, fmt.Errorf("%.40q follows an element of an array", a.text)
		default:
			a.text = a.text[1:]
			dst = append(dst, ',')
		}
		var err error
		if dst, err = a.item(dst); err != nil {
			return dst, err
		}
	}
}

func (a *pgArray) item(dst []byte) ([]byte, error) {
	if len(a.text) > 0 && a.text[0] == '{' {
		return a.list(dst)
	}
	var value []byte
	quoted := len(a.text) > 0 && a.text[0] == '"'
	if quoted {
		a.text = a.text[1:]
	}
	for len(a.text) > 0 {
		b := a.text[0]
		if quoted && b == '"' || !quoted && (b == a.delimiter || b == '}') {
			break
		}
		if b == '\\' && len(a.text) > 1 {
			b, a.text = a.text[1], a.text[1:]
		}
		value, a.text = append(value, b), a.text[1:]
	}
	switch {
	case quoted && len(a.text) == 0:
		return dst, fmt.Errorf("an array has no end")
	case quoted:
		a.text = a.text[1:]
	case strings.EqualFold(string(value), "NULL"):
		return append(dst, "null"...), nil
	case len(value) == 0:
		return dst, fmt.Errorf("an array has an element without a text")
	}
	return a.element(dst, value)
}
