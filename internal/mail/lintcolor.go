package mail

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rgb is an opaque colour.
type rgb [3]uint8

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is WCAG 2.2's relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
func (c rgb) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is WCAG 2.2's contrast ratio, from 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
func contrast(a, b rgb) float64 {
	light, dark := a.luminance(), b.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

// readable is what WCAG 2.2, success criterion 1.4.3, asks for: 4.5, and 3 for text of 18 points (24 px) or 14 points (18.66 px) bold.
func readable(size float64, bold bool) float64 {
	if size >= 24 || bold && size >= 18.66 {
		return 3
	}
	return 4.5
}

// parseColor reads the ways of writing an opaque colour that every mail program knows: #rgb, #rrggbb, rgb(r, g, b) and the two names.
func parseColor(s string) (rgb, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "white":
		return rgb{255, 255, 255}, true
	case "black":
		return rgb{}, true
	}
	if digits, ok := strings.CutPrefix(s, "#"); ok {
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		n, err := strconv.ParseUint(digits, 16, 24)
		return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err == nil && len(digits) == 6
	}
	inner, ok := strings.CutPrefix(s, "rgb(")
	inner, closed := strings.CutSuffix(inner, ")")
	parts := strings.Split(inner, ",")
	if !ok || !closed || len(parts) != 3 {
		return rgb{}, false
	}
	var c rgb
	for i, p := range parts {
		n, err := strconv.ParseUint(strings.TrimSpace(p), 10, 8)
		if err != nil {
			return rgb{}, false
		}
		c[i] = uint8(n)
	}
	return c, true
}

// looksLikeColor tells a colour that cannot be judged from the other words of a background.
func looksLikeColor(word string) bool {
	for _, start := range []string{"#", "rgb", "hsl", "hwb", "lab(", "lch(", "oklab(", "oklch(", "color", "var(", "currentcolor"} {
		if strings.HasPrefix(word, start) {
			return true
		}
	}
	return false
}
