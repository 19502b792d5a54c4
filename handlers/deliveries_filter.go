package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"daybook/internal/store"
	"daybook/templates"
)

const ledgerRows = 50 // people on a page; the file has all

// What of an edition's people is shown.
const (
	showLook      = "look"
	showDelivered = "delivered"
)

// ledgerFilter says which people of an edition are shown.
type ledgerFilter struct {
	show, q, group string
	own            string // id of the only person who is shown; empty for everybody
	page           int    // from 1
}

func readLedgerFilter(c echo.Context) ledgerFilter {
	f := ledgerFilter{show: c.QueryParam("show"), q: strings.TrimSpace(c.QueryParam("q")), group: c.QueryParam("group"), page: 1}
	if f.show != showLook && f.show != showDelivered {
		f.show = ""
	}
	if n, err := strconv.Atoi(c.QueryParam("page")); err == nil && n > 1 && n < 1<<31/ledgerRows {
		f.page = n
	}
	if v := who(c); !v.admin() { // what became of other people's mail is not everybody's business
		f.own = v.person.ID
	}
	return f
}

// query is the filter as an address, of a page.
func (f ledgerFilter) query(page int) url.Values {
	q := url.Values{}
	for key, value := range map[string]string{"show": f.show, "q": f.q, "group": f.group} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return q
}

func (f ledgerFilter) href(path string, page int) string {
	if q := f.query(page).Encode(); q != "" {
		return path + "?" + q
	}
	return path
}

// of is the deliveries that the filter lets through, before paging.
func (f ledgerFilter) of(led ledgerOf) []store.Delivery {
	var list []store.Delivery
	for _, d := range led.deliveries {
		person := led.people[d.Person]
		switch {
		case f.own != "" && d.Person != f.own:
		case f.show == showLook && !deservesALook(d.State), f.show == showDelivered && d.State != store.DeliveryDelivered:
		case f.q != "" && !named(person.Name, d.Address, f.q):
		case f.group != "" && !slices.Contains(person.Groups, f.group):
		default:
			list = append(list, d)
		}
	}
	return list
}

// paged is the page's part of them.
func (f ledgerFilter) paged(list []store.Delivery) []store.Delivery {
	from := min((f.page-1)*ledgerRows, len(list))
	return list[from:min(from+ledgerRows, len(list))]
}

func (h *Handlers) ledgerFilterView(c echo.Context, led ledgerOf, f ledgerFilter, path string, p templates.Page) templates.LedgerFilter {
	look, delivered := 0, 0
	for _, d := range led.deliveries {
		if deservesALook(d.State) {
			look++
		}
		if d.State == store.DeliveryDelivered {
			delivered++
		}
	}
	out := templates.LedgerFilter{Action: path, Query: f.q, Show: f.show, Downloads: h.csvOf(c, p), Groups: []templates.Option{{Label: p.T("ledger.allgroups"), Selected: f.group == ""}}}
	for _, s := range []struct {
		show, key string
		n         int
	}{{"", "ledger.all", len(led.deliveries)}, {showLook, "ledger.look", look}, {showDelivered, "ledger.delivered", delivered}} {
		other := f
		other.show = s.show
		out.States = append(out.States, templates.RangeLink{Label: p.Locale.T(s.key, p.Locale.Count(int64(s.n))), Href: other.href(path, 1), Current: f.show == s.show})
	}
	for _, g := range led.report.To {
		out.Groups = append(out.Groups, templates.Option{Label: g, Value: g, Selected: f.group == g})
	}
	return out
}
