package mail

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// maxEncodedHTML is below the about 102 KB at which Gmail cuts a mail off; transfer encoding counts, attached images do not.
const maxEncodedHTML = 90_000

// Finding is one reason not to send a message.
type Finding struct {
	Rule   string // size, text, facts, image, alt, link, active, lang
	Detail string
}

// Lint judges whether people can read the mail: small enough not to be clipped, pictures attached and told in numbers, nothing that
// mail programs drop, and a text part with every number of the HTML. No findings means that it may go out.
func Lint(m Message) []Finding {
	l := linter{message: m, shown: map[string]bool{}}
	if strings.TrimSpace(m.Text) == "" {
		l.find("text", "the text part is empty")
	}
	if m.HTML == "" {
		return l.findings
	}
	if _, body := encodeBody(m.HTML); len(body) > maxEncodedHTML {
		l.find("size", "the HTML has %d bytes after encoding, at most %d are shown whole everywhere", len(body), maxEncodedHTML)
	}
	l.walk()
	for _, i := range m.Images {
		if !l.shown[i.CID] {
			l.find("image", "the attached image %s is not shown", i.CID)
		}
		if !imageBytes(i) {
			l.find("image", "the attached image %s is not of type %s", i.CID, i.Type)
		}
	}
	return l.findings
}

type linter struct {
	message  Message
	findings []Finding
	shown    map[string]bool // content ids in the HTML
	missing  map[string]bool // numbers already reported
}

func (l *linter) find(rule, format string, args ...any) {
	l.findings = append(l.findings, Finding{Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

// walk reads tokens rather than a tree: what a broken tree would hide is what mail programs may still show.
func (l *linter) walk() {
	said := numbers(l.message.Text)
	l.missing = map[string]bool{}
	lang, silent := false, "" // silent is the element whose text nobody sees
	z := html.NewTokenizer(strings.NewReader(l.message.HTML))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		switch t.Type {
		case html.StartTagToken, html.SelfClosingTagToken:
			if t.Data == "html" {
				lang = attribute(t, "lang") != ""
			}
			if t.Data == "style" || t.Data == "title" {
				silent = t.Data
			}
			l.element(t)
		case html.EndTagToken:
			if t.Data == silent {
				silent = ""
			}
		case html.TextToken:
			if silent == "" {
				l.facts(t.Data, said)
			}
		}
	}
	if !lang {
		l.find("lang", "the <html> element has no lang attribute")
	}
}

func (l *linter) element(t html.Token) {
	switch t.Data {
	case "script", "svg", "iframe", "object", "embed", "form", "link", "base", "video", "audio":
		l.find("active", "<%s> has no place in a mail", t.Data)
	case "img":
		l.image(t)
	case "a":
		if href := attribute(t, "href"); !webURL(href) && !strings.HasPrefix(href, "mailto:") {
			l.find("link", "the link %q is not an absolute http(s) URL", href)
		}
	}
	for _, a := range t.Attr {
		value := strings.ToLower(strings.TrimSpace(a.Val))
		switch {
		case strings.HasPrefix(a.Key, "on"):
			l.find("active", "<%s> has the attribute %s", t.Data, a.Key)
		case a.Key == "style" && strings.Contains(value, "url("),
			holdsURL(a.Key) && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "data:")):
			l.find("active", "<%s %s> has a value that mail programs drop", t.Data, a.Key)
		}
	}
}

func holdsURL(attribute string) bool {
	switch attribute {
	case "href", "src", "srcset", "background", "action", "poster":
		return true
	}
	return false
}

func (l *linter) image(t html.Token) {
	src := attribute(t, "src")
	if alt := attribute(t, "alt"); !strings.ContainsAny(alt, "0123456789") {
		l.find("alt", "the image %s has the alternative text %q, which tells no number", src, alt)
	}
	cid, ok := strings.CutPrefix(src, "cid:")
	if !ok {
		l.find("image", "the image %q is not one of the mail's own", src)
		return
	}
	l.shown[cid] = true
	for _, i := range l.message.Images {
		if i.CID == cid {
			return
		}
	}
	l.find("image", "the image %s is shown but not attached", cid)
}

func (l *linter) facts(text string, said map[string]bool) {
	for n := range numbers(text) {
		if !said[n] && !l.missing[n] {
			l.missing[n] = true
			l.find("facts", "the number %s is in the HTML but not in the text part", n)
		}
	}
}

var numberShape = regexp.MustCompile(`[0-9]+(?:[.,:][0-9]+)*`)

// numbers are the figures that s shows, as they are written.
func numbers(s string) map[string]bool {
	found := map[string]bool{}
	for _, n := range numberShape.FindAllString(s, -1) {
		found[n] = true
	}
	return found
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// imageBytes compares the first bytes with the type that the image claims.
func imageBytes(i Image) bool {
	magic := map[string]string{"image/png": "\x89PNG\r\n\x1a\n", "image/jpeg": "\xff\xd8\xff", "image/gif": "GIF8"}[i.Type]
	return magic != "" && bytes.HasPrefix(i.Bytes, []byte(magic))
}
