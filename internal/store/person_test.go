package store_test

import (
	"testing"
	"time"

	"daybook/internal/store"
)

func TestPersonIsOverwrittenByAddressInWhateverCase(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		p := store.Person{Address: " Ada@Example.com", Name: "에이다", Locale: "ko", Role: "admin", PasswordHash: "$argon2id$1", Disabled: true, Created: noon,
			Groups: []string{"staff", "board", "staff"}}
		check(t, s.SavePerson(t.Context(), &p))
		full(t, p)
		same(t, "ada@example.com", p.Address)
		same(t, []string{"board", "staff"}, p.Groups)
		same(t, p, must(s.Person(t.Context(), p.ID))(t))

		changed := store.Person{Address: "ADA@example.com", Name: "Ada", Locale: "en", Role: "viewer", PasswordHash: "$argon2id$2",
			Created: noon.Add(time.Hour), Groups: []string{"all"}}
		check(t, s.SavePerson(t.Context(), &changed))
		same(t, p.ID, changed.ID)
		same(t, noon, changed.Created)
		same(t, changed, must(s.PersonByAddress(t.Context(), "aDa@example.com "))(t))
		same(t, []store.Person{changed}, must(s.People(t.Context()))(t))
	})
}

func TestPeopleInGroupsAreEnabledAndListedOnce(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		bob := addPerson(t, s, "bob@example.com", "staff", "board")
		ada := addPerson(t, s, "ada@example.com", "staff")
		gone := store.Person{Address: "gone@example.com", Disabled: true, Groups: []string{"staff"}}
		check(t, s.SavePerson(t.Context(), &gone))
		cyd := addPerson(t, s, "cyd@example.com")
		same(t, []store.Person{ada, bob}, must(s.PeopleIn(t.Context(), []string{"board", "staff"}))(t))
		same(t, []store.Person{bob}, must(s.PeopleIn(t.Context(), []string{"board"}))(t))
		same(t, []store.Person(nil), must(s.PeopleIn(t.Context(), nil))(t))
		same(t, []store.Person{ada, bob, cyd, gone}, must(s.People(t.Context()))(t))
	})
}

func TestAdminsAreCountedWhileEnabled(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		for _, p := range []store.Person{
			{Address: "a@example.com", Role: "admin"}, {Address: "b@example.com", Role: "admin", Disabled: true}, {Address: "c@example.com", Role: "viewer"},
		} {
			check(t, s.SavePerson(t.Context(), &p))
		}
		same(t, 1, must(s.CountAdmins(t.Context()))(t))
	})
}

func TestPersonThatDoesNotExistIsNotFound(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		_, err := s.Person(t.Context(), "nobody")
		notFound(t, err)
		_, err = s.PersonByAddress(t.Context(), "nobody@example.com")
		notFound(t, err)
	})
}

func TestPeopleAreSavedTogetherOrNotAtAll(t *testing.T) {
	withStore(t, func(t *testing.T, s *store.Store) {
		bob, ada, again := &store.Person{Address: "Bob@example.com", Groups: []string{"staff"}}, &store.Person{Address: "ada@example.com"},
			&store.Person{Address: "bob@example.com", Name: "Bob"}
		check(t, s.SavePeople(t.Context(), []*store.Person{bob, ada, again}))
		same(t, bob.ID, again.ID)
		same(t, []store.Person{*ada, *again}, must(s.People(t.Context()))(t))

		eve := store.Person{Address: "eve@example.com", Locale: "\x00"}
		cyd := store.Person{Address: "cyd@example.com"}
		if err := s.SavePeople(t.Context(), []*store.Person{&cyd, &eve}); err != nil { // PostgreSQL's; SQLite takes anything
			same(t, []store.Person{*ada, *again}, must(s.People(t.Context()))(t))
			same(t, "", cyd.ID)
		}
		check(t, s.SavePeople(t.Context(), nil))
	})
}
