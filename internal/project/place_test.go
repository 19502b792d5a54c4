package project

import "testing"

func TestAPlaceIsOneLineAsItIsWritten(t *testing.T) {
	for asks, want := range map[string]string{
		`path: "${DATA}/{day}.csv"`: "${DATA}/{day}.csv",
		"pages: {\"by\":\"page\"}\nquery: {\"a\":\"{day}\"}\nurl: \"${API}/list\"": "${API}/list",
		"created: \"at\"\ntable: \"shop.orders\"":                                  "shop.orders",
		"location: \"EU\"\nproject: \"p\"\nquery: \"SELECT a\\n  FROM t\"":         "SELECT a FROM t",
		"": "",
	} {
		if got := (Source{Asks: asks}).Place(); got != want {
			t.Errorf("the place of %q is %q, not %q", asks, got, want)
		}
	}
}
