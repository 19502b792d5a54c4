// Package text holds every string that people read on pages and in mails, in Korean and English, and formats numbers, days and durations for both.
package text

import "fmt"

// Locale is a language that Daybook speaks.
type Locale string

// The locales; Korean and English are complete.
const (
	Korean  Locale = "ko"
	English Locale = "en"
)

// Locales lists them, the first being the fallback.
func Locales() []Locale { return []Locale{English, Korean} }

// ParseLocale returns the locale named s ("ko", "ko-KR", "en"), and English for any other.
func ParseLocale(s string) Locale {
	if len(s) >= 2 && s[:2] == string(Korean) {
		return Korean
	}
	return English
}

// table is a set of strings in both languages.
type table struct{ ko, en map[string]string }

// tables lists every set; a key is in one of them only.
func tables() []table {
	return []table{{wordsKo, wordsEn}, {pagesKo, pagesEn}, {reportKo, reportEn}, {handlersKo, handlersEn}, {deliveriesKo, deliveriesEn}, {peopleKo, peopleEn}}
}

func (t table) in(l Locale) map[string]string {
	if l == Korean {
		return t.ko
	}
	return t.en
}

// T returns the string for the key, formatted with args when there are any; an unknown key is returned as it is, so that
// a page shows it rather than nothing (a test holds that no such key is used).
func (l Locale) T(key string, args ...any) string {
	for _, t := range tables() {
		s, ok := t.in(l)[key]
		switch {
		case !ok:
			continue
		case len(args) == 0:
			return s
		}
		return fmt.Sprintf(s, args...)
	}
	return key
}
