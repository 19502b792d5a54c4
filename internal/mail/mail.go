// Package mail turns a message into MIME, judges it, and hands it to a sender: Amazon SES, a mail server, or the outbox directory.
package mail

import (
	"fmt"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"daybook/internal/fault"
)

// Address is a mailbox; Name may be empty, Address is ASCII ("ada@example.com").
type Address struct{ Name, Address string }

// Image is a picture that the HTML shows as <img src="cid:CID">.
type Image struct {
	CID   string // unique in the message: letters, digits, . _ - and @
	Name  string // file name
	Type  string // image/png, image/jpeg or image/gif
	Bytes []byte
}

// Attachment is a file that hangs on the message.
type Attachment struct {
	Name  string // file name, any script, at most 200 bytes
	Type  string // media type, such as "text/csv; charset=utf-8"
	Bytes []byte
}

// Message is one mail to one person. Required are From, To, Subject, Text, MessageID and Date.
type Message struct {
	From, To    Address
	ReplyTo     Address // the zero value leaves the header out
	Subject     string
	HTML        string // may be empty: the message is then plain text only
	Text        string
	Images      []Image
	Attachments []Attachment
	ListID      string            // stable name of the list, such as "daily.daybook.example.com"; may be empty
	Unsubscribe string            // http(s) URL; https also makes it one-click (RFC 8058); may be empty
	MessageID   string            // unique, "id@domain" without angle brackets; also names the .eml file
	Date        time.Time         // written in its own zone
	Headers     map[string]string // more headers; none of those that a Message writes itself
	Tags        map[string]string // for the sender, not part of the mail: SES repeats them in its events

	encoded *encoded // nil until Encoded
}

var (
	messageIDShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+=~-]{0,120}@[A-Za-z0-9][A-Za-z0-9.-]{0,80}$`)
	cidShape       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,120}$`)
	listIDShape    = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$`)
	headerShape    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,60}$`)
	mediaTypeShape = regexp.MustCompile(`^[a-z]+/[a-zA-Z0-9.+-]+(; [a-z]+=[A-Za-z0-9._-]+)*$`)
	imageTypeShape = regexp.MustCompile(`^image/(png|jpeg|gif)$`)
)

// maxFileName keeps the percent-encoded name under the 998 bytes that a header line may have.
const maxFileName = 200

// check refuses what would not make a well-formed mail, above all a line break in anything that becomes a header.
func (m Message) check() error {
	if err := m.checkHeaders(); err != nil {
		return err
	}
	cids := map[string]bool{}
	for _, i := range m.Images {
		switch {
		case !cidShape.MatchString(i.CID):
			return refuse("image content id", i.CID, "use letters, digits, . _ - and @")
		case cids[i.CID]:
			return refuse("image content id", i.CID, "give every image its own")
		case !imageTypeShape.MatchString(i.Type):
			return refuse("image type", i.Type, "mail shows image/png, image/jpeg and image/gif")
		}
		cids[i.CID] = true
		if err := checkFileName(i.Name); err != nil {
			return err
		}
	}
	for _, a := range m.Attachments {
		if !mediaTypeShape.MatchString(a.Type) {
			return refuse("attachment type", a.Type, `write a media type such as "text/csv; charset=utf-8"`)
		}
		if err := checkFileName(a.Name); err != nil {
			return err
		}
	}
	if len(m.Images) > 0 && m.HTML == "" {
		return fault.New(fault.Invalid, "the mail has images but no HTML that shows them", "attach the pictures instead")
	}
	return nil
}

func (m Message) checkHeaders() error {
	for _, a := range []struct {
		field   string
		address Address
	}{{"From", m.From}, {"To", m.To}, {"Reply-To", m.ReplyTo}} {
		if a.field == "Reply-To" && a.address == (Address{}) {
			continue
		}
		if err := checkAddress(a.field, a.address); err != nil {
			return err
		}
	}
	switch {
	case m.Subject == "" || !oneLine(m.Subject):
		return refuse("subject", m.Subject, "write one line of text")
	case m.Text == "":
		return fault.New(fault.Invalid, "the mail has no text part", "give it the same facts as the HTML")
	case !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML):
		return fault.New(fault.Invalid, "the mail's text is not valid UTF-8", "decode it before it is put into a mail")
	case !messageIDShape.MatchString(m.MessageID):
		return refuse("Message-ID", m.MessageID, `write "id@domain" of ASCII letters, digits and . _ + = ~ -`)
	case m.Date.IsZero():
		return fault.New(fault.Invalid, "the mail has no date", "give the time at which it is sent")
	case m.ListID != "" && (!listIDShape.MatchString(m.ListID) || len(m.ListID) > 250):
		return refuse("List-Id", m.ListID, `write a name with dots such as "daily.daybook.example.com"`)
	case m.Unsubscribe != "" && !webURL(m.Unsubscribe):
		return refuse("List-Unsubscribe", m.Unsubscribe, "write an absolute http or https URL")
	}
	for name, value := range m.Headers {
		if !headerShape.MatchString(name) || ownHeader(name) {
			return refuse("header name", name, "use a header that the mail does not write itself")
		}
		if !oneLine(value) || len(value) > 2000 {
			return refuse("header "+name, value, "write one line of text")
		}
	}
	return nil
}

func checkAddress(field string, a Address) error {
	parsed, err := netmail.ParseAddress("<" + a.Address + ">")
	if err != nil || parsed.Address != a.Address || len(a.Address) > 320 || !isASCII(a.Address) || strings.ContainsAny(a.Address, "\"()<> \t\r\n") {
		return refuse(field+" address", a.Address, "write an address such as ada@example.com; a domain in another script needs its xn-- form")
	}
	if !oneLine(a.Name) || len(a.Name) > 500 {
		return refuse(field+" name", a.Name, "write one line of text")
	}
	return nil
}

func checkFileName(name string) error {
	if name == "" || len(name) > maxFileName || !oneLine(name) || strings.ContainsAny(name, `/\`) {
		return refuse("file name", name, fmt.Sprintf("use at most %d bytes, no slashes and no line breaks", maxFileName))
	}
	return nil
}

func refuse(what, value, hint string) error {
	if r := []rune(value); len(r) > 80 {
		value = string(r[:80]) + "…"
	}
	return fault.New(fault.Invalid, fmt.Sprintf("the mail's %s %q cannot be sent", what, value), hint)
}

// oneLine is valid UTF-8 without line breaks or any other control character.
func oneLine(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}) < 0
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" &&
		len(s) <= 900 && isASCII(s) && !strings.ContainsAny(s, "<> \t\r\n")
}

func ownHeader(name string) bool {
	switch strings.ToLower(name) {
	case "date", "from", "sender", "to", "cc", "bcc", "reply-to", "return-path", "subject", "message-id", "mime-version",
		"auto-submitted", "x-auto-response-suppress", "list-id", "list-unsubscribe", "list-unsubscribe-post":
		return true
	}
	return strings.HasPrefix(strings.ToLower(name), "content-")
}
