package mail

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"daybook/internal/fault"
)

// maxEncodedHTML is below the about 102 KB at which Gmail cuts a mail off; transfer encoding counts, attached images do not.
const maxEncodedHTML = 90_000

// Finding is one reason not to send a message. Detail says what is wrong and what to do.
//
//	header     Message-ID, Date, addresses, subject; a list that nobody can leave
//	size       larger than what is shown whole everywhere
//	text       no text part
//	facts      a number of the HTML that the text part lacks
//	lang       no language
//	heading    not exactly one <h1>
//	preheader  the line that an inbox shows beside the subject
//	table      a table that is neither layout nor has headings
//	image      not attached, not shown, of another type, without size
//	alt        an image whose alternative text tells no number
//	link       not absolute
//	active     scripts, forms, SVG, data URIs, fonts and anything else that is fetched or dropped
//	layout     styles that mail programs do not draw
//	style      a style block that cannot be judged
//	contrast   text that is hard to read, in light, in the dark, or in Outlook's dark
//	width      wider than 600 px
type Finding struct {
	Rule   string
	Detail string
}

// Lint judges whether people can read the mail: whole, everywhere, in light and dark, with pictures blocked, and by ear. No findings
// means that it may go out. A message without a recipient is a rendering for many: what only one person's mail has (Message-ID, Date,
// List-Unsubscribe) is judged when To is set.
func Lint(m Message) []Finding {
	l := linter{message: m, shown: map[string]bool{}, missing: map[string]bool{}, parsed: map[string][]declaration{}, said: map[string]bool{}}
	if m.To != (Address{}) {
		l.headers()
	}
	if strings.TrimSpace(m.Text) == "" {
		l.find("text", "the text part is empty: write the facts of the HTML into it")
	}
	if m.HTML == "" {
		return l.findings
	}
	if _, body := encodeBody(m.HTML); len(body) > maxEncodedHTML {
		l.find("size", "the HTML has %d bytes after encoding, at most %d are shown whole everywhere: show fewer rows and link the page", len(body), maxEncodedHTML)
	}
	l.walk()
	l.page()
	for _, i := range m.Images {
		if !l.shown[i.CID] {
			l.find("image", "the attached image %s is not shown: leave it out", i.CID)
		}
		if !imageBytes(i) {
			l.find("image", "the attached image %s is not of type %s: give the type of its bytes", i.CID, i.Type)
		}
	}
	return l.findings
}

type linter struct {
	message  Message
	findings []Finding
	said     map[string]bool          // findings that are there already
	shown    map[string]bool          // content ids in the HTML
	missing  map[string]bool          // numbers already reported
	parsed   map[string][]declaration // style attributes: most are the same few
	sheet    []rule
}

// find adds a finding, once.
func (l *linter) find(rule, format string, args ...any) {
	f := Finding{Rule: rule, Detail: fmt.Sprintf(format, args...)}
	if key := f.Rule + f.Detail; !l.said[key] {
		l.said[key] = true
		l.findings = append(l.findings, f)
	}
}

func (l *linter) headers() {
	if err := l.message.checkHeaders(); err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			l.find("header", "%s: %s", f.Message, f.Hint)
		}
	}
	if l.message.ListID != "" && l.message.Unsubscribe == "" {
		l.find("header", "the list %s has no List-Unsubscribe: give every person's mail a URL at which they can leave", l.message.ListID)
	}
}

// walk reads tokens rather than a tree: what a broken tree would hide is what mail programs may still show.
func (l *linter) walk() {
	said := numbers(l.message.Text)
	lang, silent := false, "" // silent is the element whose text nobody sees
	z := html.NewTokenizer(strings.NewReader(l.message.HTML))
	for z.Next() != html.ErrorToken {
		t := z.Token()
		switch t.Type {
		case html.StartTagToken, html.SelfClosingTagToken:
			if t.Data == "html" {
				lang = attribute(t.Attr, "lang") != ""
			}
			if t.Data == "style" || t.Data == "title" {
				silent = t.Data
			}
			l.element(t)
			l.facts(attribute(t.Attr, "alt"), said)
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
		l.find("lang", "the <html> element has no lang attribute: screen readers need it to speak the right language")
	}
}

func (l *linter) element(t html.Token) {
	switch t.Data {
	case "script", "svg", "iframe", "object", "embed", "form", "input", "button", "select", "textarea", "link", "base", "video", "audio", "canvas", "math":
		l.find("active", "<%s> has no place in a mail: mail programs drop it", t.Data)
	case "meta":
		if strings.EqualFold(attribute(t.Attr, "http-equiv"), "refresh") {
			l.find("active", "<meta http-equiv=refresh> has no place in a mail: leave it out")
		}
	case "img":
		l.image(t)
	case "a":
		if href := attribute(t.Attr, "href"); !webURL(href) && !strings.HasPrefix(href, "mailto:") {
			l.find("link", "the link %q is not an absolute http(s) URL: a mail has no page that it could be relative to", href)
		}
	}
	for _, a := range t.Attr {
		value := strings.ToLower(strings.TrimSpace(a.Val))
		switch {
		case strings.HasPrefix(a.Key, "on"):
			l.find("active", "<%s> has the attribute %s: nothing runs in a mail", t.Data, a.Key)
		case a.Key == "background" || a.Key == "srcset",
			a.Key == "style" && strings.Contains(value, "url("),
			holdsURL(a.Key) && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "data:")):
			l.find("active", "<%s %s> has a value that mail programs drop: link pages by http(s), attach pictures and show them with <img>", t.Data, a.Key)
		}
	}
}

func holdsURL(attribute string) bool {
	switch attribute {
	case "href", "src", "action", "poster":
		return true
	}
	return false
}

func (l *linter) image(t html.Token) {
	src := attribute(t.Attr, "src")
	if alt := attribute(t.Attr, "alt"); !strings.ContainsAny(alt, "0123456789") {
		l.find("alt", "the image %s has the alternative text %q, which tells no number: say what the picture shows where pictures are blocked", src, alt)
	}
	for _, side := range []string{"width", "height"} {
		if n, err := strconv.Atoi(attribute(t.Attr, side)); err != nil || n < 1 {
			l.find("image", "the image %s has no attribute %s in pixels: Outlook shows it in its real size without one, and text jumps when it loads", src, side)
		}
	}
	cid, ok := strings.CutPrefix(src, "cid:")
	if !ok {
		l.find("image", "the image %q is not one of the mail's own: attach it, others are blocked and tell who reads", src)
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
	if !strings.ContainsAny(text, "0123456789") {
		return
	}
	for _, n := range numberShape.FindAllString(text, -1) {
		if !said[n] && !l.missing[n] {
			l.missing[n] = true
			l.find("facts", "the number %s is in the HTML but not in the text part: say it there, too", n)
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

func attribute(list []html.Attribute, name string) string {
	for _, a := range list {
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
