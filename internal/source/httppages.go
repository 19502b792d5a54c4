package source

import (
	"fmt"
	"net/url"
	"strconv"

	"daybook/internal/fault"
)

// firstPage is what the first call asks for: nothing where a cursor or a link comes with an answer.
func (h *httpFetch) firstPage() string {
	switch h.s.Pages.By {
	case "page", "offset":
		return strconv.Itoa(h.s.Pages.First)
	}
	return ""
}

// follow says what an answer makes of its strand: how many records there are so far, and what comes next.
func (h *httpFetch) follow(s httpStrand, at string, last httpState, seen map[string]bool, a *httpAnswer) (httpState, error) {
	state := httpState{Strand: s.key, Page: last.Page + 1, At: at, Seen: last.Seen + a.records, Total: a.total, Sum: a.sum, Gone: h.gone}
	if state.Total == nil && a.records == 0 {
		state.Total = last.Total // an empty page behind the last one may leave it out
	}
	if last.Page > 0 && last.Total != nil && state.Total != nil && *last.Total != *state.Total {
		return state, fault.Wrap(fault.Unavailable, ErrChanged,
			fmt.Sprintf("the API said %d records on page %d and %d on page %d", *last.Total, last.Page, *state.Total, state.Page), "run the day again")
	}
	if a.records > 0 && a.sum == last.Sum {
		return state, fault.New(fault.Damaged, fmt.Sprintf("page %d is the same as page %d", state.Page, last.Page),
			"correct parameter: under pages:, the API does not seem to know "+h.s.Pages.Parameter)
	}
	next, err := h.next(at, state, a)
	if err != nil {
		return state, err
	}
	if next != "" && (next == at || seen[next]) {
		return state, fault.New(fault.Damaged, fmt.Sprintf("page %d leads back to an earlier page", state.Page), "the API's pages have no end; correct next: under pages:, or tell the owner of the API")
	}
	if state.Next = next; next == "" && state.Total != nil && *state.Total != state.Seen {
		return state, fault.Wrap(fault.Damaged, ErrChanged, fmt.Sprintf("the API says %d records and gave %d", *state.Total, state.Seen), h.totalHint())
	}
	return state, nil
}

func (h *httpFetch) totalHint() string {
	if h.s.Pages.By == "none" || h.s.Pages.By == "" {
		return "write pages: if the rest is on other pages, or correct total: and records:"
	}
	return "run the day again; if it stays so, correct total: and records:"
}

// next is what to ask for behind an answer, empty at the end.
func (h *httpFetch) next(at string, state httpState, a *httpAnswer) (string, error) {
	switch h.s.Pages.By {
	case "page", "offset":
		if a.records == 0 || state.Total != nil && state.Seen >= *state.Total {
			return "", nil
		}
		if a.single {
			return "", fault.New(fault.Damaged, "the answer is one object, so that nothing tells how many records a page has", "write records: with the dotted path to the array of records")
		}
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return "", fmt.Errorf("read the page's number %q: %w", at, err)
		}
		if h.s.Pages.By == "page" {
			return strconv.FormatInt(n+1, 10), nil
		}
		return strconv.FormatInt(n+a.records, 10), nil
	case "cursor":
		return h.hide(a.next), nil
	case "link":
		return h.nextLink(a)
	}
	return "", nil
}

// nextLink is the address that the Link header or the answer itself gives, whole and without secrets.
func (h *httpFetch) nextLink(a *httpAnswer) (string, error) {
	to := a.next
	if h.s.Pages.Next == "" {
		to = relNext(a.header)
	}
	if to == "" {
		return "", nil
	}
	u, err := a.from.Parse(to)
	if err != nil {
		return "", fault.New(fault.Damaged, "the link to the next page is no address", "correct next: under pages:")
	}
	if err := h.mayFollow(a.from, u); err != nil {
		return "", err
	}
	if err := h.keepSecrets(&httpTarget{url: u}); err != nil { // before the page that leads there is stored
		return "", err
	}
	return h.hide(u.String()), nil
}

// mayFollow refuses to be led away from the host that the source names, or from https.
func (h *httpFetch) mayFollow(from, to *url.URL) error {
	refused := func(why string) error {
		return fault.New(fault.Refused, fmt.Sprintf("the API leads to %s, %s", oneLine(h.shownAddress(to.Scheme+"://"+to.Host)), why),
			"if that is right, write hosts: ["+oneLine(to.Hostname())+"], or correct the url of the source")
	}
	home, err := url.Parse(h.homeAddress())
	if err != nil {
		return fmt.Errorf("read the url of the source: %w", err)
	}
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return refused("which is neither http nor https")
	case from.Scheme == "https" && to.Scheme == "http":
		return refused("without the protection of https")
	case to.User != nil:
		return refused("with a name to sign in with")
	case sameHost(home, to):
		return nil
	}
	for _, host := range h.s.Hosts {
		if host == to.Hostname() || host == to.Host {
			return nil
		}
	}
	return refused("which is another host")
}

// sameHost reports whether two addresses are served by one host, where https on its own port stands for http on its own.
func sameHost(a, b *url.URL) bool {
	return a.Hostname() == b.Hostname() && (a.Port() == b.Port() || portOf(a) == portOf(b))
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}
