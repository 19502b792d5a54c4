package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"daybook/internal/fault"
)

// Postgres is the kind postgres: the rows of a table that belong to a day, or all of them, read by key in chunks from one snapshot.
// Values are written as the server's own text says them, so that none passes through a double.
type Postgres struct{}

// Fetch implements Source. A day that is not over on the database's clock, or that an open transaction may still add to, is a fault
// of code unavailable.
func (Postgres) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	return fetchDatabase(ctx, r, sink, openPostgres)
}

const (
	dbConnectTimeout   = 15 * time.Second
	dbStatementTimeout = 15 * time.Minute // also for a chunk that a slow sink takes
	dbLockTimeout      = 30 * time.Second // nobody queues behind us while we queue behind a change of the table
)

type pgServer struct {
	config *pgconn.Config
	shown  dbShown
}

func openPostgres(dsn string) (dbServer, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil { // it may quote the password
		return nil, fault.New(fault.Invalid, "the secret that url names is not an address of PostgreSQL", "let it hold postgres://USER:PASSWORD@HOST/DATABASE")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = dbConnectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "daybook"
	}
	where := net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database
	return &pgServer{config, dbShown{where, config.Password, "grant SELECT on the table, and USAGE on its schema, to the user that url names", pgTrouble}}, nil
}

func (p *pgServer) where() string { return p.shown.where }
func (p *pgServer) close()        {}

func (p *pgServer) connect(ctx context.Context) (dbSession, error) {
	conn, err := pgconn.ConnectConfig(ctx, p.config)
	if err != nil {
		return nil, p.shown.fault(ctx, err, "connect to "+p.shown.where)
	}
	return &pgSession{conn: conn, shown: p.shown}, nil
}

// pgTrouble tells what an error of the driver means. Its cause is told by its text only, as its values hold the configuration.
func pgTrouble(err error) (dbTrouble, error) {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return dbSilent, err
	}
	cause := fmt.Errorf("%s (SQLSTATE %s)", said.Message, said.Code)
	class := said.Code[:min(2, len(said.Code))]
	switch {
	case said.Code == "53300" || said.Code == "57P03":
		return dbFull, cause
	case class == "28":
		return dbStranger, cause
	case said.Code == "42501":
		return dbNotGranted, cause
	case said.Code == "57014":
		return dbSlow, cause
	case class == "42" || class == "22" || class == "3D" || class == "0A":
		return dbWrong, cause
	}
	return dbIll, cause
}

type pgSession struct {
	conn  *pgconn.PgConn
	shown dbShown
}

func (s *pgSession) exec(ctx context.Context, statements, doing string) error {
	if _, err := s.conn.Exec(ctx, statements).ReadAll(); err != nil {
		return s.shown.fault(ctx, err, doing)
	}
	return nil
}

func (s *pgSession) now(ctx context.Context) (time.Time, error) {
	found, err := allRows(ctx, s, "SELECT (extract(epoch FROM now()) * 1000000)::bigint")
	if err != nil {
		return time.Time{}, err
	}
	micros, err := strconv.ParseInt(cell(found[0][0]), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return time.UnixMicro(micros), nil
}

// unfinished looks at transactions that have written or may still write a time of the day, that of their beginning, as far as this user may
// see them; ours only read. On a replica none are to be seen.
func (s *pgSession) unfinished(ctx context.Context, before time.Time) (string, error) {
	found, err := allRows(ctx, s, `SELECT pid, to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM pg_stat_activity
WHERE (backend_xid IS NOT NULL OR backend_type = 'client backend' AND state IN ('active', 'idle in transaction', 'fastpath function call')
    AND application_name <> current_setting('application_name'))
  AND datname = current_database() AND pid <> pg_backend_pid() AND xact_start < $1 ORDER BY xact_start LIMIT 1`,
		before.UTC().Format(time.RFC3339))
	if err != nil || len(found) == 0 {
		return "", err
	}
	return fmt.Sprintf("a transaction that began at %s is not done (pid %s)", cell(found[0][1]), cell(found[0][0])), nil
}

func (s *pgSession) hold(context.Context) error    { return nil }
func (s *pgSession) release(context.Context) error { return nil }

func (s *pgSession) begin(ctx context.Context, snapshot string) error {
	var b strings.Builder
	b.WriteString("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
	if snapshot != "" {
		b.WriteString("SET TRANSACTION SNAPSHOT '" + strings.ReplaceAll(snapshot, "'", "''") + "';")
	}
	fmt.Fprintf(&b, `SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d;
SET LOCAL client_encoding = 'UTF8'; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3`, dbStatementTimeout.Milliseconds(), dbLockTimeout.Milliseconds())
	return s.exec(ctx, b.String(), "begin a snapshot of "+s.shown.where)
}

func (s *pgSession) export(ctx context.Context) (string, error) {
	found, err := allRows(ctx, s, "SELECT pg_export_snapshot()")
	if err != nil {
		return "", err
	}
	return cell(found[0][0]), nil
}

func (s *pgSession) query(ctx context.Context, statement string, args []any) (dbRows, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = fmt.Append(nil, a) // the server takes its type from where it stands
	}
	return &pgRows{ctx: ctx, shown: s.shown, result: s.conn.ExecParams(ctx, statement, values, nil, nil, nil)}, nil
}

func (s *pgSession) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // it only read
}

type pgRows struct {
	ctx    context.Context // of the query
	shown  dbShown
	result *pgconn.ResultReader
	ended  bool
}

func (r *pgRows) next() ([][]byte, error) {
	if !r.ended && r.result.NextRow() {
		return r.result.Values(), nil
	}
	if err := r.close(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func (r *pgRows) close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	if _, err := r.result.Close(); err != nil {
		return r.shown.fault(r.ctx, err, "read from "+r.shown.where)
	}
	return nil
}

func (s *pgSession) quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (s *pgSession) keyText(c dbColumn) string { return s.quote(c.name) }

func (s *pgSession) value(args *[]any, _ dbColumn, text string) string {
	*args = append(*args, text)
	return "$" + strconv.Itoa(len(*args))
}

func (s *pgSession) behind(args *[]any, key []dbColumn, values []string) string {
	return s.compare(args, key, ">", values)
}

func (s *pgSession) upto(args *[]any, key []dbColumn, values []string) string {
	return s.compare(args, key, "<=", values)
}

// compare compares rows: the server reads them from an index of the key.
func (s *pgSession) compare(args *[]any, key []dbColumn, operator string, values []string) string {
	names, given := make([]string, len(key)), make([]string, len(key))
	for i, c := range key {
		names[i], given[i] = s.quote(c.name), s.value(args, c, values[i])
	}
	return "(" + strings.Join(names, ", ") + ") " + operator + " (" + strings.Join(given, ", ") + ")"
}
