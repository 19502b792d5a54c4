package source

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
)

func TestSecretsAreKnownHoweverTheyAreEscaped(t *testing.T) {
	t.Parallel()
	const secret = `ab/c+d==&<"'>% 키😀\n` + "\n"
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(b), `"`)
	}
	var ascii strings.Builder
	for _, r := range quoted(secret) {
		switch {
		case r == '키':
			ascii.WriteString(`\uD0A4`)
		case r == '😀':
			ascii.WriteString(`\ud83d\ude00`)
		default:
			ascii.WriteRune(r)
		}
	}
	lower := strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d", "%3C", "%3c", "%0A", "%0a").Replace(url.QueryEscape(secret))
	for name, text := range map[string]string{
		"plain": secret, "in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret), "with small digits": lower,
		"as JSON": quoted(secret), "as JSON of PHP": strings.ReplaceAll(quoted(secret), "/", `\/`), "as JSON of ASCII": ascii.String(),
		"as HTML": html.EscapeString(secret), "as HTML of PHP": strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;").Replace(html.EscapeString(secret)),
		"as XML": strings.NewReplacer("&#34;", "&#x22;", "&#39;", "&apos;").Replace(html.EscapeString(secret)),
	} {
		if got := hideSecrets("x"+text+"y "+text, []hidden{{secret, "…"}}, true); got != "x…y …" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, text := range []string{"", "%", "%2", `\`, `\u00`, `\ud83d`, `\ud83d\u`, `\ud83dxx`, "&", "&amp", "ab/c", "a%62/c"} {
		if got := hideSecrets(text, []hidden{{secret, "…"}}, true); got != text {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSecretThatIsPartOfAnotherLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	secrets := []hidden{{"abc", "<A>"}, {"abcdef", "<B>"}, {"B", "<C>"}, {"", "<D>"}}
	if got := hideSecrets("abcdef abc B", secrets, false); got != "<B> <A> <C>" {
		t.Error(got)
	}
	if got := maskSecrets("abcdef abc", []string{"abc", "abcdef"}); got != "*** ***" {
		t.Error(got)
	}
	if secrets[0].value != "abc" {
		t.Error("the caller's list was sorted")
	}
}

func FuzzEscapedSecretsAreHidden(f *testing.F) {
	f.Add("a&b", "s+cret")
	f.Add(`%25\\u0026`, "%25")
	f.Fuzz(func(t *testing.T, around, secret string) {
		if secret == "" {
			t.Skip()
		}
		for _, text := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret)} {
			if got := hideSecrets(text, []hidden{{secret, ""}}, true); got != "" {
				t.Errorf("%q of %q: %q is left", text, secret, got)
			}
		}
		if got := hideSecrets(around, []hidden{{secret, "…"}}, true); got == around && strings.Contains(around, secret) {
			t.Errorf("%q has %q", around, secret)
		}
	})
}
