package source

import (
	"context"
	"strings"
)

func (s *mysqlSession) describe(ctx context.Context, name dbName) (dbTable, error) {
	var t dbTable
	which, args := "TABLE_SCHEMA = database() AND TABLE_NAME = ?", []any{name.table}
	if name.schema != "" {
		which, args = "TABLE_SCHEMA = ? AND TABLE_NAME = ?", []any{name.schema, name.table}
	}
	found, err := allRows(ctx, s, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS WHERE "+which+" ORDER BY ORDINAL_POSITION", args...)
	if err != nil {
		return t, err
	}
	documents, err := s.documents(ctx, which, args)
	if err != nil {
		return t, err
	}
	for _, f := range found {
		kind := strings.ToLower(cell(f[1]))
		if documents[cell(f[0])] {
			kind = "json"
		}
		c := dbColumn{name: cell(f[0]), kind: strings.ToLower(cell(f[2])), null: cell(f[3]) == "YES", family: mysqlFamily(kind), json: mysqlJSON(kind)}
		switch kind {
		case "float": // its text would have six digits
			c.read = s.quote(c.name) + " + 0e0"
		case "bit":
			c.read = s.quote(c.name) + " + 0"
		}
		t.columns = append(t.columns, c)
	}
	keys, err := allRows(ctx, s, "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND "+which+" ORDER BY INDEX_NAME, SEQ_IN_INDEX", args...)
	if err != nil {
		return t, err
	}
	t.unique = groups(keys)
	return t, nil
}

// documents are the columns of JSON of a MariaDB, which are texts with a check.
func (s *mysqlSession) documents(ctx context.Context, which string, args []any) (map[string]bool, error) {
	if !s.mariadb {
		return nil, nil
	}
	found, err := allRows(ctx, s, "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE "+
		strings.ReplaceAll(which, "TABLE_SCHEMA", "CONSTRAINT_SCHEMA"), args...)
	if err != nil {
		return nil, err
	}
	columns := map[string]bool{}
	for _, f := range found {
		if name, ok := strings.CutPrefix(cell(f[0]), "json_valid(`"); ok && strings.HasSuffix(name, "`)") {
			columns[strings.ReplaceAll(strings.TrimSuffix(name, "`)"), "``", "`")] = true
		}
	}
	return columns, nil
}

func mysqlFamily(kind string) dbFamily {
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		return dbInteger
	case "decimal":
		return dbNumber
	case "date":
		return dbDate
	case "datetime":
		return dbWall
	case "timestamp":
		return dbInstant
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return dbBinary
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "time", "uuid", "inet4", "inet6":
		return dbOther
	}
	return dbUnkeyed // an enum is ordered by its number and compared by its text
}

func mysqlJSON(kind string) dbJSON {
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "year":
		return jsonNumber
	case "bigint", "bit":
		return jsonInteger
	case "double":
		return jsonDouble
	case "float":
		return jsonSingle
	case "timestamp":
		return jsonInstant
	case "json":
		return jsonJSON
	case "decimal", "date", "datetime", "time", "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid", "inet4", "inet6":
		return jsonText
	}
	return jsonBase64
}
