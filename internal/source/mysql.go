package source

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"daybook/internal/fault"
)

// MySQL is the kind mysql: the rows of a table that belong to a day, or all of them, read by key in chunks from one snapshot. It
// speaks to MySQL and MariaDB. Values are written as the server's own text says them, so that none passes through a double.
type MySQL struct{}

// Fetch implements Source. A day that is not over on the database's clock is a fault of code unavailable.
func (MySQL) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	return fetchDatabase(ctx, r, sink, openMySQL)
}

type mysqlServer struct {
	db    *sql.DB
	shown dbShown
}

func openMySQL(dsn string) (dbServer, error) {
	hint := "let it hold USER:PASSWORD@tcp(HOST:3306)/DATABASE"
	config, err := mysql.ParseDSN(dsn)
	if err != nil { // it may quote the password
		return nil, fault.New(fault.Invalid, "the secret that url names is not an address of MySQL", hint)
	}
	if config.DBName == "" {
		return nil, fault.New(fault.Invalid, "the secret that url names has no database", hint)
	}
	if config.Timeout == 0 {
		config.Timeout = dbConnectTimeout
	}
	config.Logger = &mysql.NopLogger{}
	config.InterpolateParams = true // answers come as text, in one round trip
	config.ParseTime, config.MultiStatements, config.AllowAllFiles, config.RejectReadOnly = false, false, false, false
	config.Collation = ""
	if err := config.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fault.New(fault.Invalid, "the secret that url names is not an address of MySQL", hint)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the secret that url names is not an address of MySQL", hint)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(-1)
	return &mysqlServer{db, dbShown{config.Addr + "/" + config.DBName, config.Passwd, "grant SELECT on the table to the user that url names", mysqlTrouble}}, nil
}

func (m *mysqlServer) where() string { return m.shown.where }
func (m *mysqlServer) close()        { _ = m.db.Close() } // its connections are closed by then

func (m *mysqlServer) connect(ctx context.Context) (dbSession, error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return nil, m.shown.fault(ctx, err, "connect to "+m.shown.where)
	}
	s := &mysqlSession{conn: conn, shown: m.shown}
	if err := s.settle(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// mysqlTrouble tells what an error of the driver means.
func mysqlTrouble(err error) (dbTrouble, error) {
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return dbSilent, err
	}
	switch said.Number {
	case 1040, 1203, 1226: // too many connections, of all or of this user
		return dbFull, said
	case 1045, 1698, 1862, 3118: // wrong user or password, expired, locked
		return dbStranger, said
	case 1044, 1142, 1143, 1227, 1370, 1410:
		return dbNotGranted, said
	case 1969, 3024:
		return dbSlow, said
	}
	if state := string(said.SQLState[:2]); state == "42" || state == "22" {
		return dbWrong, said
	}
	return dbIll, said
}

type mysqlSession struct {
	conn    *sql.Conn
	shown   dbShown
	mariadb bool
}

func (s *mysqlSession) exec(ctx context.Context, doing string, statements ...string) error {
	for _, statement := range statements {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return s.shown.fault(ctx, err, doing)
		}
	}
	return nil
}

