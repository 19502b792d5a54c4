package generate

import (
	"fmt"
	"strings"
	"time"

	"daybook/internal/calendar"
)

// Attraction is a place to see, as it was written on a day. A text that the API leaves empty is empty here, a number 0.
type Attraction struct {
	ID       int64
	Title    string
	Address  string
	Type     int // contenttypeid
	District int // sigungucode, 1 to 25; 0 is unknown
	Lon, Lat string
	Level    int // of the map; 0 is unknown
	Tel      string
	Modified time.Time
	Hidden   bool // it is not shown any more
}

// attractionCount is how many there are in all.
const attractionCount = 1200

// Districts lists the 25 districts of Seoul; sigungucode is the place in the list, from 1.
func (Korea) Districts() []string {
	return strings.Fields("강남구 강동구 강북구 강서구 관악구 광진구 구로구 금천구 노원구 도봉구 동대문구 동작구 마포구 서대문구 서초구 성동구 성북구 송파구 양천구 영등포구 용산구 은평구 종로구 중구 중랑구")
}

// Attractions lists what was written on a day, by ID: an attraction is written every other week or so, each time as a whole.
func (k Korea) Attractions(day calendar.Day) []Attraction {
	var list []Attraction
	for i := range attractionCount {
		edit := k.on(topicEdit).on(dayNumber(day)).on(i)
		if edit.hits(70_000) {
			list = append(list, k.attraction(i, day, edit))
		}
	}
	return list
}

func (k Korea) attraction(i int, day calendar.Day, edit dice) Attraction {
	d := k.on(topicAttraction).on(i)
	a := Attraction{
		ID:       int64(2_700_000 + 37*i),
		Title:    pickOf(d.on(0), sights()) + " " + pickOf(d.on(1), []string{"언덕", "골목", "연못", "전망대", "정원", "옛길", "광장", "물길"}) + " " + fmt.Sprint(1+i%97),
		Type:     pickOf(d.on(2), []int{12, 12, 12, 14, 14, 15, 25, 28, 32, 38, 39}),
		District: 1 + d.on(3).below(25),
		Lon:      fmt.Sprintf("126.%07d", 8_000_000+d.on(4).below(1_900_000)),
		Lat:      fmt.Sprintf("37.%07d", 4_500_000+d.on(5).below(2_300_000)),
		Level:    6,
		Tel:      fmt.Sprintf("02-000-%04d", d.on(6).below(10_000)),
		Modified: instant(day, 9*millisOfHour+edit.on(0).below(9*3600)*1000),
		Hidden:   edit.on(1).hits(40_000),
	}
	a.Address = fmt.Sprintf("서울특별시 %s 지어낸로 %d", k.Districts()[a.District-1], 1+d.on(7).below(300))
	switch d.on(8).below(100) { // what such APIs really have
	case 0, 1, 2:
		a.District, a.Address = 0, "서울특별시"
	case 3:
		a.Lon, a.Lat = "", ""
	}
	if i%400 == 7 {
		a.Lon, a.Lat = a.Lat, a.Lon
	}
	if edit.on(2).hits(200_000) {
		a.Tel = ""
	}
	if edit.on(3).hits(100_000) {
		a.Level = 0
	}
	return a
}

func sights() []string {
	return strings.Fields("달그늘 별무리 솔여울 구름재 바람못 은하수 꽃샘 물안개 해오름터 눈꽃마루 노을빛 새벽별 하늬 너울가 이슬터 도토리 반딧불 무지개못")
}
