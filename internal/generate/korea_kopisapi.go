package generate

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// answerXML writes records as the API of performances does.
func answerXML[T any](w http.ResponseWriter, list []T) {
	w.Header().Set("Content-Type", "application/xml;charset=UTF-8")
	answer := struct {
		XMLName xml.Name `xml:"dbs"`
		Records []T      `xml:"db"`
	}{Records: list}
	fmt.Fprint(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(answer) // a caller who has gone is told nothing
}

// listed is a record of the list; in the detail it has more elements.
type listed struct {
	ID       string `xml:"mt20id"`
	Title    string `xml:"prfnm"`
	From     string `xml:"prfpdfrom"`
	To       string `xml:"prfpdto"`
	HallName string `xml:"fcltynm"`
	Poster   string `xml:"poster"`
	Area     string `xml:"area"`
	Genre    string `xml:"genrenm"`
	OpenRun  string `xml:"openrun"`
	State    string `xml:"prfstate"`
}

func (p Performance) listed(state string) listed {
	run := "N"
	if p.OpenRun {
		run = "Y"
	}
	return listed{p.ID, p.Title, p.From.Format("2006.01.02"), p.To.Format("2006.01.02"), p.HallName, "/images/" + p.ID + ".gif", "서울특별시", p.Genre, run, state}
}

// performances answers the list: what runs between stdate and eddate, with its state on stdate.
func (a *KoreaAPI) performances(w http.ResponseWriter, q url.Values) {
	day, ok := dayOf(q.Get("stdate"))
	until, also := dayOf(q.Get("eddate"))
	if !ok || !also || until != day {
		http.Error(w, "stdate and eddate must be one day", http.StatusBadRequest)
		return
	}
	all := a.Korea.Performances(day)
	from, to, _, _ := page(q, "cpage", "rows", len(all))
	var list []listed
	for _, p := range all[from:to] {
		list = append(list, p.listed(p.State(day)))
	}
	answerXML(w, list)
}

// performance answers a detail.
func (a *KoreaAPI) performance(w http.ResponseWriter, r *http.Request, id string) {
	p, ok := a.Korea.Performance(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	answerXML(w, []struct {
		listed
		Cast     string   `xml:"prfcast"`
		Crew     string   `xml:"prfcrew"`
		Runtime  string   `xml:"prfruntime"`
		Age      string   `xml:"prfage"`
		Producer string   `xml:"entrpsnm"`
		Prices   string   `xml:"pcseguidance"`
		Hall     string   `xml:"mt10id"`
		Images   []string `xml:"styurls>styurl"`
	}{{listed: p.listed(""), Cast: p.Cast, Crew: " ", Runtime: p.Runtime, Age: p.Age, Producer: " ", Prices: p.Prices, Hall: p.Hall, Images: p.Images}})
}

// hall answers the detail of a hall.
func (a *KoreaAPI) hall(w http.ResponseWriter, r *http.Request, id string) {
	h, ok := a.Korea.Hall(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	opened := " "
	if h.Opened > 0 {
		opened = strconv.Itoa(h.Opened)
	}
	answerXML(w, []struct {
		Name     string `xml:"fcltynm"`
		ID       string `xml:"mt10id"`
		Stages   int    `xml:"mt13cnt"`
		Opened   string `xml:"opende"`
		Seats    int    `xml:"seatscale"`
		Tel      string `xml:"telno"`
		Address  string `xml:"adres"`
		City     string `xml:"sidonm"`
		District string `xml:"gugunnm"`
		Lat      string `xml:"la"`
		Lon      string `xml:"lo"`
	}{{h.Name, h.ID, h.Stages, opened, h.Seats, h.Tel, h.Address, "서울특별시", h.District, h.Lat, h.Lon}})
}
