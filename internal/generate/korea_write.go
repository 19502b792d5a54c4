package generate

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/text/encoding/korean"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// KoreaSummary counts what was written.
type KoreaSummary struct {
	Days, Sessions, Searches, Clicks, Purchases, Users int
	Repeated                                           int // lines that are the same as another
	Bytes                                              int64
}

// Write makes the files of the days, each whole or not at all; files of other days stay:
//
//	sessions/{day}.ndjson.gz, and so searches, clicks and purchases; one line of 500 comes twice
//	users.ndjson, users of the last day; airports.csv; libraries.csv, in CP949
//
// Progress, when set, is told the number of days done.
func (k Korea) Write(ctx context.Context, dir string, from, to calendar.Day, progress func(done, total int)) (KoreaSummary, error) {
	if err := k.check(dir, from, to); err != nil {
		return KoreaSummary{}, err
	}
	for _, kind := range []string{"sessions", "searches", "clicks", "purchases"} {
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o755); err != nil {
			return KoreaSummary{}, fmt.Errorf("make a directory for %s: %w", kind, err)
		}
	}
	var sum KoreaSummary
	days := calendar.Range(from, to)
	for i, day := range days {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		if err := k.writeWeb(dir, day, &sum); err != nil {
			return sum, err
		}
		if progress != nil {
			progress(i+1, len(days))
		}
	}
	sum.Days = len(days)
	return sum, k.writeLists(dir, to, &sum)
}

func (k Korea) check(dir string, from, to calendar.Day) error {
	refuse := func(message, hint string) error { return fault.New(fault.Invalid, message, hint) }
	switch {
	case to.Before(from):
		return refuse(fmt.Sprintf("the last day %s is before the first day %s", to, from), "swap the two days")
	case from.Before(opened().Add(firstJoined)):
		return refuse(fmt.Sprintf("there is no example data for %s", from), "begin on "+opened().Add(firstJoined).String()+" or later")
	case k.PerDay < 10 || k.PerDay > million:
		return refuse(fmt.Sprintf("%d sessions a day cannot be made", k.PerDay), "ask for 10 to 1000000")
	case dir == "":
		return refuse("no directory is named", "name the directory that receives the files")
	}
	return nil
}

func (k Korea) writeWeb(dir string, day calendar.Day, sum *KoreaSummary) error {
	web := k.Web(day)
	sum.Sessions += len(web.Sessions)
	sum.Searches += len(web.Searches)
	sum.Clicks += len(web.Clicks)
	sum.Purchases += len(web.Purchases)
	return first(
		writeLines(dir, "sessions", day, web.Sessions, sum, func(s Session) any {
			return map[string]any{"session_id": s.ID, "created_ts": stamp(s.Began), "last_connected_ts": stamp(s.Last), "channel": s.Channel}
		}),
		writeLines(dir, "searches", day, web.Searches, sum, func(s FlightSearch) any {
			return map[string]any{"search_id": s.ID, "session_id": s.Session, "searched_ts": stamp(s.At), "user_id": user(s.User), "depart_date": s.Depart.String(),
				"depart_airport_code": s.From, "arrival_airport_code": s.Arrival}
		}),
		writeLines(dir, "clicks", day, web.Clicks, sum, func(c Click) any {
			return map[string]any{"click_id": c.ID, "session_id": c.Session, "clicked_ts": stamp(c.At), "user_id": user(c.User), "flight_id": orNull(c.Flight)}
		}),
		writeLines(dir, "purchases", day, web.Purchases, sum, func(p Purchase) any {
			return map[string]any{"purchase_id": p.ID, "user_id": p.User, "flight_id": p.Flight, "purchased_ts": stamp(p.At), "price_krw": p.Won}
		}),
	)
}

// first is the first error of a list.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }

func user(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// writeLines writes a day's records of a kind, a line each.
func writeLines[T any](dir, kind string, day calendar.Day, list []T, sum *KoreaSummary, record func(T) any) error {
	size, err := writeFile(filepath.Join(dir, kind, day.String()+".ndjson.gz"), true, func(w *bufio.Writer) error {
		for i, v := range list {
			line, err := json.Marshal(record(v))
			if err != nil {
				return err
			}
			times := 1
			if i%500 == 250 {
				times = 2
				sum.Repeated++
			}
			for range times {
				if _, err := w.Write(append(line, '\n')); err != nil {
					return err
				}
			}
		}
		return nil
	})
	sum.Bytes += size
	return err
}

// writeLists writes what has no days.
func (k Korea) writeLists(dir string, through calendar.Day, sum *KoreaSummary) error {
	users := k.Users(through)
	sum.Users = len(users)
	size, err := writeFile(filepath.Join(dir, "users.ndjson"), false, func(w *bufio.Writer) error {
		for _, u := range users {
			age := any(u.Age)
			if u.Age < 0 {
				age = nil
			}
			line, err := json.Marshal(map[string]any{"user_id": u.ID, "country": orNull(u.Country), "age": age, "gender": orNull(u.Gender),
				"name": u.Name, "email": u.Email, "registration_date": u.Registered.String()})
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
	sum.Bytes += size
	if err != nil {
		return err
	}
	airports := [][]string{{"code", "city_ko", "city_en"}}
	for _, a := range k.Airports() {
		airports = append(airports, []string{a.Code, a.Ko, a.En})
	}
	size, err = writeFile(filepath.Join(dir, "airports.csv"), false, func(w *bufio.Writer) error { return csv.NewWriter(w).WriteAll(airports) })
	sum.Bytes += size
	if err != nil {
		return err
	}
	size, err = writeFile(filepath.Join(dir, "libraries.csv"), false, k.writeReaders)
	sum.Bytes += size
	return err
}

// writeReaders writes the libraries as the office does: CP949, lines that end in CRLF.
func (k Korea) writeReaders(w *bufio.Writer) error {
	rows := [][]string{{"도서관명", "시군구명", "도서관유형", "휴관일", "열람좌석수", "자료수(도서)", "위도", "경도", "데이터기준일자"}}
	for _, r := range k.Readers() {
		rows = append(rows, []string{r.Name, r.District, r.Kind, r.Closed, strconv.Itoa(r.Seats), strconv.Itoa(r.Books), r.Lat, r.Lon, "2026-01-01"})
	}
	encoded := korean.EUCKR.NewEncoder().Writer(w)
	out := csv.NewWriter(encoded)
	out.UseCRLF = true
	return out.WriteAll(rows)
}
