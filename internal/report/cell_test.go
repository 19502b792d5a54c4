package report

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCellsSurviveJSON(t *testing.T) {
	seoul := time.FixedZone("", 9*3600)
	for _, v := range []any{
		nil, int64(0), int64(math.MaxInt64), int64(math.MinInt64), 0.1 + 0.2, 1e300, -1e19, 5e-324, 7.0, math.Copysign(0, -1), math.NaN(), math.Inf(1),
		"", "2023-05-22", `{"day":"x"}`, "한\x00글", true, monday, time.Date(2023, 5, 22, 13, 4, 5, 6000, seoul),
	} {
		c, err := cellOf(v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Cell
		if err := json.Unmarshal(b, &back); err != nil {
			t.Errorf("%v: %v", v, err)
		}
		if diff := cmp.Diff(c, back, sameFigures); diff != "" {
			t.Errorf("%v became %s:\n%s", v, b, diff)
		}
	}
}

func TestValuesOfUnknownTypesAreRefused(t *testing.T) {
	if _, err := cellOf([]byte("x")); err == nil {
		t.Error("bytes stand in a report")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"report":"daily","day":"2023-05-22","sections":[{"name":"a","kind":"table","table":{"rows":[[1,1.5,"x",{"day":"2023-05-22"}]],"count":1}}]}`))
	f.Add([]byte(`{"sections":[{"table":{"rows":[[{"time":"x"},{},[]]]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		figures, err := Parse(b)
		if err != nil {
			return
		}
		if _, err := Canonical(figures); err != nil {
			t.Errorf("figures that were read cannot be written: %v", err)
		}
	})
}
