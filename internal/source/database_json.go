package source

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// dbJSON appends a value, given in the server's text, as JSON.
type dbJSON func(dst, text []byte) ([]byte, error)

var errNotUTF8 = errors.New("the text is not UTF-8")

// jsonText is a text as it is; so are dates, times, decimals and whatever has no like in JSON.
func jsonText(dst, text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return dst, errNotUTF8
	}
	return quoteJSON(dst, text), nil
}

// jsonNumber is a number that passes through a double unharmed.
func jsonNumber(dst, text []byte) ([]byte, error) { return append(dst, text...), nil }

// jsonInteger is a number, or a text beyond ±2^53.
func jsonInteger(dst, text []byte) ([]byte, error) {
	const exact = 1 << 53
	if len(text) > 15 { // fewer digits are always exact
		if n, err := strconv.ParseInt(string(text), 10, 64); err != nil || n > exact || n < -exact {
			return jsonText(dst, text)
		}
	}
	return append(dst, text...), nil
}

// jsonDouble is a number, or a text for what is none, such as NaN.
func jsonDouble(dst, text []byte) ([]byte, error) {
	if len(text) == 0 || text[len(text)-1] < '0' || text[len(text)-1] > '9' {
		return jsonText(dst, text)
	}
	return append(dst, text...), nil
}

// jsonSingle writes a double that holds a float of four bytes as that float.
func jsonSingle(dst, text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return dst, err
	}
	b, err := json.Marshal(float32(f))
	return append(dst, b...), err
}

// jsonInstant writes "2026-11-19 01:02:03.5+00", or without the offset, as RFC 3339. Others, such as infinity, stay what they are.
func jsonInstant(dst, text []byte) ([]byte, error) {
	bare := bytes.TrimSuffix(text, []byte("+00"))
	if len(bare) < 19 || bare[10] != ' ' || bytes.HasPrefix(bare, []byte("0000")) || bare[len(bare)-1] < '0' || bare[len(bare)-1] > '9' {
		return jsonText(dst, text)
	}
	dst = append(dst, '"')
	dst = append(dst, bare[:10]...)
	dst = append(dst, 'T')
	dst = append(dst, bare[11:]...)
	return append(dst, 'Z', '"'), nil
}

// jsonBase64 writes bytes.
func jsonBase64(dst, raw []byte) ([]byte, error) {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, raw)
	return append(dst, '"'), nil
}

// jsonHex writes bytes whose text is \x and hexadecimal.
func jsonHex(dst, text []byte) ([]byte, error) {
	digits, ok := bytes.CutPrefix(text, []byte(`\x`))
	if !ok {
		return dst, fmt.Errorf("%.20q is not hexadecimal", text)
	}
	raw, err := hex.AppendDecode(nil, digits)
	if err != nil {
		return dst, err
	}
	return jsonBase64(dst, raw)
}

// jsonJSON writes JSON on one line; what is none after all is a text, for the contract to reject.
func jsonJSON(dst, text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return dst, errNotUTF8
	}
	b := bytes.NewBuffer(dst)
	if err := json.Compact(b, text); err != nil {
		return jsonText(dst, text)
	}
	return b.Bytes(), nil
}

// jsonBool writes t and f.
func jsonBool(dst, text []byte) ([]byte, error) {
	return strconv.AppendBool(dst, string(text) == "t"), nil
}
