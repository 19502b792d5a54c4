package publish

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"daybook/internal/fault"
)

// MySQL publishes to an InnoDB table of MySQL or MariaDB: the rows go into a temporary table like the target's, and what differs is deleted,
// updated and inserted in one transaction, in which no statement commits by itself. Readers see all of the old or all of the new.
type MySQL struct{}

// Publish is Target.
func (MySQL) Publish(ctx context.Context, r Request) (Result, error) {
	l, err := layoutOf(r)
	if err != nil {
		return Result{}, err
	}
	if r.Publication.Mode == "day" && l.day < 0 {
		return Result{}, invalid(r, "mode: day, and the column day is not published", "add day to columns:, or write mode: upsert")
	}
	db, err := connectMySQL(ctx, r)
	if err != nil {
		return Result{}, err
	}
	defer db.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also ends what the driver still watches
	conn, err := db.Conn(ctx)
	if err != nil {
		return Result{}, mysqlFault(r, err, "connect")
	}
	defer conn.Close() // the temporary table and an open transaction end with the connection
	m := &mysqlRun{request: r, layout: l, conn: conn, table: quoteMySQLTable(r.Publication.Table)}
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"set the session", m.settings},
		{"look at the table", m.open},
		{"load the rows", m.load},
		{"begin", m.begin},
		{"look for what the rows refer to", m.references},
		{"count the rows", m.ours},
		{"delete rows", m.remove},
		{"write rows", m.write},
		{"compare the counts", m.compare},
	} {
		if err := step.do(ctx); err != nil {
			return Result{}, mysqlFault(r, err, step.doing)
		}
	}
	if err := m.exec(ctx, "COMMIT"); err != nil {
		return Result{}, unconfirmed(mysqlFault(r, err, "commit"))
	}
	m.result.Step = atOnce
	return m.result, nil
}

func connectMySQL(ctx context.Context, r Request) (*sql.DB, error) {
	address, err := r.Secret(ctx, r.Publication.URL)
	if err != nil {
		return nil, fmt.Errorf("look up url: %w", err)
	}
	config, err := mysql.ParseDSN(address)
	if err != nil || config.DBName == "" { // its text may show the address
		return nil, invalid(r, r.Publication.URL+" is not the address of a MySQL database", "put user:password@tcp(host:3306)/database into it")
	}
	config.MultiStatements = false
	config.ParseTime = false
	config.ClientFoundRows = false
	config.InterpolateParams = true // a statement for each batch is sent once and not prepared before
	config.MaxAllowedPacket = 0     // as the server says
	config.Collation = ""
	config.Logger = &mysql.NopLogger{}
	if err := config.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fmt.Errorf("set the character set: %w", err)
	}
	if config.Timeout == 0 {
		config.Timeout = 15 * time.Second
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, invalid(r, r.Publication.URL+" cannot be used", "put user:password@tcp(host:3306)/database into it")
	}
	return sql.OpenDB(connector), nil
}

// mysqlRun is one publish on one connection.
type mysqlRun struct {
	request Request
	layout  *layout
	conn    *sql.Conn
	table   string // quoted
	types   []string
	packet  int
	there   int64 // rows that are there when there should be none
	before  int64 // rows in the mode's reach
	result  Result
}

const myNew = "`daybook_new`"

func (m *mysqlRun) exec(ctx context.Context, statement string, args ...any) error {
	_, err := m.changed(ctx, statement, args...)
	return err
}

func (m *mysqlRun) changed(ctx context.Context, statement string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, m.request.Publication.Timeout)
	defer cancel()
	result, err := m.conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (m *mysqlRun) number(ctx context.Context, query string) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.request.Publication.Timeout)
	defer cancel()
	err = m.conn.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

func (m *mysqlRun) settings(ctx context.Context) error {
	if err := m.exec(ctx, "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, innodb_lock_wait_timeout = ?",
		int64(max(1, m.request.Publication.Lock.Seconds()))); err != nil {
		return err
	}
	if err := m.exec(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return err
	}
	packet, err := m.number(ctx, "SELECT @@max_allowed_packet")
	m.packet = int(min(packet, 64<<20))
	return err
}

func (m *mysqlRun) begin(ctx context.Context) error { return m.exec(ctx, "START TRANSACTION") }

