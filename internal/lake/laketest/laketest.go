// Package laketest states what every lake must do, as a test suite that each lake's test runs.
package laketest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/lake"
)

// Run runs the suite; open makes a new, empty lake.
func Run(t *testing.T, open func(t *testing.T) lake.Lake) {
	for _, c := range []struct {
		name string
		test func(*testing.T, lake.Lake)
	}{
		{"CommittedObjectsReadBack", readBack},
		{"NothingIsThereBeforeTheCommit", nothingBeforeCommit},
		{"CrashBeforeTheCommitLeavesTheOldState", crash},
		{"EarlierGenerationStaysReadable", twoGenerations},
		{"FullDiskLeavesTheOldState", fullDisk},
		{"FailedPartKeepsTheBatchFromCommitting", failedPart},
		{"CancelledPutIsNotCommitted", cancelledPut},
		{"DamagedObjectIsNamed", damagedObject},
		{"AdoptedFileMovesIntoTheLake", adopt},
		{"EmptyBatchIsADayWithoutObjects", emptyBatch},
		{"NamesThatLeadElsewhereAreRefused", badNames},
		{"KeysAreTheCommittedOnesInOrder", keys},
		{"RemovedKeyIsGone", remove},
		{"ObjectsArePutSideBySide", parallel},
		{"EndedBatchTakesNothing", ended},
		{"UnfinishedBatchIsTakenUp", takenUp},
		{"UnfinishedBatchOfAnotherPlanIsThrownAway", anotherPlan},
		{"OnlyABatchOfResumeIsLeftUnfinished", nothingSuspended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func searches() lake.Key {
	return lake.Key{Layer: lake.Raw, Node: "searches", Day: calendar.MustDay("2026-11-19")}
}

func meta() lake.Meta {
	return lake.Meta{Missing: []string{"hour 2"}, Run: "run-1", Created: time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC), Facts: map[string]string{"rows": "2"}}
}

func begin(t *testing.T, l lake.Lake, k lake.Key) lake.Batch {
	t.Helper()
	b, err := l.Begin(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, b lake.Batch, name, text string) {
	t.Helper()
	if _, err := b.Put(t.Context(), lake.Part{Name: name, Origin: "logs/" + name}, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}

// commit stores texts by name, given as name, text, name, text.
func commit(t *testing.T, l lake.Lake, k lake.Key, texts ...string) lake.Manifest {
	t.Helper()
	b := begin(t, l, k)
	defer b.Abort()
	for i := 0; i < len(texts); i += 2 {
		put(t, b, texts[i], texts[i+1])
	}
	m, err := b.Commit(t.Context(), meta())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, l lake.Lake, m lake.Manifest, name string) string {
	t.Helper()
	r, err := l.Open(t.Context(), m, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// holds fails unless the newest manifest of k is want, with every object as it was written.
func holds(t *testing.T, l lake.Lake, k lake.Key, want lake.Manifest) {
	t.Helper()
	got, err := l.Manifest(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, days()); d != "" {
		t.Errorf("manifest of %s (-want +got):\n%s", k, d)
	}
	if err := l.Verify(t.Context(), got); err != nil {
		t.Error(err)
	}
}

func days() cmp.Option { return cmp.Comparer(func(a, b calendar.Day) bool { return a == b }) }

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: %v, want a fault of code %s", what, err, code)
	}
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
