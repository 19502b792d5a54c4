package lake

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"daybook/internal/fault"
)

func TestConnectionThatBreaksBehindTheLastByteIsTheEnd(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("abc"))
	for text, want := range map[string]string{"abc": "", "abd": fault.Damaged, "abcd": fault.Damaged} {
		r := &s3Reader{ctx: t.Context(), of: Manifest{Layer: Raw, Node: "a"}, object: Object{Name: "a", Bytes: 3, SHA256: hex.EncodeToString(sum[:])}, hash: sha256.New(),
			body: io.NopCloser(io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)))}
		got, err := io.ReadAll(r)
		if fault.Code(err) != want || string(got) != text {
			t.Errorf("%q: read %q, %v", text, got, err)
		}
	}
}
