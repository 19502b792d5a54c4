package handlers

import (
	"context"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/lake"
	"daybook/internal/stage"
	"daybook/internal/store"
	"daybook/internal/text"
	"daybook/jobs"
	"daybook/templates"
)

const (
	hashShown  = 12 // hexadecimal digits of a schema's hash
	namesShown = 10 // columns that a change names of each sort
)

// staging is a day with what it came with.
type staging struct {
	build  store.Build
	schema stage.Schema
}

// schemas lists what a source's builds came with, the newest first; it is empty where they were staged before that was noted.
func (h *Handlers) schemas(ctx context.Context, n *jobs.Node, builds []store.Build) ([]staging, error) {
	list := make([]staging, len(builds))
	for i, b := range builds {
		list[i].build = b
		m, err := h.Lake.Manifest(ctx, lake.Key{Layer: lake.Stage, Node: n.Name, Day: b.Day})
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err == nil {
			list[i].schema, err = jobs.SchemaOf(m)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// schemaTable is the schema of each day, and what changed since the day before it; nil where no day has one.
func (h *Handlers) schemaTable(ctx context.Context, n *jobs.Node, builds []store.Build, p templates.Page) (*templates.Table, error) {
	list, err := h.schemas(ctx, n, builds)
	if err != nil {
		return nil, err
	}
	t := &templates.Table{ID: "schemas", Caption: p.T("data.schema"), Still: true, Columns: []templates.Column{
		{Label: p.T("column.day")}, {Label: p.T("column.schema")}, {Label: p.T("column.columns"), Number: true, Optional: true}, {Label: p.T("column.change"), Optional: true},
	}}
	none := true
	for i, s := range list {
		hash := templates.TableCell{Text: text.Dash, Quiet: true}
		change := templates.TableCell{}
		if s.schema.Hash != "" {
			none = false
			hash = templates.TableCell{Text: s.schema.Hash[:hashShown], Mono: true}
			if before := earlier(list[i+1:]); before.Hash != "" && before.Hash != s.schema.Hash {
				hash.Label = &templates.Label{Text: p.T("data.schema.changed"), Tone: "warn"}
				change.Text = changeWords(s.schema.Since(before), p.Locale)
				hash.Small = change.Text
			}
		}
		t.Rows = append(t.Rows, templates.Row{Cells: []templates.TableCell{
			{Text: s.build.Day.String(), Whole: true}, hash, {Text: p.Locale.Count(int64(len(s.schema.Columns)))}, change,
		}})
	}
	if none {
		return nil, nil
	}
	t.Downloads = []templates.Download{{Label: "CSV", Hint: p.T("page.csv.hint"), Href: nodePath(n.Name) + ".csv?table=schema"}}
	return t, nil
}

// earlier is the newest schema that there is among earlier days.
func earlier(list []staging) stage.Schema {
	for _, s := range list {
		if s.schema.Hash != "" {
			return s.schema
		}
	}
	return stage.Schema{}
}

func changeWords(c stage.SchemaChange, l text.Locale) string {
	var added, removed, retyped, words []string
	for _, x := range c.Added {
		added = append(added, x.Name+" "+x.Type)
	}
	for _, x := range c.Removed {
		removed = append(removed, x.Name)
	}
	for _, x := range c.Retyped {
		retyped = append(retyped, x.Name+" "+x.From+" → "+x.To)
	}
	for _, part := range []struct {
		key   string
		names []string
	}{{"data.schema.added", added}, {"data.schema.removed", removed}, {"data.schema.retyped", retyped}} {
		if len(part.names) == 0 {
			continue
		}
		shown := strings.Join(part.names[:min(len(part.names), namesShown)], ", ")
		if runes := []rune(shown); len(runes) > cellWidth {
			shown = string(runes[:cellWidth]) + "…"
		}
		if more := len(part.names) - namesShown; more > 0 {
			shown = l.T("data.schema.more", shown, more)
		}
		words = append(words, l.T(part.key, shown))
	}
	return strings.Join(words, "; ")
}

// schemaCSV is the schemas of a source's days as a file.
func (h *Handlers) schemaCSV(c echo.Context, n *jobs.Node) error {
	ctx := c.Request().Context()
	builds, err := h.Store.NodeBuilds(ctx, n.Name, historyDays)
	if err != nil {
		return err
	}
	var t *templates.Table
	if n.Source != nil && !n.Current {
		if t, err = h.schemaTable(ctx, n, builds, h.page(c, n.Name, "data")); err != nil {
			return err
		}
	}
	if t == nil {
		return fault.New(fault.NotFound, n.Name+" has no schemas to download", "")
	}
	return h.tableCSV(c, n.Name+"-schema", *t)
}
