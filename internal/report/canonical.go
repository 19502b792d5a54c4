package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Canonical is the one JSON text of the figures: keys sorted, no white space, doubles with twelve significant digits. It holds no
// clock and no run, so equal numbers give equal bytes.
func Canonical(f Figures) ([]byte, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write figures of %s: %w", f.Report, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("write figures of %s: %w", f.Report, err)
	}
	tree, err = canonicalNumbers(tree)
	if err != nil {
		return nil, fmt.Errorf("write figures of %s: %w", f.Report, err)
	}
	return encode(tree)
}

// encode writes maps with sorted keys and leaves <, > and & as they are: the text is data, whoever puts it in a page escapes it.
func encode(tree any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func canonicalNumbers(node any) (any, error) {
	var err error
	switch node := node.(type) {
	case map[string]any:
		for k := range node {
			if node[k], err = canonicalNumbers(node[k]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range node {
			if node[i], err = canonicalNumbers(node[i]); err != nil {
				return nil, err
			}
		}
	case json.Number:
		if !strings.ContainsAny(node.String(), ".eE") {
			return node, nil
		}
		v, err := strconv.ParseFloat(node.String(), 64)
		return significant(v), err
	}
	return node, nil
}

// Hash is the SHA-256 of canonical figures, in hexadecimal.
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// Parse reads figures that were stored as JSON.
func Parse(b []byte) (Figures, error) {
	var f Figures
	if err := json.Unmarshal(b, &f); err != nil {
		return Figures{}, fmt.Errorf("read figures: %w", err)
	}
	return f, nil
}
