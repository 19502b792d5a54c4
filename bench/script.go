package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"daybook/internal/calendar"
	"daybook/internal/project"
	_ "daybook/internal/warehouse" // database/sql driver "duckdb"
	"daybook/jobs"
)

// script is what somebody would write by hand for the same day: the project's own SQL, with no checks and no records. It is as careful
// as it must be to make the same rows: repeated records are dropped by the source's key.
type script struct {
	project *project.Project
	graph   *jobs.Graph
	dir     string
}

func newScript(p *project.Project, g *jobs.Graph) (script, error) {
	for _, s := range p.Sources {
		if s.Format != "ndjson" && s.Format != "csv" {
			return script{}, fmt.Errorf("the bare script cannot read the %s of %s", s.Format, s.Name)
		}
	}
	return script{project: p, graph: g}, nil
}

func (s script) in(dir string) script { s.dir = dir; return s }

// run makes the day and gives a checksum of each node's rows. Opening the database is not measured.
func (s script) run(ctx context.Context, day calendar.Day) (_ spent, _ map[string]string, err error) {
	dsn := filepath.Join(s.dir, "bare.duckdb") + "?autoinstall_known_extensions=false&autoload_known_extensions=false"
	if s.project.Engine.Memory != "" {
		dsn += "&memory_limit=" + s.project.Engine.Memory
	}
	if s.project.Engine.Threads > 0 {
		dsn += fmt.Sprintf("&threads=%d", s.project.Engine.Threads)
	}
	db, err := sql.Open("duckdb", dsn)
	if err != nil {
		return spent{}, nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // settings and views belong to a connection
	if err := os.MkdirAll(filepath.Join(s.dir, "stage"), 0o755); err != nil {
		return spent{}, nil, err
	}
	exec := func(statements ...string) error {
		for _, q := range statements {
			if _, err := db.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return nil
	}
	if err := exec("SET TimeZone = " + literal(s.project.Zone.String())); err != nil {
		return spent{}, nil, err
	}
	load, err := s.load(ctx, db, day)
	if err != nil {
		return spent{}, nil, err
	}
	syscall.Sync()
	took, err := timed(func() error { return exec(append(s.stage(day), load...)...) })
	if err != nil {
		return took, nil, err
	}
	rows, err := s.checksums(ctx, db, day)
	return took, rows, err
}

// stage reads each source with its declared columns into one Parquet file.
func (s script) stage(day calendar.Day) []string {
	var statements []string
	for _, src := range s.project.Sources {
		columns, names := make([]string, len(src.Columns)), make([]string, len(src.Columns))
		for i, c := range src.Columns {
			columns[i], names[i] = c.Name+": "+literal(c.Type.SQL()), c.Name
		}
		from := literal(filepath.Join(s.dir, strings.ReplaceAll(src.Path, "{day}", day.String())))
		reader := "read_json(" + from + ", format = 'newline_delimited', columns = {" + strings.Join(columns, ", ") + "})"
		if src.Format == "csv" {
			reader = "read_csv(" + from + ", header = true, columns = {" + strings.Join(columns, ", ") + "})"
		}
		distinct := ""
		if len(src.Key) > 0 {
			distinct = "DISTINCT ON (" + strings.Join(src.Key, ", ") + ") "
		}
		file := literal(filepath.Join(s.dir, "stage", src.Name+".parquet"))
		statements = append(statements,
			"COPY (SELECT "+distinct+strings.Join(names, ", ")+" FROM "+reader+") TO "+file+" (FORMAT parquet, COMPRESSION zstd)",
			"CREATE OR REPLACE TEMP VIEW "+src.Name+" AS SELECT * FROM read_parquet("+file+")")
	}
	return statements
}

// load replaces the day of every table and mart in one transaction.
func (s script) load(ctx context.Context, db *sql.DB, day calendar.Day) ([]string, error) {
	statements := []string{"BEGIN"}
	date := "DATE " + literal(day.String())
	for _, n := range s.graph.Order {
		if n.Query == nil {
			continue
		}
		query := strings.ReplaceAll(n.Query.SQL, "$day", date)
		if n.Kind == project.KindTable && !n.Current {
			query = "SELECT *, " + date + " AS day FROM (" + query + "\n)"
		}
		var there int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", n.Name).Scan(&there); err != nil {
			return nil, err
		}
		if n.Current || there == 0 {
			statements = append(statements, "CREATE OR REPLACE TABLE "+n.Name+" AS "+query)
			continue
		}
		statements = append(statements, "DELETE FROM "+n.Name+" WHERE day = "+date, "INSERT INTO "+n.Name+" BY NAME "+query)
	}
	return append(statements, "COMMIT"), nil
}

func (s script) checksums(ctx context.Context, db *sql.DB, day calendar.Day) (map[string]string, error) {
	rows := map[string]string{}
	for _, n := range s.graph.Order {
		if n.Query == nil {
			continue
		}
		var count int64
		var sum string
		query := strings.ReplaceAll(checksum(n), "$day", "DATE "+literal(day.String()))
		if err := db.QueryRowContext(ctx, query).Scan(&count, &sum); err != nil {
			return nil, fmt.Errorf("sum up %s: %w", n.Name, err)
		}
		rows[n.Name] = fmt.Sprint(count, sum)
	}
	return rows, nil
}

// checksum is a query for the number of the day's rows and a sum over their hashes.
func checksum(n *jobs.Node) string {
	names := make([]string, len(n.Columns))
	for i, c := range n.Columns {
		names[i] = `"` + c.Name + `"`
	}
	slices.Sort(names)
	query := "SELECT count(*), ' ' || CAST(coalesce(sum(hash(" + strings.Join(names, ", ") + ")), 0) AS VARCHAR) FROM " + n.Name
	if !n.Current {
		query += " WHERE day = $day"
	}
	return query
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// rowCounts is "requests 100000, …" from checksums.
func rowCounts(rows map[string]string) string {
	var parts []string
	for name, sum := range rows {
		count, _, _ := strings.Cut(sum, " ")
		parts = append(parts, name+" "+count)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
