package handlers

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/mail"
	"daybook/templates"
)

// letterPath is the page of a mail; its name is DATE/ID.eml.
func letterPath(name string) string {
	date, id, _ := strings.Cut(name, "/")
	return "/outbox/" + url.PathEscape(date) + "/" + url.PathEscape(id)
}

func (h *Handlers) outbox(c echo.Context) error {
	entries, err := h.Outbox.List()
	if err != nil {
		return err
	}
	p := h.page(c, "", "outbox")
	p.Title = p.T("outbox.title")
	t := templates.Table{ID: "messages", Caption: p.T("outbox.messages"), Empty: p.T("outbox.empty"), Columns: []templates.Column{
		{Label: p.T("column.subject")}, {Label: p.T("column.person")}, {Label: p.T("column.written"), Number: true, Sorted: "descending"}, {Label: p.T("column.size"), Number: true, Optional: true},
	}}
	for _, e := range entries {
		subject := templates.TableCell{Head: true, Text: e.Subject, Href: letterPath(e.Name)}
		if e.Problem != "" {
			subject.Text, subject.Note = e.Name, e.Problem
		}
		if subject.Text == "" {
			subject.Text = e.Name
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{subject, {Text: e.To},
			{Text: h.clock(e.Date, p.Locale), Sort: strconv.FormatInt(e.Date.Unix(), 10)}, {Text: p.Locale.Bytes(e.Bytes), Sort: strconv.FormatInt(e.Bytes, 10)}}})
	}
	if asksCSV(c) {
		return h.tableCSV(c, "outbox", t)
	}
	if len(t.Rows) > 0 {
		t.Downloads = h.csvOf(c, p)
	}
	facts := templates.FactLine{Facts: []templates.Fact{{Strong: p.Locale.Count(int64(len(entries))), After: p.T("web.messages")}}}
	return h.show(c, http.StatusOK, templates.OutboxPage(templates.OutboxView{Page: p, Lede: p.T("outbox.lede"), Facts: facts, Messages: t}))
}

func (h *Handlers) read(c echo.Context) (mail.Letter, error) {
	return h.Outbox.Open(c.Param("date") + "/" + c.Param("name"))
}

func (h *Handlers) letter(c echo.Context) error {
	l, err := h.read(c)
	if err != nil {
		return err
	}
	p := h.page(c, l.Subject, "outbox")
	path := letterPath(l.Name)
	v := templates.MessageView{
		Page: p, Crumbs: []templates.Link{{Label: p.T("outbox.title"), Href: "/outbox"}, {Label: l.To}}, Subject: l.Subject, HTMLSource: path + "/html", Text: l.Text,
		Facts:     templates.FactLine{Facts: []templates.Fact{{Before: p.T("column.person"), Strong: l.To}, {Before: p.T("column.written"), Strong: h.clock(l.Date, p.Locale)}}},
		Headers:   []templates.Pair{{Name: "From", Value: l.From}, {Name: "To", Value: l.To}, {Name: "Subject", Value: l.Subject}, {Name: "Date", Value: l.Date.In(h.Project.Zone).Format("Mon, 02 Jan 2006 15:04:05 -0700")}},
		Downloads: []templates.Download{{Label: p.T("message.raw"), Href: path + "/raw"}},
	}
	for i, part := range files(l.Images, l.Attachments) {
		v.Attachments = append(v.Attachments, templates.Download{Label: part.Name, Hint: p.Locale.Bytes(int64(len(part.Bytes))), Href: path + "/parts/" + strconv.Itoa(i+1)})
	}
	return h.show(c, http.StatusOK, templates.MessagePage(v))
}

// files are the pictures, then the attachments.
func files(images []mail.Image, attachments []mail.Attachment) []mail.Attachment {
	var out []mail.Attachment
	for _, i := range images {
		out = append(out, mail.Attachment{Name: i.Name, Type: i.Type, Bytes: i.Bytes})
	}
	return append(out, attachments...)
}

// letterPolicy is for the mail's own page in its frame: its inline styles and pictures are seen, and nothing runs or is fetched.
const letterPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"

// letterHTML is the mail as its reader sees it, its pictures put where it shows them.
func (h *Handlers) letterHTML(c echo.Context) error {
	l, err := h.read(c)
	if err != nil {
		return err
	}
	return framed(c, l.HTML, l.Images)
}

// framed answers with the HTML of a mail for its frame.
func framed(c echo.Context, html string, images []mail.Image) error {
	for _, i := range images {
		html = strings.ReplaceAll(html, "cid:"+i.CID, "data:"+i.Type+";base64,"+base64.StdEncoding.EncodeToString(i.Bytes))
	}
	c.Response().Header().Set("Content-Security-Policy", letterPolicy)
	return c.HTML(http.StatusOK, html)
}

func (h *Handlers) letterRaw(c echo.Context) error {
	l, err := h.read(c)
	if err != nil {
		return err
	}
	attach(c, c.Param("name"))
	return c.Blob(http.StatusOK, "message/rfc822", l.Raw)
}

func (h *Handlers) letterPart(c echo.Context) error {
	l, err := h.read(c)
	if err != nil {
		return err
	}
	return filePart(c, files(l.Images, l.Attachments))
}

// filePart answers with the file of a mail that the address names by its place, from 1 on.
func filePart(c echo.Context, parts []mail.Attachment) error {
	n, err := strconv.Atoi(c.Param("part"))
	if err != nil || n < 1 || n > len(parts) {
		return fault.New(fault.NotFound, fmt.Sprintf("the mail has no part %q", c.Param("part")), "")
	}
	attach(c, parts[n-1].Name)
	return c.Blob(http.StatusOK, "application/octet-stream", parts[n-1].Bytes)
}
