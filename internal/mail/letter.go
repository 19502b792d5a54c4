package mail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"os"
	"strings"
)

// Letter is a message read back from its bytes.
type Letter struct {
	Entry
	HTML, Text  string // as sent, except that line ends are \n
	Images      []Image
	Attachments []Attachment
	Raw         []byte
}

// maxDepth is how deep parts may nest; ours nest three deep.
const maxDepth = 8

// ReadLetter reads the bytes of a mail: headers decoded, the first text and HTML parts, and the files.
func ReadLetter(raw []byte) (Letter, error) {
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Letter{}, fmt.Errorf("read the mail's headers: %w", err)
	}
	l := Letter{Entry: entryOf(m.Header), Raw: raw}
	l.Bytes = int64(len(raw))
	if err := l.read(textproto.MIMEHeader(m.Header), m.Body, 0); err != nil {
		return Letter{}, err
	}
	return l, nil
}

// readEntry reads a file's headers only, so that a list of large mails stays cheap.
func readEntry(root *os.Root, name string) (Entry, error) {
	e := Entry{Name: name}
	f, err := root.Open(name)
	if err != nil {
		return e, fmt.Errorf("open %s: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return e, fmt.Errorf("look at %s: %w", name, err)
	}
	m, err := netmail.ReadMessage(io.LimitReader(f, 64<<10))
	if err != nil {
		return e, fmt.Errorf("read the headers of %s: %w", name, err)
	}
	e = entryOf(m.Header)
	e.Name, e.Bytes = name, info.Size()
	return e, nil
}

func entryOf(h netmail.Header) Entry {
	decode := func(name string) string {
		value := h.Get(name)
		if s, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
			return s
		}
		return value
	}
	person := func(name string) string {
		list, err := h.AddressList(name)
		if err != nil || len(list) != 1 {
			return decode(name)
		}
		return strings.TrimSpace(list[0].Name + " <" + list[0].Address + ">")
	}
	date, _ := h.Date() // the zero time says that there is none
	return Entry{From: person("From"), To: person("To"), Subject: decode("Subject"), Date: date}
}

func (l *Letter) read(h textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > maxDepth {
		return errors.New("the mail's parts nest too deep")
	}
	contentType := h.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain"
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("read the content type %q: %w", contentType, err)
	}
	if strings.HasPrefix(mediaType, "multipart/") {
		return l.readParts(multipart.NewReader(body, params["boundary"]), depth)
	}
	b, err := decodeBody(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		return fmt.Errorf("decode a part of type %s: %w", mediaType, err)
	}
	disposition, dispositionParams, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch cid := strings.Trim(h.Get("Content-Id"), "<>"); {
	case cid != "":
		l.Images = append(l.Images, Image{CID: cid, Name: dispositionParams["filename"], Type: mediaType, Bytes: b})
	case disposition == "attachment":
		l.Attachments = append(l.Attachments, Attachment{Name: dispositionParams["filename"], Type: contentType, Bytes: b})
	case mediaType == "text/html" && l.HTML == "":
		l.HTML = text
	case mediaType == "text/plain" && l.Text == "":
		l.Text = text
	}
	return nil
}

func (l *Letter) readParts(parts *multipart.Reader, depth int) error {
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the mail's parts: %w", err)
		}
		if err := l.read(p.Header, p, depth+1); err != nil {
			return err
		}
	}
}

func decodeBody(encoding string, r io.Reader) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	return io.ReadAll(r)
}
