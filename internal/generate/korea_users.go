package generate

import (
	"fmt"
	"strings"

	"daybook/internal/calendar"
)

// User has an account of the travel site.
type User struct {
	ID         int64
	Country    string // two letters; empty is unknown
	Age        int    // -1 is unknown
	Gender     string // F, M or empty
	Name       string
	Email      string
	Registered calendar.Day
}

// Airport is where a flight lands.
type Airport struct {
	Code   string // three letters
	Ko, En string // the city
}

// Reader is a public library, as the office that lists them has it.
type Reader struct {
	Name     string
	District string // may be empty
	Kind     string
	Closed   string // days on which it is closed; may have a line break
	Seats    int
	Books    int
	Lat, Lon string
}

// Airports lists the airports of Korea, those that people look for most first.
func (Korea) Airports() []Airport {
	return []Airport{{"ICN", "인천", "Incheon"}, {"GMP", "서울", "Seoul"}, {"CJU", "제주", "Jeju"}, {"PUS", "부산", "Busan"}, {"TAE", "대구", "Daegu"},
		{"CJJ", "청주", "Cheongju"}, {"MWX", "무안", "Muan"}, {"KWJ", "광주", "Gwangju"}, {"RSU", "여수", "Yeosu"}, {"YNY", "양양", "Yangyang"}}
}

// home is a country that users come from, with the airport they begin at.
type home struct {
	country, airport string
	weight           int
}

func homes() []home {
	return []home{{"JP", "NRT", 30}, {"CN", "PVG", 18}, {"TW", "TPE", 14}, {"US", "LAX", 12}, {"HK", "HKG", 7}, {"TH", "BKK", 6}, {"SG", "SIN", 5}, {"VN", "SGN", 4}, {"DE", "FRA", 2}, {"FR", "CDG", 2}}
}

const (
	firstJoined = 1800 // the day number on which user 1 registers, 2024-12-05
	joinedIn    = 800  // days in which all users register
)

func (k Korea) userCount() int { return 12 * k.PerDay }

// known is how many users have registered by a day.
func (k Korea) known(day calendar.Day) int {
	return max(1, min(k.userCount(), (dayNumber(day)-firstJoined+1)*k.userCount()/joinedIn))
}

// Users lists those who have registered by a day.
func (k Korea) Users(through calendar.Day) []User {
	var list []User
	for i := range k.known(through) {
		list = append(list, k.user(i))
	}
	return list
}

func (k Korea) user(i int) User {
	d := k.on(topicAccount).on(i)
	u := User{
		ID:         int64(i + 1),
		Country:    homes()[k.home(i)].country,
		Age:        15 + min(d.on(1).below(65), d.on(2).below(75)),
		Gender:     pickOf(d.on(3), []string{"F", "F", "M", "M", ""}),
		Name:       fmt.Sprintf("Traveller %d", i+1),
		Email:      fmt.Sprintf("traveller-%d@example.com", i+1),
		Registered: opened().Add(firstJoined + i*joinedIn/k.userCount()),
	}
	switch d.on(4).below(100) {
	case 0:
		u.Country = ""
	case 1, 2, 3:
		u.Age = -1
	case 4:
		u.Age = 100 + d.on(5).below(12)
	case 5:
		u.Age = d.on(5).below(15)
	}
	return u
}

// home is where user i comes from, the place in homes.
func (k Korea) home(i int) int {
	var w wheel
	for _, h := range homes() {
		w = w.with(h.weight)
	}
	return w.pick(k.on(topicAccount).on(i).on(0))
}

// Readers lists the libraries.
func (k Korea) Readers() []Reader {
	var list []Reader
	for i := range 80 {
		d := k.on(topicReader).on(i)
		r := Reader{
			Name:     fmt.Sprintf("%s 작은책집 %02d", pickOf(d.on(0), append(sights(), "똠방", "펲시울")), i+1), // the last two are not in EUC-KR, only in CP949
			District: pickOf(d.on(1), k.Districts()),
			Kind:     pickOf(d.on(2), []string{"공공도서관", "작은도서관", "어린이도서관"}),
			Closed:   pickOf(d.on(3), []string{"매주 월요일", "매주 금요일, 공휴일", "매월 둘째 화요일,\n설날", ""}),
			Seats:    10 * d.on(4).below(40),
			Books:    1000 + d.on(5).below(200_000),
			Lat:      fmt.Sprintf("37.%06d", 450_000+d.on(6).below(230_000)),
			Lon:      fmt.Sprintf("126.%06d", 800_000+d.on(7).below(190_000)),
		}
		if i%27 == 5 {
			r.District = ""
		}
		list = append(list, r)
	}
	return list
}

// flight names a flight by seven parts.
func flight(from, to string, depart calendar.Day, d dice) string {
	return strings.Join([]string{from, to, depart.Format("20060102"), fmt.Sprintf("%02d%02d", 6+d.on(0).below(16), 5*d.on(1).below(12)), "ZX", fmt.Sprint(100 + d.on(2).below(800)), "KRW"}, "-")
}