func (s *mysqlSession) settle(ctx context.Context) error {
	found, err := allRows(ctx, s, "SELECT version()")
	if err != nil {
		return err
	}
	s.mariadb = strings.Contains(strings.ToLower(cell(found[0][0])), "mariadb")
	limit := fmt.Sprintf("max_execution_time = %d", dbStatementTimeout.Milliseconds())
	if s.mariadb {
		limit = fmt.Sprintf("max_statement_time = %d", int(dbStatementTimeout.Seconds()))
	}
	// The server gives up on who reads slowly; a sink may.
	return s.exec(ctx, "set up the connection to "+s.shown.where, fmt.Sprintf("SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = %d, lock_wait_timeout = %d, %s",
		int(dbStatementTimeout.Seconds()), int(dbLockTimeout.Seconds()), limit), "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
}

func (s *mysqlSession) now(ctx context.Context) (time.Time, error) {
	found, err := allRows(ctx, s, "SELECT CAST(unix_timestamp(now(6)) * 1000000 AS UNSIGNED)")
	if err != nil {
		return time.Time{}, err
	}
	micros, err := strconv.ParseInt(cell(found[0][0]), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return time.UnixMicro(micros), nil
}

// unfinished finds none: who else is at work is hidden from ordinary users.
func (s *mysqlSession) unfinished(context.Context, time.Time) (string, error) { return "", nil }

// hold keeps writers out for the moment in which several transactions begin. It gives up soon, as everybody queues behind it.
func (s *mysqlSession) hold(ctx context.Context) error {
	return s.exec(ctx, "lock the tables for a moment, which needs the privilege RELOAD", "SET SESSION lock_wait_timeout = 5", "FLUSH TABLES WITH READ LOCK")
}

func (s *mysqlSession) release(ctx context.Context) error {
	return s.exec(ctx, "unlock the tables", "UNLOCK TABLES", fmt.Sprintf("SET SESSION lock_wait_timeout = %d", int(dbLockTimeout.Seconds())))
}

func (s *mysqlSession) begin(ctx context.Context, _ string) error {
	return s.exec(ctx, "begin a snapshot of "+s.shown.where, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
}

// export has no name to give: all transactions that begin while writers are held share a snapshot.
func (s *mysqlSession) export(context.Context) (string, error) { return "", nil }

func (s *mysqlSession) query(ctx context.Context, statement string, args []any) (dbRows, error) {
	rows, err := s.conn.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, s.shown.fault(ctx, err, "read from "+s.shown.where)
	}
	names, err := rows.Columns()
	if err != nil {
		return nil, errors.Join(s.shown.fault(ctx, err, "read from "+s.shown.where), rows.Close())
	}
	r := &mysqlRows{ctx: ctx, shown: s.shown, rows: rows, raw: make([]sql.RawBytes, len(names)), into: make([]any, len(names)), row: make([][]byte, len(names))}
	for i := range r.raw {
		r.into[i] = &r.raw[i]
	}
	return r, nil
}

func (s *mysqlSession) close() { _ = s.conn.Close() } // it only read

type mysqlRows struct {
	ctx   context.Context // of the query
	shown dbShown
	rows  *sql.Rows
	raw   []sql.RawBytes
	into  []any
	row   [][]byte
}

func (r *mysqlRows) next() ([][]byte, error) {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return nil, r.shown.fault(r.ctx, err, "read from "+r.shown.where)
		}
		return nil, io.EOF
	}
	if err := r.rows.Scan(r.into...); err != nil {
		return nil, r.shown.fault(r.ctx, err, "read from "+r.shown.where)
	}
	for i, b := range r.raw {
		r.row[i] = b
	}
	return r.row, nil
}

func (r *mysqlRows) close() error {
	if err := r.rows.Close(); err != nil {
		return r.shown.fault(r.ctx, err, "read from "+r.shown.where)
	}
	return nil
}

func (s *mysqlSession) quote(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// keyText gives bytes as base64: a key's text is kept in JSON.
func (s *mysqlSession) keyText(c dbColumn) string {
	if c.family == dbBinary {
		return "replace(to_base64(" + s.quote(c.name) + "), '\\n', '')"
	}
	return s.quote(c.name)
}

var numberRE = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// value writes numbers as such, as the server compares a number with a text as doubles.
func (s *mysqlSession) value(args *[]any, c dbColumn, text string) string {
	switch c.family {
	case dbInteger, dbNumber:
		if numberRE.MatchString(text) {
			return text
		}
	case dbBinary:
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			*args = append(*args, raw)
			return "?"
		}
	}
	*args = append(*args, text)
	return "?"
}

func (s *mysqlSession) behind(args *[]any, key []dbColumn, values []string) string {
	return s.compare(args, key, ">", ">", values)
}

func (s *mysqlSession) upto(args *[]any, key []dbColumn, values []string) string {
	return s.compare(args, key, "<", "<=", values)
}

// compare spells the comparison of rows out, column by column: the server would not read rows from an index by a comparison of rows.
func (s *mysqlSession) compare(args *[]any, key []dbColumn, strict, last string, values []string) string {
	name := s.quote(key[0].name)
	if len(key) == 1 {
		return name + " " + last + " " + s.value(args, key[0], values[0])
	}
	return fmt.Sprintf("(%s %s= %s AND (%s %s %s OR %s))", name, strict, s.value(args, key[0], values[0]), name, strict, s.value(args, key[0], values[0]),
		s.compare(args, key[1:], strict, last, values[1:]))
}
