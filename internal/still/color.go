package still

import (
	"encoding/hex"
	"fmt"
	"image/color"
	"math"
	"strings"
)

// parseColor reads #rgb, #rgba, #rrggbb, #rrggbbaa, rgb(), rgba(), transparent, black and white.
func parseColor(s string) (color.NRGBA, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "transparent":
		return color.NRGBA{}, nil
	case "black":
		return color.NRGBA{A: 255}, nil
	case "white":
		return color.NRGBA{255, 255, 255, 255}, nil
	}
	if digits, ok := strings.CutPrefix(s, "#"); ok {
		return parseHex(s, digits)
	}
	name, rest, _ := strings.Cut(s, "(")
	if args, ok := strings.CutSuffix(rest, ")"); ok && (name == "rgb" || name == "rgba") {
		v, err := numbers(args)
		if err == nil && len(v) == 3 {
			v = append(v, 1)
		}
		if err == nil && len(v) == 4 {
			return color.NRGBA{octet(v[0]), octet(v[1]), octet(v[2]), octet(v[3] * 255)}, nil
		}
	}
	return color.NRGBA{}, fmt.Errorf("colour %q is not known", s)
}

func parseHex(s, digits string) (color.NRGBA, error) {
	if len(digits) == 3 || len(digits) == 4 {
		var twice strings.Builder
		for _, d := range digits {
			twice.WriteRune(d)
			twice.WriteRune(d)
		}
		digits = twice.String()
	}
	if len(digits) == 6 {
		digits += "ff"
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != 4 {
		return color.NRGBA{}, fmt.Errorf("colour %q is not known", s)
	}
	return color.NRGBA{b[0], b[1], b[2], b[3]}, nil
}

func octet(v float64) uint8 { return uint8(math.Round(max(0, min(255, v)))) }

// faded is a colour with its opacity multiplied.
func faded(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = octet(float64(c.A) * opacity)
	return c
}
