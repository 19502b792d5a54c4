package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"daybook/internal/fault"
)

// Postgres publishes to a table of PostgreSQL in one transaction: the rows go into a temporary table, and what differs is deleted, updated
// and inserted. Rows that do not change are not touched, foreign keys stay valid, and readers see all of the old or all of the new.
// Other writers of the table wait from when the rows are loaded until it is done.
type Postgres struct{}

const atOnce = "one transaction: readers see all of the old rows or all of the new"

// Publish is Target.
func (Postgres) Publish(ctx context.Context, r Request) (Result, error) {
	l, err := layoutOf(r)
	if err != nil {
		return Result{}, err
	}
	if r.Publication.Mode == "day" && l.day < 0 {
		return Result{}, invalid(r, "mode: day, and the column day is not published", "add day to columns:, or write mode: upsert")
	}
	conn, err := connectPostgres(ctx, r)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		conn.Close(ctx) // the transaction is decided by now
	}()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Result{}, postgresFault(r, err, "begin")
	}
	p := &postgresRun{request: r, layout: l, tx: tx, table: quoteTable(r.Publication.Table)}
	if err := p.all(ctx); err != nil {
		return Result{}, err // closing the connection rolls back
	}
	if err := tx.Commit(ctx); err != nil {
		return Result{}, unconfirmed(postgresFault(r, err, "commit"))
	}
	p.result.Step = atOnce
	return p.result, nil
}

func connectPostgres(ctx context.Context, r Request) (*pgx.Conn, error) {
	address, err := r.Secret(ctx, r.Publication.URL)
	if err != nil {
		return nil, fmt.Errorf("look up url: %w", err)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil || address == "" { // its text may show the address
		return nil, invalid(r, r.Publication.URL+" is not the address of a PostgreSQL database", "put postgres://user:password@host:5432/database into it")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 15 * time.Second
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // poolers in between keep no prepared statements
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, postgresFault(r, err, "connect")
	}
	return conn, nil
}

// postgresRun is one publish within its transaction.
type postgresRun struct {
	request Request
	layout  *layout
	tx      pgx.Tx
	table   string // quoted
	oid     uint32
	types   []string // of the published columns in the target
	there   int64    // rows that are there when there should be none
	before  int64    // rows in the mode's reach
	result  Result
}

const pgNew = `pg_temp."daybook_new"`

func (p *postgresRun) all(ctx context.Context) error {
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"set the session", p.settings},
		{"look at the table", p.open},
		{"load the rows", p.load},
		{"look for keys that come twice", p.unique},
		{"lock the table", p.lock},
		{"look for what the rows refer to", p.references},
		{"count the rows", p.ours},
		{"delete rows", p.remove},
		{"write rows", p.write},
		{"compare the counts", p.compare},
	} {
		if err := step.do(ctx); err != nil {
			return postgresFault(p.request, err, step.doing)
		}
	}
	return nil
}

