package source_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"daybook/internal/testenv"
)

// mysqlBase has a user whose clock its address sets.
func mysqlBase(t testing.TB) *base {
	t.Helper()
	owner := testenv.MariaDB(t)
	config, err := mysql.ParseDSN(owner)
	if err != nil {
		t.Fatal(err)
	}
	b := &base{kind: "mysql", driver: "mysql", password: "pw-" + rand.Text(), wire: wiretap(t, config.Addr), free: 0}
	b.db = opened(t, "mysql", owner+"?time_zone=%27%2B00%3A00%27&sql_mode=%27%27") // which lets zero dates in
	name := "r" + strings.ToLower(rand.Text())[:20]
	user := "'" + name + "'@'127.0.0.1'"
	do(t, b.db, "CREATE USER "+user+" IDENTIFIED BY '"+b.password+"'", "GRANT SELECT ON "+config.DBName+".* TO "+user)
	t.Cleanup(func() { do(t, b.db, "DROP USER "+user) })
	b.limit, b.deny = "ALTER USER "+user+" WITH MAX_USER_CONNECTIONS %d", "ALTER USER "+user+" IDENTIFIED BY 'another'"
	b.dsn = func(clock time.Time) string {
		return fmt.Sprintf("%s:%s@tcp(%s)/%s?timestamp=%d", name, b.password, b.wire.address, config.DBName, clock.Unix())
	}
	return b
}
