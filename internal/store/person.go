package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Person is an address with locale, role and groups; may sign in, may get mail, or both.
type Person struct {
	ID           string
	Address      string // unique, lower case
	Name, Locale string
	Role         string // admin, viewer or empty: may not sign in
	PasswordHash string
	Disabled     bool
	Created      time.Time
	Groups       []string // sorted, each once
}

const personColumns = "id, address, name, locale, role, password_hash, disabled, created"

func (p *Person) fields() []any {
	return []any{&p.ID, &p.Address, (*prose)(&p.Name), &p.Locale, &p.Role, &p.PasswordHash, &p.Disabled, (*instant)(&p.Created)}
}

func fold(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// SavePerson records a person, or overwrites the one with the same address in whatever case, whose ID and Created
// stay. It fills ID, and puts Address, Created and Groups as they are stored.
func (s *Store) SavePerson(ctx context.Context, p *Person) error {
	return s.SavePeople(ctx, []*Person{p})
}

// SavePeople is SavePerson for many in one transaction: where one cannot be saved, none is. Of two with the same address
// the later one stays.
func (s *Store) SavePeople(ctx context.Context, people []*Person) error {
	// In one order, or on PostgreSQL two callers could wait for each other.
	people = slices.SortedStableFunc(slices.Values(people), func(a, b *Person) int { return cmp.Compare(fold(a.Address), fold(b.Address)) })
	saved := make([]Person, len(people))
	err := s.inTx(ctx, func(t *tx) (err error) {
		for i, p := range people {
			if saved[i], err = t.savePerson(ctx, *p); err != nil {
				return fmt.Errorf("save %s: %w", fold(p.Address), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range people {
		*p = saved[i]
	}
	return nil
}

func (t *tx) savePerson(ctx context.Context, p Person) (Person, error) {
	p.Address = fold(p.Address)
	p.Groups = slices.Compact(slices.Sorted(slices.Values(p.Groups)))
	var err error
	if p.ID, err = newID(); err != nil {
		return Person{}, err
	}
	err = t.QueryRowContext(ctx, insert("person", personColumns)+` ON CONFLICT (address) DO UPDATE SET name = excluded.name, locale = excluded.locale,
		role = excluded.role, password_hash = excluded.password_hash, disabled = excluded.disabled RETURNING id, created`,
		p.fields()...).Scan(&p.ID, (*instant)(&p.Created))
	if err != nil {
		return Person{}, err
	}
	if _, err := t.ExecContext(ctx, "DELETE FROM membership WHERE person = $1", p.ID); err != nil {
		return Person{}, err
	}
	rows := make([][]any, len(p.Groups))
	for i, name := range p.Groups {
		rows[i] = []any{p.ID, name}
	}
	return p, insertAll(ctx, t, "membership", "person, name", rows)
}

// People returns everyone by address.
func (s *Store) People(ctx context.Context) ([]Person, error) {
	people, err := s.people(ctx, "ORDER BY address")
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	return people, nil
}

// PeopleIn returns the enabled people of any of the groups by address, each once.
func (s *Store) PeopleIn(ctx context.Context, groups []string) ([]Person, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	members := "SELECT person FROM membership WHERE name IN (" + placeholders(1, len(groups)) + ")"
	people, err := s.people(ctx, "WHERE NOT disabled AND id IN ("+members+") ORDER BY address", values(groups)...)
	if err != nil {
		return nil, fmt.Errorf("read the people in %s: %w", strings.Join(groups, ", "), err)
	}
	return people, nil
}

// Person returns the person with the id.
func (s *Store) Person(ctx context.Context, id string) (Person, error) {
	return s.person(ctx, "id", id)
}

// PersonByAddress returns the person with the address, in whatever case.
func (s *Store) PersonByAddress(ctx context.Context, address string) (Person, error) {
	return s.person(ctx, "address", fold(address))
}

func (s *Store) person(ctx context.Context, column, value string) (Person, error) {
	people, err := s.people(ctx, "WHERE "+column+" = $1", value)
	if err == nil && len(people) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return Person{}, asFault(err, "read", "person "+value)
	}
	return people[0], nil
}

// CountAdmins counts the enabled people with the role admin.
func (s *Store) CountAdmins(ctx context.Context) (int, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM person WHERE role = 'admin' AND NOT disabled").Scan(&n); err != nil {
		return 0, fmt.Errorf("count admins: %w", err)
	}
	return n, nil
}

type membership struct{ person, name string }

func (m *membership) fields() []any { return []any{&m.person, &m.name} }

// people reads persons, then their groups: those of one person alone, or everyone's, which is a small table.
func (s *Store) people(ctx context.Context, which string, args ...any) ([]Person, error) {
	people, err := all[Person](ctx, s.read, "SELECT "+personColumns+" FROM person "+which, args...)
	if err != nil || len(people) == 0 {
		return nil, err
	}
	query, queryArgs := "SELECT person, name FROM membership", []any(nil)
	if len(people) == 1 {
		query, queryArgs = query+" WHERE person = $1", []any{people[0].ID}
	}
	members, err := all[membership](ctx, s.read, query, queryArgs...)
	if err != nil {
		return nil, err
	}
	groups := map[string][]string{}
	for _, m := range members {
		groups[m.person] = append(groups[m.person], m.name)
	}
	for i, p := range people {
		slices.Sort(groups[p.ID])
		people[i].Groups = groups[p.ID]
	}
	return people, nil
}

// Standing is what decides whether a person gets a report's mail at an address now.
type Standing struct {
	Member     bool   // enabled, and in one of the report's groups
	Cadence    string // a Cadence constant, or empty
	Suppressed string // why the address is; empty where it is not
}

// standingOf reads it. Who is not known any more is no member.
func standingOf(ctx context.Context, q querier, person, address, report string, groups []string) (Standing, error) {
	var standing Standing
	n := len(groups)
	if n == 0 {
		return standing, nil
	}
	err := q.QueryRowContext(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM person JOIN membership ON membership.person = person.id
			WHERE NOT disabled AND membership.name IN (%s) AND person.id = $%d),
		coalesce((SELECT cadence FROM subscription WHERE person = $%d AND report = $%d), ''),
		coalesce((SELECT reason FROM suppression WHERE address = $%d), '')`, placeholders(1, n), n+1, n+2, n+3, n+4),
		append(values(groups), person, person, report, fold(address))...).Scan(&standing.Member, &standing.Cadence, &standing.Suppressed)
	if err != nil {
		return standing, fmt.Errorf("read the standing of person %s: %w", person, err)
	}
	return standing, nil
}
