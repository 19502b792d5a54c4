package mail_test

import (
	"bytes"
	"strings"
	"testing"

	"daybook/internal/mail"
	"daybook/internal/mail/mailtest"
)

func TestAnEncodedMessageGivesTheSameBytes(t *testing.T) {
	blank := strings.Repeat("0", 43)
	var b strings.Builder
	for i := range 200 { // so that a line breaks at every place of the blank
		b.WriteString(strings.Repeat("x", i%80) + `<a href="https://example.com/` + blank + `">` + "열\n")
	}
	for name, html := range map[string]string{"quoted-printable": b.String(), "base64": strings.Repeat("열람실 "+blank+"\n", 5), "no blank": "<p>a</p>"} {
		message := mailtest.Message()
		message.HTML = html
		encoded := message.Encoded(blank)
		for _, value := range []string{
			blank, strings.Repeat("aZ9-_~.", 7)[:43], "short", strings.Repeat("=", 43), strings.Repeat(" ", 43), strings.Repeat("열", 14) + "a", strings.Repeat("\n", 43), "",
		} {
			for _, more := range []string{"", "<p>more</p>"} {
				plain, known := message, encoded
				plain.HTML = strings.ReplaceAll(html, blank, value) + more
				known.HTML = plain.HTML
				want, err := plain.MIME()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := known.MIME(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s with %q%s: %v, differs from what is encoded anew", name, value, more, err)
				}
			}
		}
	}
}

func TestAnEncodedMessageTakesOtherFilesAsTheyAre(t *testing.T) {
	message := mailtest.Message()
	known := message.Encoded("")
	image := known.Images[0]
	image.Bytes = image.Bytes[:len(image.Bytes)-1] // begins where the encoded one does
	message.Images, known.Images = []mail.Image{image}, []mail.Image{image}
	message.HTML, known.HTML = "<img src=cid:"+image.CID+">", "<img src=cid:"+image.CID+">"
	want, err := message.MIME()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := known.MIME(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, differs from what is encoded anew", err)
	}
}
