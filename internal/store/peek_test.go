package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/store"
)

func TestRecordsAreReadBesideTheProcessThatOwnsThem(t *testing.T) {
	onEachEngine(t, func(t *testing.T, dsn string) {
		owner := open(t, dsn)
		peek := must(store.Peek(t.Context(), dsn))(t)
		t.Cleanup(func() { check(t, peek.Close()) })
		p := &store.Person{Address: "ada@example.com", Groups: []string{"everyone"}}
		check(t, owner.SavePerson(t.Context(), p))
		if people := must(peek.PeopleIn(t.Context(), []string{"everyone"}))(t); len(people) != 1 || people[0].Address != p.Address {
			t.Errorf("%+v", people)
		}
		if err := peek.SavePerson(t.Context(), &store.Person{Address: "eve@example.com"}); err == nil {
			t.Error("it writes")
		}
		has, knows, err := peek.Schema(t.Context())
		if err != nil || has != knows || has < 1 {
			t.Errorf("version %d of %d, %v", has, knows, err)
		}
		check(t, owner.PretendVersion(t.Context(), knows+1))
		if has, _, err := peek.Schema(t.Context()); err != nil || has != knows+1 {
			t.Errorf("version %d, %v", has, err)
		}
		at := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
		_, _, err = owner.RecordMailEvent(t.Context(), store.MailEvent{MessageID: "m1", Delivery: "of another ledger", Kind: store.MailDelivery, Address: "ada@example.com", At: at})
		check(t, err)
		if events := must(peek.MessageEvents(t.Context(), "m1"))(t); len(events) != 1 || events[0].Kind != store.MailDelivery || events[0].Delivery != "" || !events[0].At.Equal(at) {
			t.Errorf("%+v", events)
		}
		if events := must(peek.MessageEvents(t.Context(), "m2"))(t); len(events) != 0 {
			t.Errorf("%+v", events)
		}
	})
}

func TestRecordsThatDoNotExistAreNotMadeByLooking(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	if _, err := store.Peek(t.Context(), "sqlite:"+file); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if made, _ := filepath.Glob(file + "*"); len(made) > 0 {
		t.Error(made)
	}
}
