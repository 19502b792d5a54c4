package static

import (
	"regexp"
	"strings"
)

// declaration is one custom property; the tokens hold no braces or semicolons inside their values.
var declaration = regexp.MustCompile(`(--[a-z0-9-]+)\s*:\s*([^;{}]+)`)

// LightTokens are the custom properties of the light theme, such as "--accent" → "#2156a2", from the first :root block of
// tokens.css. Stills and mails are drawn in them.
func (f *Files) LightTokens() map[string]string {
	return lightTokens(string(f.Bytes("tokens.css")))
}

func lightTokens(sheet string) map[string]string {
	tokens := map[string]string{}
	_, block, found := strings.Cut(comment.ReplaceAllString(sheet, ""), ":root")
	if !found {
		return tokens
	}
	_, block, _ = strings.Cut(block, "{")
	block, _, _ = strings.Cut(block, "}")
	for _, m := range declaration.FindAllStringSubmatch(block, -1) {
		tokens[m[1]] = strings.TrimSpace(m[2])
	}
	return tokens
}

var comment = regexp.MustCompile(`(?s)/\*.*?\*/`)
