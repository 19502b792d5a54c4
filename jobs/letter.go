package jobs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/mail"
	"daybook/internal/report"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/templates"
)

// letters are an edition's mails, each rendered once, without recipient, id and date.
type letters map[letterKey]mail.Message

type letterKey struct {
	locale  text.Locale
	variant string
}

// object is the name under which the lake holds a letter.
func (k letterKey) object() string { return "mail." + string(k.locale) + "." + k.variant + ".json" }

// printed is a letter in the lake; its files are objects of their own.
type printed struct {
	Subject, HTML, Text, ListID string
	Images                      []printedFile
	Attachments                 []printedFile
}

type printedFile struct{ CID, Name, Type, Object string }

// needed lists the letters that an edition needs.
func needed(e store.Edition) []letterKey {
	var list []letterKey
	for _, l := range e.Locales {
		for _, variant := range []string{store.VariantDaily, store.VariantWeekly} {
			list = append(list, letterKey{text.ParseLocale(l), variant})
		}
	}
	return list
}

// print renders the letters of an edition and keeps them with it; from then on they are what everybody gets, today and when the
// mail is sent again.
func (m *Mailer) print(ctx context.Context, f report.Figures, e store.Edition) (letters, error) {
	key := printKey(e)
	manifest, err := m.Runner.Lake.Manifest(ctx, key)
	if err == nil {
		return m.reprint(ctx, manifest)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	out := letters{}
	drawn := map[text.Locale][]mail.Image{}
	for _, k := range needed(e) {
		message, err := m.render(ctx, f, e, k, drawn)
		if err != nil {
			return nil, err
		}
		out[k] = message
	}
	if err := m.commit(ctx, key, out, f, e); err != nil {
		return nil, err
	}
	m.Runner.failpoint("printed")
	return out, nil
}

func printKey(e store.Edition) lake.Key {
	return lake.Key{Layer: lake.Prints, Node: e.Report, Day: e.Day, Number: e.Number}
}

// commit keeps letters and their files, a picture of several letters once.
func (m *Mailer) commit(ctx context.Context, key lake.Key, all letters, f report.Figures, e store.Edition) error {
	batch, err := m.Runner.Lake.Begin(ctx, key)
	if err != nil {
		return err
	}
	defer batch.Abort()
	put := func(name string, body []byte) error {
		_, err := batch.Put(ctx, lake.Part{Name: name, Origin: "edition " + e.ID}, bytes.NewReader(body))
		return err
	}
	kept := map[string]bool{}
	file := func(name string, body []byte) error {
		if kept[name] {
			return nil
		}
		kept[name] = true
		return put(name, body)
	}
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b letterKey) int { return strings.Compare(a.object(), b.object()) }) {
		message := all[k]
		p := printed{Subject: message.Subject, HTML: message.HTML, Text: message.Text, ListID: message.ListID}
		for _, i := range message.Images {
			f := printedFile{CID: i.CID, Name: i.Name, Type: i.Type, Object: "still." + string(k.locale) + "." + i.Name}
			p.Images = append(p.Images, f)
			if err := file(f.Object, i.Bytes); err != nil {
				return err
			}
		}
		for n, a := range message.Attachments {
			f := printedFile{Name: a.Name, Type: a.Type, Object: fmt.Sprintf("file.%s.%d", k.locale, n+1)}
			p.Attachments = append(p.Attachments, f)
			if err := file(f.Object, a.Bytes); err != nil {
				return err
			}
		}
		body, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("keep the letter of %s: %w", key, err)
		}
		if err := put(k.object(), body); err != nil {
			return err
		}
	}
	for _, l := range e.Locales {
		page, err := m.page(ctx, f, e, text.ParseLocale(l))
		if err != nil {
			return err
		}
		if err := put("page."+l+".html.gz", page); err != nil {
			return err
		}
	}
	_, err = batch.Commit(ctx, lake.Meta{Run: e.Run, Created: m.Runner.Now()})
	return err
}

// page is the edition's page as a compressed file that stands alone.
func (m *Mailer) page(ctx context.Context, f report.Figures, e store.Edition, l text.Locale) ([]byte, error) {
	html, err := m.Runner.Standalone(ctx, f, e, l, m.Page.CSS, m.Page.JS)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(html); err != nil {
		return nil, fmt.Errorf("compress the page of %s %s: %w", f.Report, f.Day, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress the page of %s %s: %w", f.Report, f.Day, err)
	}
	return b.Bytes(), nil
}

// reprint reads letters back as they were kept.
func (m *Mailer) reprint(ctx context.Context, manifest lake.Manifest) (letters, error) {
	bodies := map[string][]byte{}
	for _, o := range manifest.Objects {
		if strings.HasPrefix(o.Name, "page.") {
			continue
		}
		body, err := m.Runner.readObject(ctx, manifest.Key(), o.Name)
		if err != nil {
			return nil, err
		}
		bodies[o.Name] = body
	}
	out := letters{}
	for name, body := range bodies {
		parts := strings.Split(name, ".")
		if parts[0] != "mail" || len(parts) != 4 {
			continue
		}
		var p printed
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fault.Wrap(fault.Damaged, err, fmt.Sprintf("the letter %s of %s cannot be read", name, manifest.Key()), "")
		}
		message := mail.Message{From: m.From, ReplyTo: m.Reply, Subject: p.Subject, HTML: p.HTML, Text: p.Text, ListID: p.ListID}
		for _, f := range p.Images {
			message.Images = append(message.Images, mail.Image{CID: f.CID, Name: f.Name, Type: f.Type, Bytes: bodies[f.Object]})
		}
		for _, f := range p.Attachments {
			message.Attachments = append(message.Attachments, mail.Attachment{Name: f.Name, Type: f.Type, Bytes: bodies[f.Object]})
		}
		out[letterKey{text.ParseLocale(parts[1]), parts[2]}] = message
	}
	return out, nil
}