// load fills the temporary table; its indexes are the target's, so that a key that comes twice is refused as the target would.
func (m *mysqlRun) load(ctx context.Context) error {
	if err := m.exec(ctx, "CREATE TEMPORARY TABLE "+myNew+" LIKE "+m.table); err != nil {
		return err
	}
	b := &mysqlBatch{run: m, limit: min(1<<20, m.packet/3)} // escapes may double a text
	if err := m.layout.each(ctx, func(row []any) error { return b.add(ctx, row) }); err != nil {
		return err
	}
	m.result.Sent = m.layout.sent
	return b.send(ctx)
}

func (m *mysqlRun) examples(ctx context.Context, from string, names []string, alias string) ([]string, int64, error) {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = myString(name+"=") + ", coalesce(left(" + alias + "." + quoteMySQL(name) + ", 60), 'null')"
	}
	count, err := m.number(ctx, "SELECT count(*) "+from)
	if err != nil || count == 0 {
		return nil, 0, err
	}
	rows, err := m.conn.QueryContext(ctx, "SELECT concat("+strings.Join(parts, ", ', ', ")+") "+from+" ORDER BY 1 LIMIT 5")
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, 0, err
		}
		found = append(found, one)
	}
	return found, count, rows.Err()
}

func (m *mysqlRun) references(ctx context.Context) error {
	for _, ref := range m.request.Publication.References {
		i := m.layout.find(ref.Column)
		if i < 0 {
			return invalid(m.request, fmt.Sprintf("references names %s, which is not published", ref.Column), "add it to columns:")
		}
		name := quoteMySQL(m.layout.columns[i].as)
		orphan := " WHERE " + myNew + "." + name + " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " + quoteMySQLTable(ref.Table) + " r WHERE r." + quoteMySQL(ref.As) + " = " + myNew + "." + name + ")"
		found, count, err := m.examples(ctx, "FROM "+myNew+orphan, append(m.layout.keyNames(), m.layout.columns[i].as), myNew)
		if err != nil {
			return err
		}
		if count == 0 {
			continue
		}
		if m.request.Publication.Orphans != "hold" {
			return orphans(ref, count, found)
		}
		if err := m.exec(ctx, "DELETE FROM "+myNew+orphan); err != nil {
			return err
		}
		m.result.hold(m.request, ref, count, found)
	}
	return nil
}

// ours is what it is for PostgreSQL.
func (m *mysqlRun) ours(ctx context.Context) (err error) {
	if m.request.guarded() {
		if m.there, err = m.number(ctx, "SELECT count(*) FROM "+m.table); err != nil {
			return err
		}
		if m.there > 0 && (len(m.layout.key) == 0 || m.there != m.result.Sent-m.result.Held) {
			return foreign(m.request, "table "+m.request.Publication.Table, m.there)
		}
	}
	m.before, err = m.number(ctx, "SELECT count(*) FROM "+m.table+" t WHERE "+m.reach("t"))
	return err
}

func (m *mysqlRun) remove(ctx context.Context) (err error) {
	if m.request.Publication.Mode == "upsert" {
		return nil
	}
	gone := "DELETE FROM " + m.table + " WHERE " + m.reach(m.table)
	if len(m.layout.key) == 0 {
		m.result.Removed, err = m.changed(ctx, gone)
		return err
	}
	if err := m.ownDay(ctx); err != nil {
		return err
	}
	absent := " AND NOT EXISTS (SELECT 1 FROM " + myNew + " n WHERE " + m.same(m.table) + ")"
	free, err := m.free(ctx)
	if err != nil {
		return err
	}
	if m.result.Removed, err = m.changed(ctx, gone+absent+free); err != nil || free == "" {
		return err
	}
	found, count, err := m.examples(ctx, "FROM "+m.table+" WHERE "+m.reach(m.table)+absent, m.layout.keyNames(), m.table)
	if err == nil && count > 0 {
		m.result.keep(m.request, count, found)
	}
	return err
}

func (m *mysqlRun) ownDay(ctx context.Context) error {
	if m.request.Publication.Mode != "day" || slices.Contains(m.layout.key, m.layout.day) {
		return nil
	}
	day := m.layout.columns[m.layout.day].as
	found, _, err := m.examples(ctx, "FROM "+m.table+" t WHERE NOT (t."+quoteMySQL(day)+" <=> "+myString(m.request.Day.String())+") AND EXISTS (SELECT 1 FROM "+myNew+" n WHERE "+m.same("t")+")",
		append(m.layout.keyNames(), day), "t")
	if err == nil && len(found) > 0 {
		err = otherDay(m.request, found)
	}
	return err
}

