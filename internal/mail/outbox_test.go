package mail_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

func TestOutboxIsASender(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) mailtest.Place {
		dir := filepath.Join(t.TempDir(), "outbox")
		return mailtest.Place{Sender: mail.Outbox{Dir: dir}, Kept: func() [][]byte {
			names, err := filepath.Glob(filepath.Join(dir, "*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			var kept [][]byte
			for _, name := range names {
				raw, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, raw)
			}
			return kept
		}}
	})
}

func TestOutboxListsNewestFirstAndOpensWhole(t *testing.T) {
	o := mail.Outbox{Dir: t.TempDir()}
	older, newer := mailtest.Message(), mailtest.Message()
	older.MessageID, older.Date = "older@example.com", older.Date.AddDate(0, 0, -1)
	for _, m := range []mail.Message{older, newer} {
		if _, err := o.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := o.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[1].Name != "2026-11-19/older@example.com.eml" {
		t.Fatalf("entries %+v", entries)
	}
	got := entries[0]
	want := mail.Entry{
		Name: "2026-11-20/" + newer.MessageID + ".eml", From: "도서관 일간 보고 <reports@example.com>", To: "김서연 <reader@example.org>",
		Subject: newer.Subject, Date: newer.Date, Bytes: got.Bytes,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" || got.Bytes == 0 {
		t.Error(diff)
	}

	letter, err := o.Open(got.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, letter.Entry, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("the letter's entry differs from the list's: %s", diff)
	}
	raw, _ := newer.MIME()
	if letter.HTML != newer.HTML || letter.Text != newer.Text || !bytes.Equal(letter.Raw, raw) {
		t.Error("the letter is not what was sent")
	}
	if diff := cmp.Diff(newer.Images, letter.Images); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(newer.Attachments, letter.Attachments); diff != "" {
		t.Error(diff)
	}
}

func TestSendingAgainIntoTheOutboxChangesNothing(t *testing.T) {
	o := mail.Outbox{Dir: t.TempDir()}
	for range 2 {
		if _, err := o.Send(t.Context(), mailtest.Message()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(o.Dir, "*", "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files, err)
	}
}

func TestMissingOutboxIsEmpty(t *testing.T) {
	o := mail.Outbox{Dir: filepath.Join(t.TempDir(), "none")}
	if entries, err := o.List(); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := o.Open("2026-11-20/a@example.com.eml"); !fault.Is(err, fault.NotFound) {
		t.Errorf("error %v", err)
	}
}

func TestOutboxOpensNothingOutsideItself(t *testing.T) {
	base := t.TempDir()
	o := mail.Outbox{Dir: filepath.Join(base, "outbox")}
	if _, err := o.Send(t.Context(), mailtest.Message()); err != nil {
		t.Fatal(err)
	}
	raw, _ := mailtest.Message().MIME()
	secret := filepath.Join(base, "secret@example.com.eml")
	if err := os.WriteFile(secret, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(o.Dir, "2026-11-20", "link@example.com.eml")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", ".", "..", "/", "../secret@example.com.eml", "2026-11-20/../../secret@example.com.eml", "2026-11-20", "2026-11-20/",
		secret, "2026-11-20/..", "2026-11-20/\x00.eml", `2026-11-20\x@example.com.eml`, "2026-11-20/a/b@example.com.eml", "2026-11-20/.tmp-1",
	} {
		if _, err := o.Open(name); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: error %v, want not found", name, err)
		}
	}
	if _, err := o.Open("2026-11-20/link@example.com.eml"); err == nil {
		t.Error("a link out of the outbox was followed")
	}
	entries, err := o.List()
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if linked := strings.Contains(e.Name, "link@"); linked != (e.Problem != "") {
			t.Errorf("entry %+v", e)
		}
	}
}

func TestDamagedMailIsListedWithItsProblem(t *testing.T) {
	o := mail.Outbox{Dir: t.TempDir()}
	if _, err := o.Send(t.Context(), mailtest.Message()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "2026-11-20", "torn@example.com.eml"), []byte("no header here"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := o.List()
	if err != nil || len(entries) != 2 || entries[1].Problem == "" || entries[0].Problem != "" {
		t.Errorf("%+v, %v", entries, err)
	}
	if _, err := o.Open("2026-11-20/torn@example.com.eml"); !fault.Is(err, fault.Damaged) {
		t.Errorf("error %v", err)
	}
}

func TestOutboxThatCannotBeWrittenMayBeTriedAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := mail.Outbox{Dir: file}.Send(t.Context(), mailtest.Message())
	if e := mail.Outcome(err); e == nil || e.Kind != mail.Unavailable || !e.Retryable || e.MayHaveLeft {
		t.Errorf("outcome %+v", e)
	}
}
