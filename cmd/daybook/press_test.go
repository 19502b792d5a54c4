package main

import (
	"slices"
	"testing"
	"time"

	"daybook/internal/project"
	"daybook/internal/store"
)

func TestTheFileKeepsTheGroupsItListsAndThePagesKeepTheOthers(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+t.TempDir()+"/app.db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 11, 17, 0, 0, 0, 0, time.UTC)
	p := &project.Project{Locale: "ko", Groups: map[string][]project.Member{
		"staff": {{Address: "ada@example.com", Name: "Ada"}, {Address: "ben@example.com"}}, "duty": {},
	}}
	sync := func() {
		t.Helper()
		if err := syncPeople(t.Context(), s, p, now); err != nil {
			t.Fatal(err)
		}
	}
	groups := func(address string) []string {
		t.Helper()
		person, err := s.PersonByAddress(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		return person.Groups
	}
	sync()
	ada, err := s.PersonByAddress(t.Context(), "ada@example.com")
	if err != nil || ada.Name != "Ada" || ada.Locale != "ko" || !ada.Created.Equal(now) {
		t.Fatalf("person %+v, %v", ada, err)
	}
	ada.Groups, ada.Role, ada.PasswordHash = []string{"duty", "staff"}, "admin", "hash" // as the pages write it
	if err := s.SavePerson(t.Context(), &ada); err != nil {
		t.Fatal(err)
	}
	sync()
	if got := groups("ada@example.com"); !slices.Equal(got, []string{"duty", "staff"}) {
		t.Errorf("ada is in %v: the group of the pages was taken away", got)
	}
	p.Groups["staff"] = p.Groups["staff"][1:] // ada leaves in the file
	sync()
	if got := groups("ada@example.com"); !slices.Equal(got, []string{"duty"}) {
		t.Errorf("ada is in %v", got)
	}
	if got := groups("ben@example.com"); !slices.Equal(got, []string{"staff"}) {
		t.Errorf("ben is in %v", got)
	}
	if ada, err := s.PersonByAddress(t.Context(), "ada@example.com"); err != nil || ada.Role != "admin" || ada.PasswordHash != "hash" {
		t.Errorf("the file changed what is not its business: %+v, %v", ada, err)
	}
}