// Printed is a letter as it was mailed, or as it would be mailed now.
func (m *Mailer) Printed(ctx context.Context, e store.Edition, l text.Locale, variant string) (mail.Message, error) {
	manifest, err := m.Runner.Lake.Manifest(ctx, printKey(e))
	if err == nil {
		all, err := m.reprint(ctx, manifest)
		if err != nil {
			return mail.Message{}, err
		}
		if message, ok := all[letterKey{l, variant}]; ok {
			return m.anonymous(message), nil
		}
	} else if !fault.Is(err, fault.NotFound) {
		return mail.Message{}, err
	}
	f, _, err := m.Runner.Figures(ctx, e.Report, e.Day, e.Number)
	if err != nil {
		return mail.Message{}, err
	}
	message, err := m.render(ctx, f, e, letterKey{l, variant}, map[text.Locale][]mail.Image{})
	return m.anonymous(message), err
}

// anonymous takes the place of a person's link out of a letter that nobody in particular reads.
func (m *Mailer) anonymous(message mail.Message) mail.Message {
	r := strings.NewReplacer(m.unsubscribeURL(nobody), m.Base+"/unsubscribe")
	message.HTML, message.Text = r.Replace(message.HTML), r.Replace(message.Text)
	return message
}

// render makes one letter. Pictures are drawn once for each language.
func (m *Mailer) render(ctx context.Context, f report.Figures, e store.Edition, k letterKey, drawn map[text.Locale][]mail.Image) (mail.Message, error) {
	node, err := m.report(f.Report)
	if err != nil {
		return mail.Message{}, err
	}
	follows, err := m.follows(ctx, e)
	if err != nil {
		return mail.Message{}, err
	}
	view, drawings, err := m.view(ctx, f, e, k, follows)
	if err != nil {
		return mail.Message{}, err
	}
	if _, ok := drawn[k.locale]; !ok {
		if drawn[k.locale], err = m.drawAll(ctx, drawings); err != nil {
			return mail.Message{}, fmt.Errorf("pictures of %s: %w", f.Report, err)
		}
	}
	html, plain, err := templates.MailParts(ctx, view)
	if err != nil {
		return mail.Message{}, err
	}
	message := mail.Message{From: m.From, ReplyTo: m.Reply, Subject: subject(node, f, e, k, follows), HTML: html, Text: plain, Images: drawn[k.locale]}
	if strings.Contains(m.domain(), ".") {
		message.ListID = listName(f.Report) + "." + m.domain()
	}
	message.Attachments, err = m.attachments(ctx, node, f, e, k.locale)
	return message, err
}

func listName(report string) string { return strings.ReplaceAll(report, "_", "-") }

// subject is the report's own, led by a word where the letter is not the ordinary one.
func subject(node *Node, f report.Figures, e store.Edition, k letterKey, follows string) string {
	l := k.locale
	s := node.Report.Subject.In(string(l))
	if s == "" || e.Kind == store.EditionNotice {
		s = "{title} ({day})"
	}
	s = strings.NewReplacer("{title}", f.Title.In(string(l)), "{day}", f.Day.String(), "{headline}", report.Headline(f, l)).Replace(s)
	switch {
	case e.Kind == store.EditionNotice:
		return l.T("mail.subject.notice", s)
	case e.Kind == store.EditionPartial:
		return l.T("mail.subject.partial", s)
	case follows != "":
		return l.T("mail.subject."+follows, s)
	case k.variant == store.VariantWeekly:
		return l.T("mail.subject.weekly", s)
	}
	return s
}

// nobody stands where the token of a person goes; it is as long as one.
const nobody = "0000000000000000000000000000000000000000000"

func (m *Mailer) unsubscribeURL(token string) string { return m.Base + "/unsubscribe/" + token }

// addressed is a letter to one person.
func (m *Mailer) addressed(letter mail.Message, d store.Delivery, name, token string) mail.Message {
	letter.To = mail.Address{Name: name, Address: d.Address}
	letter.MessageID = d.ID + "@" + m.domain()
	letter.Date = m.Runner.Now().In(m.Runner.Project.Zone)
	letter.Tags = map[string]string{"edition": d.Edition, "delivery": d.ID}
	if token != "" {
		letter.Unsubscribe = m.unsubscribeURL(token)
		r := strings.NewReplacer(m.unsubscribeURL(nobody), letter.Unsubscribe)
		letter.HTML, letter.Text = r.Replace(letter.HTML), r.Replace(letter.Text)
	}
	return letter
}

// judge refuses letters that people could not read well.
func (m *Mailer) judge(all letters, f report.Figures) error {
	var list []string
	for k, letter := range all {
		letter.To, letter.MessageID, letter.Date = m.From, "lint@"+m.domain(), m.Runner.Now()
		letter.Unsubscribe = m.unsubscribeURL(nobody)
		for _, finding := range mail.Lint(letter) {
			list = append(list, fmt.Sprintf("%s (%s): %s", finding.Rule, k.locale, finding.Detail))
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	more := ""
	if len(list) > maxFindings {
		more = fmt.Sprintf(" and %d more", len(list)-maxFindings)
		list = list[:maxFindings]
	}
	return fault.New(fault.Refused, fmt.Sprintf("the mail of %s of %s is not fit to be read: %s%s", f.Report, f.Day, strings.Join(list, "; "), more),
		"mend the report's sections; daybook report "+f.Report+" --day "+f.Day.String()+" -o mail.eml shows the mail")
}

// maxFindings bounds what one error says.
const maxFindings = 5
