package text

import (
	"math"
	"testing"
	"time"

	"daybook/internal/calendar"
)

func TestCountsHaveThousandsSeparators(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 100096: "100,096", 1234567890: "1,234,567,890",
		-1: "−1", -999: "−999", -1000: "−1,000", math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "−9,223,372,036,854,775,808"} {
		for _, l := range Locales() {
			if got := l.Count(n); got != want {
				t.Errorf("%s %d: %s, want %s", l, n, got, want)
			}
		}
	}
}

func TestDecimalsRoundAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{
		{0.285, 2, "0.29"}, {0.005, 2, "0.01"}, {1.005, 2, "1.01"}, {2.675, 2, "2.68"}, {0.125, 2, "0.13"}, {0.0049999, 2, "0.00"}, {1.45, 1, "1.5"},
		{0.5, 0, "1"}, {1.5, 0, "2"}, {2.5, 0, "3"}, {0.49, 0, "0"}, {9.995, 2, "10.00"}, {999.999, 2, "1,000.00"}, {99.95, 1, "100.0"},
		{0, 0, "0"}, {0, 2, "0.00"}, {math.Copysign(0, -1), 2, "0.00"}, {-0.004, 2, "0.00"}, {-0.005, 2, "−0.01"}, {-0.5, 0, "−1"}, {-1234.5, 1, "−1,234.5"},
		{3, 3, "3.000"}, {1.5, 4, "1.5000"}, {100096, 0, "100,096"}, {1e21, 0, "1,000,000,000,000,000,000,000"}, {5e-324, 1, "0.0"},
		{math.NaN(), 2, None}, {math.Inf(1), 2, None}, {math.Inf(-1), 0, None},
	} {
		for _, l := range Locales() {
			if got := l.Decimal(c.v, c.digits); got != c.want {
				t.Errorf("%s Decimal(%v, %d) = %s, want %s", l, c.v, c.digits, got, c.want)
			}
		}
	}
}

func TestPercentagesRoundOnTheDecimalValue(t *testing.T) {
	for _, c := range []struct {
		ratio  float64
		digits int
		want   string
	}{
		{25063.0 / 100096, 2, "25.04"}, {25063.0 / 100096, 1, "25.0"}, {25063.0 / 100096, 0, "25"}, {0.2504, 1, "25.0"},
		{0.285, 0, "29"}, {0.00285, 2, "0.29"}, {1.005, 0, "101"}, {0.0005, 1, "0.1"}, {-0.021, 1, "−2.1"}, {-0.00001, 1, "0.0"},
		{0, 1, "0.0"}, {1, 1, "100.0"}, {12.3456, 1, "1,234.6"}, {1.0 / 3, 1, "33.3"}, {2.0 / 3, 1, "66.7"},
		{math.NaN(), 1, None}, {math.Inf(1), 1, None}, {math.Inf(-1), 1, None}, {math.MaxFloat64, 1, None},
	} {
		for _, l := range Locales() {
			if got := l.Percent(c.ratio, c.digits); got != c.want {
				t.Errorf("%s Percent(%v, %d) = %s, want %s", l, c.ratio, c.digits, got, c.want)
			}
		}
	}
}

func TestDaysAreNamedInBothLanguages(t *testing.T) {
	for _, c := range []struct{ day, shortKo, shortEn, longKo, longEn, monthKo, monthEn string }{
		{"2023-05-22", "5월 22일", "22 May", "5월 22일 월요일", "Monday 22 May", "2023년 5월", "May 2023"},
		{"2026-11-01", "11월 1일", "1 Nov", "11월 1일 일요일", "Sunday 1 Nov", "2026년 11월", "November 2026"},
		{"2024-02-29", "2월 29일", "29 Feb", "2월 29일 목요일", "Thursday 29 Feb", "2024년 2월", "February 2024"},
	} {
		d := calendar.MustDay(c.day)
		for _, p := range [][2]string{{Korean.DayShort(d), c.shortKo}, {English.DayShort(d), c.shortEn}, {Korean.DayLong(d), c.longKo},
			{English.DayLong(d), c.longEn}, {Korean.Month(d), c.monthKo}, {English.Month(d), c.monthEn}} {
			if p[0] != p[1] {
				t.Errorf("%s: %s, want %s", c.day, p[0], p[1])
			}
		}
	}
	ko, en := "", ""
	for w := time.Sunday; w <= time.Saturday; w++ {
		ko, en = ko+Korean.Weekday(w), en+English.Weekday(w)
	}
	if ko != "일월화수목금토" || en != "SunMonTueWedThuFriSat" {
		t.Errorf("%s %s", ko, en)
	}
}

func TestClockIsOfTheZone(t *testing.T) {
	at := time.Date(2026, 11, 19, 21, 12, 59, 0, time.UTC)
	if got := Korean.Clock(at, time.FixedZone("KST", 9*3600)); got != "06:12" {
		t.Errorf("%s, want 06:12", got)
	}
	if got := English.Clock(time.Time{}, time.UTC); got != Dash {
		t.Errorf("no instant: %s", got)
	}
}

func TestDurationsAreWrittenForPeople(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"0.0s", "0.0초"}, 400 * time.Millisecond: {"0.4s", "0.4초"}, 11449 * time.Millisecond: {"11.4s", "11.4초"},
		59940 * time.Millisecond: {"59.9s", "59.9초"}, 59970 * time.Millisecond: {"1m 00s", "1분 00초"}, time.Minute: {"1m 00s", "1분 00초"},
		9*time.Minute + 12*time.Second:  {"9m 12s", "9분 12초"},
		3599 * time.Second:              {"59m 59s", "59분 59초"},
		time.Hour:                       {"1h 00m", "1시간 00분"},
		75*time.Minute + 59*time.Second: {"1h 15m", "1시간 15분"},
		50 * time.Hour:                  {"50h 00m", "50시간 00분"},
		-time.Second:                    {Dash, Dash},
	} {
		if en, ko := English.Took(d), Korean.Took(d); en != want[0] || ko != want[1] {
			t.Errorf("%v: %s, %s, want %s, %s", d, en, ko, want[0], want[1])
		}
	}
}

func TestSizesAreInPowersOfTen(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1500: "1.5 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 999_999: "1.0 MB",
		38_123_456: "38.1 MB", 2_500_000_000: "2.5 GB", 7_000_000_000_000: "7.0 TB", 7_000_000_000_000_000: "7000.0 TB"} {
		if got := English.Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestLanguageIsKoreanOrElseEnglish(t *testing.T) {
	for s, want := range map[string]Locale{"ko": Korean, "ko-KR": Korean, "ko_KR.UTF-8": Korean, "en": English, "en-GB": English, "": English, "k": English, "ja": English} {
		if got := ParseLocale(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