// write counts what changed by what the server says: 1 for a row that is new, 2 for one that changed, 0 for one that is as it was.
func (m *mysqlRun) write(ctx context.Context) error {
	columns := strings.Join(m.quoted(), ", ")
	statement := "INSERT INTO " + m.table + " (" + columns + ") SELECT " + columns + " FROM " + myNew
	if len(m.layout.key) == 0 {
		n, err := m.changed(ctx, statement)
		m.result.Written = n
		return err
	}
	there, err := m.number(ctx, "SELECT count(*) FROM "+myNew+" n WHERE EXISTS (SELECT 1 FROM "+m.table+" t WHERE "+m.same("t")+")")
	if err != nil {
		return err
	}
	var set []string
	for i, c := range m.layout.columns {
		if !slices.Contains(m.layout.key, i) {
			set = append(set, quoteMySQL(c.as)+" = VALUES("+quoteMySQL(c.as)+")")
		}
	}
	if len(set) == 0 {
		name := m.quoted()[m.layout.key[0]]
		set = []string{name + " = VALUES(" + name + ")"}
	}
	affected, err := m.changed(ctx, statement+" ON DUPLICATE KEY UPDATE "+strings.Join(set, ", "))
	fresh := m.result.Sent - m.result.Held - there
	m.result.Written = fresh + max(0, affected-fresh)/2
	return err
}

func (m *mysqlRun) compare(ctx context.Context) error {
	query := "SELECT count(*) FROM " + m.table + " t WHERE " + m.reach("t")
	want := m.result.Sent - m.result.Held + m.result.Kept
	if m.request.Publication.Mode == "upsert" {
		query = "SELECT count(*) FROM " + myNew + " n WHERE EXISTS (SELECT 1 FROM " + m.table + " t WHERE " + m.same("t") + ")"
	}
	count, err := m.number(ctx, query)
	switch {
	case err != nil:
		return err
	case count != want:
		return counted(m.request, count, want)
	case m.request.Publication.Mode == "upsert":
		return nil
	case m.request.guarded() && m.there > 0 && m.result.Written+m.result.Removed > 0:
		return foreign(m.request, "table "+m.request.Publication.Table, m.there)
	}
	return shrunk(m.request, m.before, count, "rows")
}

// mysqlFault says what an error of the driver means to a person; errors of this room pass.
func mysqlFault(r Request, err error, doing string) error {
	if fault.Code(err) != "" || errors.Is(err, context.Canceled) {
		return err
	}
	doing = "MySQL: " + doing
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		if errors.Is(err, context.DeadlineExceeded) {
			return fault.New(fault.Unavailable, doing+" took longer than "+r.Publication.Timeout.String(), "raise timeout:, or look for what slows the database")
		}
		return fault.Wrap(fault.Unavailable, err, doing, "see that the server runs and can be reached from here")
	}
	class, hint := fault.Invalid, "compare the table's columns with the mart's"
	switch my.Number {
	case 1044, 1045, 1049, 1142, 1143, 1227, 1370, 1698, 3118:
		class, hint = fault.Refused, "see that the account of url: may log in, and may SELECT, INSERT, UPDATE, DELETE and CREATE TEMPORARY TABLES there"
	case 1205:
		class, hint = fault.Unavailable, "somebody holds rows of the table for longer than lock: allows; it is tried again"
	case 1213, 1040, 1053, 1129, 1203, 1317, 1969, 3024, 1021, 1114, 1927, 4031:
		class, hint = fault.Unavailable, "it is tried again; see the server's log if it stays"
	case 1062:
		class, hint = fault.CheckFailed, keyHint+", or the table's unique index"
	case 1048, 1216, 1217, 1451, 1452, 3819, 4025, 1644:
		class, hint = fault.CheckFailed, "the rows break a rule of the table; mend them in the mart's SQL, or the rule"
	case 1264, 1265, 1292, 1366, 1406, 1441, 3140, 1690, 1300:
		hint = "a value does not fit into its column; change the column's type, or CAST it in the mart's SQL"
	}
	return fault.New(class, fmt.Sprintf("%s: %s, error %d", doing, cut(my.Message, 400), my.Number), hint)
}
