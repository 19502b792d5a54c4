package warehousetest

import (
	"context"
	"errors"
	"testing"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/warehouse"
)

func export(t *testing.T, w warehouse.Warehouse) {
	ctx := context.Background()
	mustLoad(t, w, load("a", "SELECT 2 AS n, 12345678901234567890.1234567890::DECIMAL(38,10) AS money, [0.1::DECIMAL(4,2)] AS list UNION ALL SELECT 1, NULL, []", day))
	mustLoad(t, w, load("a", "SELECT 3 AS n, 0.5::DECIMAL(38,10) AS money, NULL::DECIMAL(4,2)[] AS list", day.Add(1)))
	for d, want := range map[calendar.Day][][]any{
		day: {{int64(1), nil, []any{}, day}, {int64(2), "12345678901234567890.1234567890", []any{"0.10"}, day}},
		{}:  {{int64(1), nil, []any{}, day}, {int64(2), "12345678901234567890.1234567890", []any{"0.10"}, day}, {int64(3), "0.5000000000", nil, day.Add(1)}},
	} {
		err := w.Export(ctx, "a", d, func(e warehouse.Export) error {
			var got [][]any
			for row, err := range e.Rows {
				if err != nil {
					return err
				}
				got = append(got, row)
			}
			same(t, e.Columns[1], warehouse.Column{Name: "money", Type: "DECIMAL(38,10)"})
			same(t, e.Count, int64(len(want)))
			same(t, got, want)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	stop := errors.New("stop")
	if err := w.Export(ctx, "a", day, func(warehouse.Export) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("what use returns is lost: %v", err)
	}
	mustFail(t, w.Export(ctx, "nothing", day, func(warehouse.Export) error { return nil }), fault.NotFound)
}
