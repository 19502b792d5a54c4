package source_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestSecretsThatComeBackEscapedAreNotShown(t *testing.T) {
	t.Parallel()
	const key = "abcDEF/ghiJKL+mno&pqr=="
	for _, back := range []string{key, strings.ReplaceAll(key, "/", `\/`), strings.ReplaceAll(key, "&", `\u0026`), strings.ReplaceAll(key, "&", "&amp;"),
		strings.NewReplacer("/", "%2f", "+", "%2b", "&", "%26", "=", "%3d").Replace(key)} {
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"the key %s is bad"}`, back)
		})
		r.Secret = func(context.Context, string) (string, error) { return key, nil }
		if _, _, err := fetchHTTP(t, r); err == nil || !strings.Contains(err.Error(), "the key {secret:KEY} is bad") {
			t.Errorf("%s: %v", back, err)
		}
	}
}
