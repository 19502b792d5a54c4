package source_test

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"daybook/internal/testenv"
)

// postgresBase has a clock that its search path puts before the server's own.
func postgresBase(t testing.TB) *base {
	t.Helper()
	owner, err := url.Parse(testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &base{kind: "postgres", driver: "pgx", password: "pw-" + rand.Text(), wire: wiretap(t, owner.Host), free: -1}
	b.db = opened(t, "pgx", owner.String())
	role := "r" + strings.ToLower(rand.Text())
	do(t, b.db, "CREATE ROLE "+role+" LOGIN PASSWORD '"+b.password+"'", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO "+role,
		"CREATE SCHEMA clock", "GRANT USAGE ON SCHEMA clock TO "+role,
		"CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT current_setting('clock.now')::timestamptz $$")
	t.Cleanup(func() { do(t, b.db, "DROP OWNED BY "+role, "DROP ROLE "+role) })
	b.limit, b.deny = "ALTER ROLE "+role+" CONNECTION LIMIT %d", "ALTER ROLE "+role+" PASSWORD 'another'"
	b.dsn = func(clock time.Time) string {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(role, b.password), Host: b.wire.address, Path: owner.Path}
		u.RawQuery = url.Values{"sslmode": {"disable"}, "search_path": {"clock,pg_catalog,public"}, "clock.now": {fmt.Sprint(clock.Format(time.RFC3339Nano))}}.Encode()
		return u.String()
	}
	return b
}
