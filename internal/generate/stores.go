package generate

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// Stores says where Fill puts the records, as the app keeps them. One without a name gets none.
type Stores struct {
	Table    string // of DynamoDB: searches. Region, credentials and, where Endpoint is empty, the endpoint are the environment's
	Endpoint string
	MySQL    string // USER:PASSWORD@tcp(HOST:3306)/DATABASE: selections in user_choice, the catalogue in book_info
}

// Fill makes the records of Write and puts them into stores, without Dir. Tables are made where they are absent:
//
//	DynamoDB   query_id (key), query_date, user_search, selected_lib, isbn13_list; an index by_day of query_date.
//	           There is no time of day, no user, and no item twice.
//	MySQL      user_choice(id, query_id, isbn13, user_id, created_at), of which all rows of the days made are replaced;
//	           book_info(isbn13, bookname, authors, publisher, class_no, reg_date)
//
// The same settings again change nothing. Items that other settings made stay. It refuses settings out of bounds, bad lines and a
// missing region or address (fault.Invalid), and says fault.Unavailable when DynamoDB has no capacity for long.
func (l Library) Fill(ctx context.Context, to Stores) (sum Summary, err error) {
	switch err := l.check(); {
	case err != nil:
		return Summary{}, err
	case l.Bad > 0:
		return Summary{}, fault.New(fault.Invalid, "bad lines are made for files only", "leave bad out, or write files")
	case to.Table == "" && to.MySQL == "":
		return Summary{}, fault.New(fault.Invalid, "no store is named", "name a table of DynamoDB or a database of MySQL")
	}
	s := newScene(l)
	var items *itemWriter
	if to.Table != "" {
		if items, err = openItems(ctx, to, s); err != nil {
			return Summary{}, err
		}
	}
	var rows *rowWriter
	if to.MySQL != "" {
		if rows, err = openRows(ctx, to.MySQL); err != nil {
			return Summary{}, err
		}
		defer func() { err = errors.Join(err, rows.db.Close()) }()
		if sum.Books, err = rows.books(ctx, s); err != nil {
			return Summary{}, err
		}
	}
	days := calendar.Range(l.From, l.To)
	for _, day := range days {
		made, err := fillDay(ctx, s.on(day), items, rows)
		if err != nil {
			return Summary{}, err
		}
		if sum.add(made); l.Progress != nil {
			l.Progress(sum.Days, len(days))
		}
	}
	return sum, nil
}

// fillDay fills both stores at a time.
func fillDay(ctx context.Context, t today, items *itemWriter, rows *rowWriter) (Summary, error) {
	var searches, selections Summary
	g, ctx := errgroup.WithContext(ctx)
	if items != nil {
		g.Go(func() error { return items.day(ctx, &t, &searches) })
	}
	if rows != nil {
		g.Go(func() error { return rows.day(ctx, &t, &selections) })
	}
	if err := g.Wait(); err != nil {
		return Summary{}, err
	}
	sum := Summary{Days: 1}
	sum.add(searches)
	sum.add(selections)
	return sum, nil
}
