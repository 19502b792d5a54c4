package generate

import (
	"fmt"
	"strconv"
	"strings"

	"daybook/internal/calendar"
)

// Seat is a price that a performance asks.
type Seat struct {
	Grade string
	Won   int
}

// Performance runs from one day to another in a hall, which the API of halls may not know. Texts may be empty.
type Performance struct {
	ID       string // PF and six digits
	Title    string
	Hall     string // FC and six digits
	HallName string
	Genre    string
	From, To calendar.Day
	Cast     string
	Runtime  string
	Age      string
	Prices   string // Seats as the box office writes them; may be empty
	Seats    []Seat
	OpenRun  bool
	Images   []string
	number   int
}

// Hall is where performances are.
type Hall struct {
	ID       string
	Name     string
	District string // may be empty
	Address  string
	Stages   int
	Seats    int
	Opened   int // year; 0 is unknown
	Lat, Lon string
	Tel      string
}

const (
	hallCount    = 60
	hallsUnknown = 3  // the last ones: performances name them, the API does not know them
	mostOpenings = 8  // numbers of performances that each day has to itself
	longestRun   = 28 // days
)

// Performances lists what runs on a day, by ID.
func (k Korea) Performances(day calendar.Day) []Performance {
	var list []Performance
	for age := longestRun - 1; age >= 0; age-- {
		opening := dayNumber(day) - age
		for n := range 3 + k.on(topicOpening).on(opening).below(4) {
			if p := k.performance(opening*mostOpenings + n); !p.To.Before(day) {
				list = append(list, p)
			}
		}
	}
	return list
}

// Performance finds a performance by its ID.
func (k Korea) Performance(id string) (Performance, bool) {
	digits, ok := strings.CutPrefix(id, "PF")
	n, err := strconv.Atoi(digits)
	n -= 100_000
	if !ok || err != nil || n < 0 || len(digits) != 6 || n%mostOpenings >= 3+k.on(topicOpening).on(n/mostOpenings).below(4) {
		return Performance{}, false
	}
	return k.performance(n), true
}

func (k Korea) performance(n int) Performance {
	d := k.on(topicOpening).on(-1 - n)
	from := opened().Add(n / mostOpenings)
	hall := d.on(0).below(hallCount)
	p := Performance{
		ID:       fmt.Sprintf("PF%06d", 100_000+n),
		Title:    pickOf(d.on(1), pieces()) + pickOf(d.on(2), []string{"의 하루", " 그리고 우산", "의 소나타", " 이야기", ", 다시", " <앙코르> & 친구들", "의 밤"}),
		Hall:     hallID(hall),
		HallName: hallName(hall),
		Genre:    pickOf(d.on(3), []string{"연극", "연극", "뮤지컬", "서양음악(클래식)", "한국음악(국악)", "대중음악", "무용(서양/한국무용)", "서커스/마술"}),
		From:     from,
		To:       from.Add(d.on(4).below(longestRun)),
		Cast:     fmt.Sprintf("%s배우 %d, %s배우 %d 등", pickOf(d.on(5), surnames()), 1+d.on(6).below(90), pickOf(d.on(7), surnames()), 1+d.on(8).below(90)),
		Runtime:  pickOf(d.on(9), []string{"1시간 30분", "2시간", "50분", "1시간 10분", ""}),
		Age:      pickOf(d.on(10), []string{"만 7세 이상", "전체 관람가", "만 13세 이상", "36개월 이상"}),
		OpenRun:  d.on(11).hits(50_000),
		number:   n,
	}
	for i := range d.on(12).below(4) {
		p.Images = append(p.Images, fmt.Sprintf("/images/%s-%d.jpg", p.ID, 1+i))
	}
	p.Prices, p.Seats = prices(d.on(13))
	return p
}

// State is what the list of a day says: a few are over before their last evening is.
func (p Performance) State(day calendar.Day) string {
	switch {
	case day == p.From && p.number%2 == 0:
		return "공연예정"
	case day == p.To && p.number%5 == 0:
		return "공연완료"
	}
	return "공연중"
}

// prices writes prices in the ways that box offices do.
func prices(d dice) (text string, seats []Seat) {
	top := 20_000 + 11_000*d.on(0).below(12)
	won := func(n int) string {
		return fmt.Sprintf("%d,%03d원", n/1000, n%1000)
	}
	switch d.on(1).below(10) {
	case 0:
		return "", nil
	case 1:
		return "전석 무료", []Seat{{"전석", 0}}
	case 2, 3:
		return "전석 " + won(top), []Seat{{"전석", top}}
	case 4:
		return "R석 " + won(top) + ",S석 " + won(top*3/4), []Seat{{"R석", top}, {"S석", top * 3 / 4}}
	case 5:
		return "1층 R석 " + won(top) + ", 후원석 " + won(top/2) + ", 휠체어석 무료", []Seat{{"1층 R석", top}, {"후원석", top / 2}, {"휠체어석", 0}}
	case 6:
		return "VIP석 " + won(top*2) + ",  R석 " + won(top) + ", S석 " + won(top*3/4) + ", A석 " + won(top/2),
			[]Seat{{"VIP석", top * 2}, {"R석", top}, {"S석", top * 3 / 4}, {"A석", top / 2}}
	}
	return "R석 " + won(top) + ", S석 " + won(top*3/4), []Seat{{"R석", top}, {"S석", top * 3 / 4}}
}

// Hall finds a hall by its ID, as the API knows it.
func (k Korea) Hall(id string) (Hall, bool) {
	for i := range hallCount - hallsUnknown {
		if hallID(i) == id {
			return k.hall(i), true
		}
	}
	return Hall{}, false
}

func (k Korea) hall(i int) Hall {
	d := k.on(topicHall).on(i)
	h := Hall{
		ID:       hallID(i),
		Name:     hallName(i),
		District: pickOf(d.on(0), k.Districts()),
		Stages:   1 + d.on(1).below(4),
		Seats:    80 + 20*d.on(2).below(60),
		Opened:   1975 + d.on(3).below(50),
		Lat:      fmt.Sprintf("37.%06d", 450_000+d.on(4).below(230_000)),
		Lon:      fmt.Sprintf("126.%06d", 800_000+d.on(5).below(190_000)),
		Tel:      fmt.Sprintf("02-000-%04d", d.on(6).below(10_000)),
	}
	h.Address = fmt.Sprintf("서울특별시 %s 무대로 %d", h.District, 1+d.on(7).below(200))
	if i%19 == 4 {
		h.District, h.Address, h.Opened, h.Tel = "", "서울특별시", 0, ""
	}
	return h
}

func hallID(i int) string { return fmt.Sprintf("FC%06d", 1000+7*i) }

func hallName(i int) string {
	kinds := []string{"소극장", "아트홀", "공연장", "극장", "음악당"}
	return fmt.Sprintf("%s %s %d관", sights()[i%len(sights())], kinds[i%len(kinds)], 1+i/12)
}

func surnames() []string { return strings.Fields("김 이 박 최 정 강 조 윤 장 임 한 오") }

func pieces() []string {
	return strings.Fields("종이고래 유리온실 느린기차 푸른사다리 잠든등대 겨울단추 네모난달 구름세탁소 그림자우체국 마지막나침반 소금정원 거꾸로시계 일곱번째의자 바다서랍 하얀엽서 둥근계단")
}
