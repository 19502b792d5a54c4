package source

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

func base64Line(data []byte) []byte {
	return strconv.AppendQuote(nil, "base64:"+base64.StdEncoding.EncodeToString(data))
}

// streamLine is a record as one line: a JSON object as it is, on one line. What is none cannot be a record of a contract and becomes
// a line that each one rejects: other JSON as it is, text as a JSON string, and other bytes as a JSON string "base64:…".
func streamLine(data []byte) []byte {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if !utf8.Valid(data) {
		return base64Line(data)
	}
	if json.Valid(data) {
		var line bytes.Buffer
		if err := json.Compact(&line, data); err == nil {
			return line.Bytes()
		}
	}
	return quoteJSON(nil, data)
}

// deletedLine is the record that says that what a key stood for is deleted.
func deletedLine(key []byte) []byte {
	text := string(key)
	if !utf8.Valid(key) {
		text = "base64:" + base64.StdEncoding.EncodeToString(key)
	}
	return append(quoteJSON([]byte(`{"_key":`), text), `,"_deleted":true}`...)
}
