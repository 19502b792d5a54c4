package source_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
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

func TestOtherHostsGetNoSecretByRedirectsOrLinks(t *testing.T) {
	t.Parallel()
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req.Header
		fmt.Fprint(w, `[{"id":2}]`)
	}))
	defer other.Close()
	leading := func(header, format, query string) source.Request {
		r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, fmt.Sprintf(format, other.URL+"/next"+query))
			if header == "Location" {
				w.WriteHeader(http.StatusTemporaryRedirect)
				return
			}
			fmt.Fprint(w, `[{"id":1}]`)
		})
		r.Source.HTTP.Pages = project.Pages{By: "link"}
		r.Source.HTTP.Hosts = []string{strings.TrimPrefix(other.URL, "http://")}
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			r.Source.HTTP.Headers[name] = "written as it is"
		}
		return r
	}
	for header, format := range map[string]string{"Location": "%s", "Link": `<%s>; rel="next"`} {
		got = nil
		if objects, _, err := fetchHTTP(t, leading(header, format, "")); err != nil || len(objects) == 0 {
			t.Errorf("%s: %q, %v", header, objects, err)
		}
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Key"} {
			if got.Get(name) != "" {
				t.Errorf("%s: another host got %s: %s", header, name, got.Get(name))
			}
		}
		if got.Get("Accept") == "" {
			t.Errorf("%s: another host was not asked as usual: %v", header, got)
		}
		got = nil
		objects, _, err := fetchHTTP(t, leading(header, format, "?k="+sourcetest.Secret))
		if !fault.Is(err, fault.Refused) || len(objects) > 0 || got != nil {
			t.Errorf("%s with a secret: %q, %v", header, objects, err)
		}
	}
}

func TestLinkThatAnUnfinishedFetchKeptLeadsNoSecretToAnotherHost(t *testing.T) {
	t.Parallel()
	r, _ := askingHTTP(t, func(w http.ResponseWriter, _ *http.Request) { t.Error("asked"); fmt.Fprint(w, "[]") })
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer other.Close()
	r.Source.HTTP.Pages = project.Pages{By: "link"}
	r.Kept = []source.Part{{Name: "page-000001.json", State: fmt.Sprintf(`{"page":1,"next":"%s/?k=\u0000KEY\u0000","seen":1}`, other.URL)}}
	if _, _, err := fetchHTTP(t, r); !fault.Is(err, fault.Refused) {
		t.Error(err)
	}
}
