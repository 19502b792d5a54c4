package publish

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestLeftoversAreOfPublishesThatDiedADayAgoOrAreNamedByAnOlderList(t *testing.T) {
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	key := func(letter, rest string) string { return "out/run=" + strings.Repeat(letter, 26) + "/" + rest }
	age := map[string]time.Duration{
		key("a", "part-00000.csv"):          0,              // of now
		key("b", "part-00000.csv"):          48 * time.Hour, // of the edition before
		key("c", "part-00000.csv"):          time.Minute,    // of the one before that
		key("d", "part-00000.ndjson.gz"):    25 * time.Hour, // dead
		key("e", "part-00000.ndjson.gz"):    23 * time.Hour, // of another server, perhaps
		key("f", "part-00000.parquet"):      48 * time.Hour,
		key("g", "notes/part-00000.csv"):    48 * time.Hour,
		"out/run=2024-01-01/part-00000.csv": 9000 * time.Hour,
		"elsewhere/part-00000.csv":          time.Minute, // named by a list, and not ours
	}
	var found []types.Object
	for k, a := range age {
		at := now.Add(-a)
		found = append(found, types.Object{Key: &k, LastModified: &at})
	}
	got := leftover("out/run=", found, []string{key("c", "part-00000.csv"), "elsewhere/part-00000.csv"},
		Manifest{Objects: []ManifestObject{{Key: key("a", "part-00000.csv")}}, Before: []string{key("b", "part-00000.csv")}})
	slices.Sort(got)
	if want := []string{key("c", "part-00000.csv"), key("d", "part-00000.ndjson.gz")}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
