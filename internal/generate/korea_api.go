package generate

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"daybook/internal/calendar"
)

// KoreaAPI answers as the public APIs of attractions (/tour) and of performances (/kopis) do, for any day. A key is any text that is not
// empty. Where the originals tell errors with status 200, /tour does so too, and /kopis uses the statuses 401, 404 and 429.
type KoreaAPI struct {
	Korea Korea
	Quota int  // calls of one API until it says that they are used up; zero is no end
	Flaky bool // every sixteenth address fails when it is asked for the first time: too busy, too often, or cut off

	mu    sync.Mutex
	calls map[string]int  // by path
	asked map[string]bool // addresses
}

// Calls is how many calls there were of paths with a prefix.
func (a *KoreaAPI) Calls(prefix string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for path, calls := range a.calls {
		if strings.HasPrefix(path, prefix) {
			n += calls
		}
	}
	return n
}

// ServeHTTP implements http.Handler.
func (a *KoreaAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if used := a.count(r.URL.Path, "/"+api+"/"); a.Quota > 0 && used > a.Quota {
		refuseCall(w, api, "22", "LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR", http.StatusTooManyRequests)
		return
	}
	q := r.URL.Query()
	if q.Get("serviceKey")+q.Get("service") == "" {
		refuseCall(w, api, "30", "SERVICE_KEY_IS_NOT_REGISTERED_ERROR", http.StatusUnauthorized)
		return
	}
	if a.Flaky && a.stumble(w, r.URL) {
		return
	}
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "/tour/areaBasedSyncList1":
		a.attractions(w, q)
	case path == "/tour/areaCode1":
		a.districts(w, q)
	case path == "/kopis/pblprfr":
		a.performances(w, q)
	case strings.HasPrefix(path, "/kopis/pblprfr/"):
		a.performance(w, r, strings.TrimPrefix(path, "/kopis/pblprfr/"))
	case strings.HasPrefix(path, "/kopis/prfplc/"):
		a.hall(w, r, strings.TrimPrefix(path, "/kopis/prfplc/"))
	default:
		http.NotFound(w, r)
	}
}

// count counts a call and returns how many the API has had.
func (a *KoreaAPI) count(path, api string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls == nil {
		a.calls, a.asked = map[string]int{}, map[string]bool{}
	}
	a.calls[path]++
	n := 0
	for p, calls := range a.calls {
		if strings.HasPrefix(p, api) {
			n += calls
		}
	}
	return n
}

// refuseCall answers an error in the API's own way.
func refuseCall(w http.ResponseWriter, api, code, message string, status int) {
	if api == "tour" {
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		fmt.Fprintf(w, "<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>%s</returnAuthMsg><returnReasonCode>%s</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>", message, code)
		return
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "14400") // the originals begin anew at midnight
	}
	http.Error(w, message, status)
}

// stumble fails the first call of some addresses, and tells whether it did.
func (a *KoreaAPI) stumble(w http.ResponseWriter, u *url.URL) bool {
	address := u.Path + "?" + u.RawQuery
	a.mu.Lock()
	before := a.asked[address]
	a.asked[address] = true
	a.mu.Unlock()
	d := a.Korea.on(topicFault)
	for _, c := range []byte(address) {
		d = d.on(int(c))
	}
	if before || d.below(16) > 0 {
		return false
	}
	switch d.on(0).below(3) {
	case 0:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case 1:
		http.Error(w, "<html>busy</html>", http.StatusServiceUnavailable)
	default: // it breaks off: more was promised
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><dbs><db>")
	}
	return true
}

// page is the part of a list of n that a call asks for.
func page(q url.Values, number, size string, n int) (from, to, page, rows int) {
	page, rows = 1, 10
	if v, err := strconv.Atoi(q.Get(number)); err == nil && v > 0 {
		page = v
	}
	if v, err := strconv.Atoi(q.Get(size)); err == nil && v > 0 {
		rows = min(v, 1000)
	}
	return min((page-1)*rows, n), min(page*rows, n), page, rows
}

// dayOf reads a day as the APIs write it, 20261119.
func dayOf(text string) (calendar.Day, bool) {
	if len(text) != 8 {
		return calendar.Day{}, false
	}
	day, err := calendar.ParseDay(text[:4] + "-" + text[4:6] + "-" + text[6:])
	return day, err == nil && !day.Before(opened())
}
