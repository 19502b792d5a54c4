package templates

import (
	"strings"

	"github.com/a-h/templ"
)

// cellAttributes are the class, language and sorting value of the i-th cell of a row.
func cellAttributes(columns []Column, i int, c TableCell) templ.OrderedAttributes {
	var classes []string
	add := func(name string, on bool) {
		if on {
			classes = append(classes, name)
		}
	}
	if i < len(columns) {
		add("num", columns[i].Number)
		add("opt", columns[i].Optional)
	}
	add("quiet", c.Quiet)
	add("rank", c.Rank)
	add("nowrap", c.Whole)
	var list templ.OrderedAttributes
	for _, kv := range [][2]string{{"class", strings.Join(classes, " ")}, {"data-v", c.Sort}, {"lang", c.Lang}} {
		if kv[1] != "" {
			list = append(list, templ.KeyValue[string, any]{Key: kv[0], Value: kv[1]})
		}
	}
	return list
}

// withoutDownloads is for a place that shows them itself.
func (t Table) withoutDownloads() Table {
	t.Downloads = nil
	return t
}
