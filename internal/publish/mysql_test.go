package publish_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/publish/publishtest"
)

func TestMySQLDoesWhatTargetsMust(t *testing.T) {
	publishtest.Run(t, func(t *testing.T) publishtest.World { return mysqlWorld(t).World })
}

type mysqlPlace struct {
	publishtest.World
	db *sql.DB
}

func mysqlWorld(t *testing.T) mysqlPlace {
	dsn := mariaDB(t)
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	proxy := publishtest.NewProxy(t, config.Addr)
	address := strings.Replace(dsn, config.Addr, proxy.Addr, 1)
	db, err := sql.Open("mysql", dsn+"?charset=utf8mb4&parseTime=false")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	p := mysqlPlace{db: db}
	p.World = publishtest.World{
		To: "mysql", Modes: []string{"swap", "upsert", "day"}, Secrets: map[string]string{"env:TARGET": address}, Secret: config.Passwd, Proxy: proxy, Atomic: true, Differs: true,
		Publication: func(mode string) project.Publication { return tablePublication("mysql", mode) },
		Read: func(string, calendar.Day) []string {
			return p.rows(t, "SELECT day, id, coalesce(name, '"+publishtest.Null+"'), price FROM items")
		},
		Denied: func(mode string) (project.Publication, map[string]string) {
			return tablePublication("mysql", mode), map[string]string{"env:TARGET": strings.Replace(address, config.Passwd, "wrong-"+config.Passwd, 1)}
		},
	}
	return p
}

func (p mysqlPlace) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := p.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (p mysqlPlace) rows(t *testing.T, query string) []string {
	t.Helper()
	found, err := p.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var day, id, name, price string
		if err := found.Scan(&day, &id, &name, &price); err != nil {
			t.Error(err)
		}
		out = append(out, publishtest.Text(day, id, name, price))
	}
	if err := found.Err(); err != nil {
		t.Error(err)
	}
	slices.Sort(out)
	return out
}

func (p mysqlPlace) strings(t *testing.T, query string) []string {
	t.Helper()
	rows, err := p.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
