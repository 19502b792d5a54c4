package source

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/project"
)

func validateHTTP(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	h := s.HTTP
	u, err := url.Parse((&httpFetch{s: h}).homeAddress())
	switch {
	case h.URL == "":
		return invalid("the source has no url", "write url: https://api.example.com/events")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || placeholder.MatchString(u.Host):
		return invalid("the url does not begin with http:// or https:// and a host", "write url: https://api.example.com/events, and {…} behind the host only")
	case u.User != nil:
		return invalid("the url has a name and a password", `write headers: {Authorization: "Basic {secret:NAME}"}`)
	}
	has, wrong := httpPlaceholders(h)
	switch {
	case wrong != "":
		return invalid(wrong+" stands for nothing", "use {day}, {yyyy}, {mm}, {dd}, {hour}, {each}, and {secret:NAME} with NAME under secrets:")
	case snapshot(s) && (has.ofADay() || has["{hour}"]):
		return invalid("a snapshot is asked for by day or hour", "take {…} out of url, query and headers, or write holds: day")
	case !snapshot(s) && !has.day() && h.ForEach.Source == "":
		return invalid("the call is the same for every day", "put {day} into url or query, or write holds: snapshot for an API that has only the present state")
	case has["{each}"] != (h.ForEach.Source != ""):
		return invalid("{each} and for_each belong together", "write for_each: {source: NAME, column: COLUMN}, and {each} in url or query")
	case has["{each}"] && has["{hour}"]:
		return invalid("the source has both {each} and {hour}", "keep one of them")
	case h.ForEach.Source == s.Name && s.Name != "":
		return invalid("for_each names the source itself", "name the source that has the list")
	}
	if message, hint := httpPages(s); message != "" {
		return invalid(message, hint)
	}
	_, err = parseNetworks(h.Allow)
	if err == nil && h.Quota.Resets != "" {
		_, _, err = calendar.ParseClock(h.Quota.Resets)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return place(s, f)
	}
	if _, _, err := format("a."+s.Format, ""); err != nil && s.Format != "xml" && s.Format != "dynamodb" {
		return invalid(fmt.Sprintf("%q is not a format", s.Format), "write format: ndjson, json, csv, xml or parquet")
	}
	return nil
}

// httpPlaceholders lists what stands in braces in url, query and headers, and the first that stands for nothing.
func httpPlaceholders(h project.HTTP) (has placeholders, wrong string) {
	has = placeholders{}
	texts := []string{h.URL}
	for _, m := range []map[string]string{h.Query, h.Headers} {
		for _, v := range m {
			texts = append(texts, v)
		}
	}
	slices.Sort(texts)
	for _, p := range placeholder.FindAllString(strings.Join(texts, "\n"), -1) {
		name, secret := strings.CutPrefix(p, "{secret:")
		_, known := h.Secrets[strings.TrimSuffix(name, "}")]
		switch {
		case secret && known, slices.Contains([]string{"{day}", "{yyyy}", "{mm}", "{dd}", "{hour}", "{each}"}, p):
			has[p] = true
		case wrong == "":
			wrong = p
		}
	}
	return has, wrong
}

// httpPages says what is wrong with the settings that lead from page to page.
func httpPages(s project.Source) (message, hint string) {
	p, lines := s.HTTP.Pages, s.Format != "json" && s.Format != "xml"
	_, twice := s.HTTP.Query[p.Parameter]
	switch {
	case !slices.Contains([]string{"", "none", "page", "offset", "cursor", "link"}, p.By):
		return fmt.Sprintf("pages cannot be by %q", p.By), "write by: page, offset, cursor, link or none"
	case (p.By == "page" || p.By == "offset" || p.By == "cursor") && p.Parameter == "":
		return "pages by " + p.By + " name no parameter", "write parameter: under pages:"
	case twice && p.Parameter != "" && p.By != "link":
		return p.Parameter + " is in query: and is the parameter of pages:", "take it out of query:"
	case p.By == "cursor" && p.Next == "":
		return "pages by cursor do not say where the next cursor is", "write next: under pages:"
	case lines && (p.Next != "" || p.Total != "" || s.HTTP.OK.Path != ""):
		return "next, total and ok need an answer in JSON or XML", "take them out, or correct format:"
	case s.Format == "xml" && s.Records == "" && (p.By == "page" || p.By == "offset" || p.Total != ""):
		return "records does not name the element that is a record", "write records: with its name, by which the records of a page are counted"
	case s.Format == "parquet" && p.By != "" && p.By != "none":
		return "Parquet comes without pages", "take pages: out"
	}
	return "", ""
}
