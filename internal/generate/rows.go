package generate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"daybook/internal/fault"
)

// createChoices and createBooks are the app's tables but for three things: choices had no time, so that no day of theirs could be told;
// their numbers and names of users are longer here; a book has no picture.
const (
	createChoices = `CREATE TABLE IF NOT EXISTS user_choice (
		id BIGINT NOT NULL PRIMARY KEY, query_id CHAR(40) NOT NULL, isbn13 CHAR(13) NOT NULL, user_id VARCHAR(20) NOT NULL,
		created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY (created_at)) CHARACTER SET utf8mb4`
	createBooks = `CREATE TABLE IF NOT EXISTS book_info (
		isbn13 CHAR(13) NOT NULL PRIMARY KEY, bookname VARCHAR(255) NOT NULL, authors VARCHAR(255), publisher VARCHAR(255),
		class_no CHAR(12), reg_date DATE) CHARACTER SET utf8mb4`
)

// statementRows is how many rows one statement writes.
const statementRows = 1000

// rowWriter puts selections and the catalogue into MySQL or MariaDB.
type rowWriter struct{ db *sql.DB }

func openRows(ctx context.Context, dsn string) (*rowWriter, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil { // its text may hold the password
		return nil, fault.New(fault.Invalid, "the address of MySQL cannot be read", "write USER:PASSWORD@tcp(HOST:3306)/DATABASE")
	}
	c.InterpolateParams = true // a statement is one round trip
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	c.Params["time_zone"] = "'+00:00'"
	c.Loc = time.UTC
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the address of MySQL cannot be used", "write USER:PASSWORD@tcp(HOST:3306)/DATABASE")
	}
	w := &rowWriter{sql.OpenDB(connector)}
	for _, statement := range []string{createChoices, createBooks} {
		if _, err := w.db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("make tables in %s on %s: %w", c.DBName, c.Addr, err), w.db.Close())
		}
	}
	return w, nil
}

// books puts the catalogue, over rows of the same numbers, and returns how many it has.
func (w *rowWriter) books(ctx context.Context, s *scene) (int, error) {
	var count int
	err := w.transaction(ctx, func(tx *sql.Tx) error {
		b := &rows{head: "REPLACE INTO book_info (isbn13, bookname, authors, publisher, class_no, reg_date) VALUES ", tx: tx}
		err := eachBook(s.dice.on(topicBooks), func(k book) error {
			count++
			class := sql.NullString{String: k[4], Valid: k[4] != ""}
			return b.add(ctx, k[0], k[1], k[2], k[3], class, k[5])
		})
		if err != nil {
			return err
		}
		return b.flush(ctx)
	})
	if err != nil {
		return 0, fmt.Errorf("put the catalogue into book_info: %w", err)
	}
	return count, nil
}

// day replaces a day's selections, in one transaction, and counts them in sum.
func (w *rowWriter) day(ctx context.Context, t *today, sum *Summary) error {
	midnight := t.day.Start(time.FixedZone("", 9*60*60))
	first := dayNumber(t.day) * selectionIDs
	err := w.transaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM user_choice WHERE id >= ? AND id < ?", first, first+selectionIDs); err != nil {
			return err
		}
		b := &rows{head: "INSERT INTO user_choice (id, query_id, isbn13, user_id, created_at) VALUES ", tx: tx}
		err := t.eachSelection(ctx, func(r *request, s selection) error {
			sum.Selections++
			at := midnight.Add(time.Duration(s.millis) * time.Millisecond)
			return b.add(ctx, s.id, string(r.id[:]), t.isbns[s.book], "user-"+strconv.FormatInt(r.user, 10), at)
		})
		if err != nil {
			return err
		}
		return b.flush(ctx)
	})
	if err != nil {
		return fmt.Errorf("put choices of %s into user_choice: %w", t.day, err)
	}
	return nil
}

func (w *rowWriter) transaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the connection may be gone, which err says
		return err
	}
	return tx.Commit()
}

// rows gathers rows for one statement.
type rows struct {
	tx     *sql.Tx
	head   string // INSERT INTO … VALUES
	count  int
	values []any
}

func (r *rows) add(ctx context.Context, values ...any) error {
	r.values = append(r.values, values...)
	if r.count++; r.count < statementRows {
		return nil
	}
	return r.flush(ctx)
}

func (r *rows) flush(ctx context.Context) error {
	if r.count == 0 {
		return nil
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(r.values)/r.count), ",") + ")"
	_, err := r.tx.ExecContext(ctx, r.head+strings.TrimSuffix(strings.Repeat(row+",", r.count), ","), r.values...)
	r.count, r.values = 0, r.values[:0]
	return err
}
