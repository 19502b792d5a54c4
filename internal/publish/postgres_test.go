package publish_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"daybook/internal/calendar"
	"daybook/internal/project"
	"daybook/internal/publish/publishtest"
	"daybook/internal/testenv"
)

func TestPostgresDoesWhatTargetsMust(t *testing.T) {
	publishtest.Run(t, func(t *testing.T) publishtest.World { return postgresWorld(t).World })
}

type postgresPlace struct {
	publishtest.World
	direct string
}

func postgresWorld(t *testing.T) postgresPlace {
	direct := testenv.Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	proxy := publishtest.NewProxy(t, u.Host)
	password, _ := u.User.Password()
	u.Host = proxy.Addr
	p := postgresPlace{direct: direct}
	p.World = publishtest.World{
		To: "postgres", Modes: []string{"swap", "upsert", "day"}, Secrets: map[string]string{"env:TARGET": u.String()}, Secret: password, Proxy: proxy, Atomic: true, Differs: true,
		Publication: func(mode string) project.Publication { return tablePublication("postgres", mode) },
		Read: func(string, calendar.Day) []string {
			return p.rows(t, "SELECT day::text, id::text, coalesce(name, '"+publishtest.Null+"'), price::text FROM shop.items")
		},
		Denied: func(mode string) (project.Publication, map[string]string) {
			return tablePublication("postgres", mode), map[string]string{"env:TARGET": strings.Replace(u.String(), password, "wrong-"+password, 1)}
		},
	}
	p.exec(t, "CREATE SCHEMA shop")
	return p
}

func (p postgresPlace) exec(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.direct)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (p postgresPlace) rows(t *testing.T, query string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.direct)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer conn.Close(t.Context())
	found, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Error(err)
		return nil
	}
	var out []string
	var day, id, name, price string
	if _, err := pgx.ForEachRow(found, []any{&day, &id, &name, &price}, func() error {
		out = append(out, publishtest.Text(day, id, name, price))
		return nil
	}); err != nil {
		t.Error(err)
	}
	slices.Sort(out)
	return out
}

func (p postgresPlace) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.direct)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (p postgresPlace) strings(t *testing.T, query string) []string {
	t.Helper()
	rows, err := p.connect(t).Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
