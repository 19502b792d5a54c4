package generate

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"daybook/internal/calendar"
)

// ask gets an address of the APIs with a key.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

func serveKorea(t *testing.T, api *KoreaAPI) string {
	t.Helper()
	api.Korea = Korea{Seed: 1, PerDay: 300}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server.URL
}

// toured is an answer of the API of attractions.
type toured struct {
	Response struct {
		Header struct {
			Code string `json:"resultCode"`
		} `json:"header"`
		Body struct {
			Items json.RawMessage `json:"items"`
			Total int             `json:"totalCount"`
		} `json:"body"`
	} `json:"response"`
}

func TestPagesOfAttractionsHoldEachOnceAsNumbersAndTexts(t *testing.T) {
	api := &KoreaAPI{}
	url := serveKorea(t, api) + "/tour/areaBasedSyncList1?serviceKey=k&modifiedtime=20261119&numOfRows=30&pageNo="
	day := calendar.MustDay("2026-11-19")
	want := api.Korea.Attractions(day)
	var ids []string
	kinds := map[byte]bool{}
	for page := 1; page <= 1+len(want)/30; page++ {
		_, body := ask(t, url+fmt.Sprint(page))
		var a toured
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		var list struct {
			Item []struct {
				ID       json.RawMessage `json:"contentid"`
				District json.RawMessage `json:"sigungucode"`
			} `json:"item"`
		}
		if err := json.Unmarshal(a.Response.Body.Items, &list); err != nil || a.Response.Body.Total != len(want) || a.Response.Header.Code != "0000" {
			t.Fatalf("page %d: %v in %s", page, err, body)
		}
		for _, v := range list.Item {
			kinds[v.ID[0]] = true
			ids = append(ids, strings.Trim(string(v.ID), `"`))
		}
	}
	if len(ids) != len(want) {
		t.Fatalf("%d attractions in the pages, not %d", len(ids), len(want))
	}
	for i, a := range want {
		if ids[i] != fmt.Sprint(a.ID) {
			t.Errorf("place %d has %s, not %d", i, ids[i], a.ID)
		}
	}
	if !kinds['"'] || len(kinds) < 2 {
		t.Errorf("numbers begin with %v only", kinds)
	}
	if _, body := ask(t, url+"99"); !strings.Contains(body, `"items":""`) {
		t.Errorf("no attractions are %s", body)
	}
}

func TestOneAttractionComesWithoutAnArray(t *testing.T) {
	url := serveKorea(t, &KoreaAPI{}) + "/tour/areaBasedSyncList1?serviceKey=k&modifiedtime=20261119&numOfRows=1"
	if _, body := ask(t, url); !strings.Contains(body, `"items":{"item":{`) {
		t.Errorf("one attraction is %s", body)
	}
}

func TestEveryListedPerformanceHasADetailAndItsHallIsKnownOrAbsent(t *testing.T) {
	api := &KoreaAPI{}
	url := serveKorea(t, api)
	day := calendar.MustDay("2026-11-19")
	type answer struct {
		Records []struct {
			ID     string   `xml:"mt20id"`
			State  string   `xml:"prfstate"`
			Prices string   `xml:"pcseguidance"`
			Hall   string   `xml:"mt10id"`
			Images []string `xml:"styurls>styurl"`
		} `xml:"db"`
	}
	read := func(address string) (a answer, status int) {
		status, body := ask(t, address)
		if status == http.StatusOK {
			if err := xml.Unmarshal([]byte(body), &a); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
		}
		return a, status
	}
	list, _ := read(url + "/kopis/pblprfr?service=k&stdate=20261119&eddate=20261119&cpage=1&rows=1000")
	want := api.Korea.Performances(day)
	if len(list.Records) != len(want) {
		t.Fatalf("%d performances, not %d", len(list.Records), len(want))
	}
	absent := 0
	for i, p := range want {
		if list.Records[i].ID != p.ID || list.Records[i].State != p.State(day) || p.From.After(day) || p.To.Before(day) {
			t.Errorf("place %d has %v, not %v", i, list.Records[i], p)
		}
		detail, status := read(url + "/kopis/pblprfr/" + p.ID + "?service=k")
		if status != http.StatusOK || len(detail.Records) != 1 || detail.Records[0].Prices != p.Prices || detail.Records[0].Hall != p.Hall || len(detail.Records[0].Images) != len(p.Images) {
			t.Errorf("the detail of %s is %d %v", p.ID, status, detail)
		}
		if again, ok := api.Korea.Performance(p.ID); !ok || again.Title != p.Title {
			t.Errorf("%s is not found again", p.ID)
		}
		hall, status := read(url + "/kopis/prfplc/" + p.Hall + "?service=k")
		if known, ok := api.Korea.Hall(p.Hall); ok && (status != http.StatusOK || hall.Records[0].Hall != known.ID) || !ok && status != http.StatusNotFound {
			t.Errorf("hall %s is %d %v", p.Hall, status, hall)
		}
		if status == http.StatusNotFound {
			absent++
		}
	}
	if absent == 0 {
		t.Error("every hall is known")
	}
	if _, status := read(url + "/kopis/pblprfr/PF000001?service=k"); status != http.StatusNotFound {
		t.Errorf("a performance that is not there has status %d", status)
	}
}

func TestErrorsAreToldInTheWayOfEachAPI(t *testing.T) {
	api := &KoreaAPI{Quota: 3}
	url := serveKorea(t, api)
	for _, call := range []struct {
		address, word string
		status        int
	}{
		{"/tour/areaCode1", "<returnReasonCode>30<", http.StatusOK},
		{"/tour/areaBasedSyncList1?serviceKey=k&modifiedtime=yesterday", `"resultCode":"10"`, http.StatusOK},
		{"/tour/areaCode1?serviceKey=k&numOfRows=100", "중랑구", http.StatusOK},
		{"/tour/areaCode1?serviceKey=k", "<returnReasonCode>22<", http.StatusOK},
		{"/kopis/pblprfr", "NOT_REGISTERED", http.StatusUnauthorized},
		{"/kopis/pblprfr?service=k&stdate=20261119&eddate=20261120", "one day", http.StatusBadRequest},
		{"/kopis/elsewhere?service=k", "404", http.StatusNotFound},
		{"/kopis/pblprfr?service=k&stdate=20261119&eddate=20261119", "EXCEEDS", http.StatusTooManyRequests},
	} {
		if status, body := ask(t, url+call.address); status != call.status || !strings.Contains(body, call.word) {
			t.Errorf("%s answers %d %s", call.address, status, body)
		}
	}
	if all, tour := api.Calls("/"), api.Calls("/tour/"); all != 8 || tour != 4 {
		t.Errorf("%d calls were counted, %d of attractions", all, tour)
	}
}

func TestWhatStumblesOnceAnswersWhenItIsAskedAgain(t *testing.T) {
	api := &KoreaAPI{Flaky: true}
	url := serveKorea(t, api)
	ways := map[int]int{}
	for _, p := range api.Korea.Performances(calendar.MustDay("2026-11-19")) {
		address := url + "/kopis/pblprfr/" + p.ID + "?service=k"
		status, _ := ask(t, address)
		ways[status]++
		if again, body := ask(t, address); again != http.StatusOK || !strings.Contains(body, p.ID) {
			t.Errorf("%s answers %d when it is asked again", p.ID, again)
		}
	}
	if ways[http.StatusOK] == 0 || len(ways) < 2 {
		t.Errorf("first answers are %v", ways)
	}
}