func (p *postgresRun) settings(ctx context.Context) error {
	ms := func(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
	for name, value := range map[string]string{
		"lock_timeout":      ms(p.request.Publication.Lock),
		"statement_timeout": ms(p.request.Publication.Timeout),
		"TimeZone":          "UTC", "DateStyle": "ISO, YMD", "client_encoding": "UTF8", "standard_conforming_strings": "on",
		"application_name": "daybook publish " + p.request.Publication.Name,
	} {
		if _, err := p.tx.Exec(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *postgresRun) load(ctx context.Context) error {
	columns := strings.Join(p.quoted(""), ", ")
	if _, err := p.tx.Exec(ctx, "CREATE TEMPORARY TABLE daybook_new ON COMMIT DROP AS SELECT "+columns+" FROM "+p.table+" WITH NO DATA"); err != nil {
		return err
	}
	if err := copyRows(ctx, p.tx.Conn().PgConn(), p.layout, p.types, "COPY "+pgNew+" ("+columns+") FROM STDIN"); err != nil {
		return err
	}
	p.result.Sent = p.layout.sent
	_, err := p.tx.Exec(ctx, "ANALYZE "+pgNew)
	return err
}

// unique asks the database, as it decides which texts are equal.
func (p *postgresRun) unique(ctx context.Context) error {
	if len(p.layout.key) == 0 {
		return nil
	}
	keys := strings.Join(p.keys("n"), ", ")
	found, _, err := p.examples(ctx, "FROM "+pgNew+" n GROUP BY "+keys+" HAVING count(*) > 1", p.keyNames(), "n")
	if err == nil && len(found) > 0 {
		err = fault.New(fault.CheckFailed, "several rows have the key "+strings.Join(found, "; "), keyHint)
	}
	return err
}

// examples are the named columns of the first rows of a query that begins with FROM, and how many rows it has.
func (p *postgresRun) examples(ctx context.Context, from string, names []string, alias string) ([]string, int64, error) {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = pgString(name+"=") + " || coalesce(left(" + alias + "." + quotePostgres(name) + "::text, 60), 'null')"
	}
	rows, err := p.tx.Query(ctx, "SELECT "+strings.Join(parts, " || ', ' || ")+" AS example, count(*) OVER () "+from+" ORDER BY 1 LIMIT 5")
	if err != nil {
		return nil, 0, err
	}
	var found []string
	var count int64
	var one string
	_, err = pgx.ForEachRow(rows, []any{&one, &count}, func() error { found = append(found, one); return nil })
	return found, count, err
}

func (p *postgresRun) references(ctx context.Context) error {
	for _, ref := range p.request.Publication.References {
		i := p.layout.find(ref.Column)
		if i < 0 {
			return invalid(p.request, fmt.Sprintf("references names %s, which is not published", ref.Column), "add it to columns:")
		}
		c := p.layout.columns[i]
		orphan := " WHERE n." + quotePostgres(c.as) + " IS NOT NULL AND NOT EXISTS (SELECT FROM " + quoteTable(ref.Table) + " r WHERE r." + quotePostgres(ref.As) + " = n." + quotePostgres(c.as) + ")"
		found, count, err := p.examples(ctx, "FROM "+pgNew+" n"+orphan, append(p.keyNames(), c.as), "n")
		if err != nil {
			return err
		}
		if count == 0 {
			continue
		}
		if p.request.Publication.Orphans != "hold" {
			return orphans(ref, count, found)
		}
		if _, err := p.tx.Exec(ctx, "DELETE FROM "+pgNew+" n"+orphan); err != nil {
			return err
		}
		p.result.hold(p.request, ref, count, found)
	}
	return nil
}

// ours counts what is there, and on the first publish holds that nothing is: but for the very rows, of a publish that was made and not
// recorded.
func (p *postgresRun) ours(ctx context.Context) error {
	if p.request.guarded() {
		if err := p.tx.QueryRow(ctx, "SELECT count(*) FROM "+p.table).Scan(&p.there); err != nil {
			return err
		}
		if p.there > 0 && (len(p.layout.key) == 0 || p.there != p.result.Sent-p.result.Held) {
			return foreign(p.request, "table "+p.request.Publication.Table, p.there)
		}
	}
	return p.tx.QueryRow(ctx, "SELECT count(*) FROM "+p.table+" t WHERE "+p.reach("t")).Scan(&p.before)
}

// remove deletes what the mart does not have any more; without a key that is everything in the mode's reach.
func (p *postgresRun) remove(ctx context.Context) error {
	if p.request.Publication.Mode == "upsert" {
		return nil
	}
	gone := "DELETE FROM " + p.table + " t WHERE " + p.reach("t")
	if len(p.layout.key) == 0 {
		tag, err := p.tx.Exec(ctx, gone)
		p.result.Removed = tag.RowsAffected()
		return err
	}
	if err := p.ownDay(ctx); err != nil {
		return err
	}
	absent := " AND NOT EXISTS (SELECT FROM " + pgNew + " n WHERE " + p.same("n", "t") + ")"
	free, err := p.free(ctx)
	if err != nil {
		return err
	}
	tag, err := p.tx.Exec(ctx, gone+absent+free)
	if err != nil {
		return err
	}
	p.result.Removed = tag.RowsAffected()
	if free == "" {
		return nil
	}
	found, count, err := p.examples(ctx, "FROM "+p.table+" t WHERE "+p.reach("t")+absent, p.keyNames(), "t")
	if err == nil && count > 0 {
		p.result.keep(p.request, count, found)
	}
	return err
}

// ownDay holds that no key of the day is there as a row of another day, which would silently move.
func (p *postgresRun) ownDay(ctx context.Context) error {
	if p.request.Publication.Mode != "day" || slices.Contains(p.layout.key, p.layout.day) {
		return nil
	}
	day := quotePostgres(p.layout.columns[p.layout.day].as)
	found, _, err := p.examples(ctx, "FROM "+p.table+" t WHERE t."+day+" IS DISTINCT FROM "+p.literalDay()+" AND EXISTS (SELECT FROM "+pgNew+" n WHERE "+p.same("n", "t")+")",
		append(p.keyNames(), p.layout.columns[p.layout.day].as), "t")
	if err == nil && len(found) > 0 {
		err = otherDay(p.request, found)
	}
	return err
}

func (p *postgresRun) write(ctx context.Context) error {
	columns := strings.Join(p.quoted(""), ", ")
	statement := "INSERT INTO " + p.table + " AS t (" + columns + ") SELECT " + columns + " FROM " + pgNew
	if len(p.layout.key) > 0 {
		statement += " ON CONFLICT (" + strings.Join(p.keys(""), ", ") + ")"
		var set, old, new []string
		for i, c := range p.layout.columns {
			if slices.Contains(p.layout.key, i) {
				continue
			}
			name := quotePostgres(c.as)
			set = append(set, name+" = EXCLUDED."+name)
			old, new = append(old, equatable("t."+name, p.types[i])), append(new, equatable("EXCLUDED."+name, p.types[i]))
		}
		if len(set) == 0 {
			statement += " DO NOTHING"
		} else {
			statement += " DO UPDATE SET " + strings.Join(set, ", ") + " WHERE (" + strings.Join(old, ", ") + ") IS DISTINCT FROM (" + strings.Join(new, ", ") + ")"
		}
	}
	tag, err := p.tx.Exec(ctx, statement)
	p.result.Written = tag.RowsAffected()
	return err
}

// compare counts what is there now, within the transaction: triggers and rules may have done otherwise.
func (p *postgresRun) compare(ctx context.Context) error {
	query := "SELECT count(*) FROM " + p.table + " t WHERE " + p.reach("t")
	want := p.result.Sent - p.result.Held + p.result.Kept
	if p.request.Publication.Mode == "upsert" {
		query = "SELECT count(*) FROM " + pgNew + " n WHERE EXISTS (SELECT FROM " + p.table + " t WHERE " + p.same("n", "t") + ")"
	}
	var count int64
	if err := p.tx.QueryRow(ctx, query).Scan(&count); err != nil {
		return err
	}
	if count != want {
		return counted(p.request, count, want)
	}
	if p.request.Publication.Mode == "upsert" {
		return nil
	}
	if p.request.guarded() && p.there > 0 && p.result.Written+p.result.Removed > 0 {
		return foreign(p.request, "table "+p.request.Publication.Table, p.there)
	}
	return shrunk(p.request, p.before, count, "rows")
}
