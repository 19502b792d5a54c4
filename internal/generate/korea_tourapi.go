package generate

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// envelope is what every answer of the API of attractions comes in.
func envelope(w http.ResponseWriter, code, message string, body any) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"response": map[string]any{"header": map[string]any{"resultCode": code, "resultMsg": message}, "body": body}}
	_ = json.NewEncoder(w).Encode(answer) // a caller who has gone is told nothing
}

// items are records as the API gives them: one without an array, and none as an empty text.
func items(list []map[string]any) any {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return map[string]any{"item": list[0]}
	}
	return map[string]any{"item": list}
}

// attractions answers areaBasedSyncList1: what was written on the day modifiedtime.
func (a *KoreaAPI) attractions(w http.ResponseWriter, q url.Values) {
	day, ok := dayOf(q.Get("modifiedtime"))
	if !ok {
		envelope(w, "10", "INVALID_REQUEST_PARAMETER_ERROR(modifiedtime)", map[string]any{})
		return
	}
	all := a.Korea.Attractions(day)
	from, to, number, rows := page(q, "pageNo", "numOfRows", len(all))
	var list []map[string]any
	for _, v := range all[from:to] {
		list = append(list, a.attraction(v))
	}
	envelope(w, "0000", "OK", map[string]any{"items": items(list), "numOfRows": rows, "pageNo": number, "totalCount": len(all)})
}

// attraction is one record; its numbers come as numbers or as texts, and what is unknown as an empty text.
func (a *KoreaAPI) attraction(v Attraction) map[string]any {
	d := a.Korea.on(topicEdit).on(int(v.ID)).on(v.Modified.Day())
	mixed := func(place, n int) any {
		switch {
		case n == 0:
			return ""
		case d.on(place).hits(300_000):
			return n
		}
		return strconv.Itoa(n)
	}
	coordinate := func(place int, text string) any {
		if text == "" || d.on(place).hits(700_000) {
			return text
		}
		return json.Number(text)
	}
	flag := "1"
	if v.Hidden {
		flag = "0"
	}
	return map[string]any{
		"contentid": mixed(0, int(v.ID)), "contenttypeid": mixed(1, v.Type), "title": v.Title, "addr1": v.Address, "addr2": "", "areacode": "1",
		"sigungucode": mixed(2, v.District), "mapx": coordinate(3, v.Lon), "mapy": coordinate(4, v.Lat), "mlevel": mixed(5, v.Level), "tel": v.Tel,
		"firstimage": "", "zipcode": "", "showflag": flag, "modifiedtime": v.Modified.Format("20060102150405"),
	}
}

// districts answers areaCode1 for Seoul.
func (a *KoreaAPI) districts(w http.ResponseWriter, q url.Values) {
	names := a.Korea.Districts()
	from, to, number, rows := page(q, "pageNo", "numOfRows", len(names))
	var list []map[string]any
	for i := from; i < to; i++ {
		list = append(list, map[string]any{"rnum": i + 1, "code": strconv.Itoa(i + 1), "name": names[i]})
	}
	envelope(w, "0000", "OK", map[string]any{"items": items(list), "numOfRows": rows, "pageNo": number, "totalCount": len(names)})
}
