package auth

import (
	"encoding/base64"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTokenIs32RandomBytesAndItsHashIsWhatTheStoreLooksUp(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		tok, hash := NewToken()
		b, err := base64.RawURLEncoding.DecodeString(tok)
		if err != nil || len(b) != 32 {
			t.Fatalf("token %q: %d bytes, %v", tok, len(b), err)
		}
		if seen[tok] || hash != TokenHash(tok) || len(hash) != 64 || strings.Contains(hash, tok) {
			t.Fatalf("token %q, hash %q", tok, hash)
		}
		seen[tok] = true
	}
	if got := TokenHash("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("TokenHash(abc) = %s, not its SHA-256", got)
	}
}

func TestFormTokenBelongsToOneSession(t *testing.T) {
	mine, _ := NewToken()
	other, _ := NewToken()
	value := CSRF(mine)
	if !ValidCSRF(mine, value) || CSRF(mine) != value {
		t.Error("a session's own form is refused")
	}
	for name, bad := range map[string]string{
		"another session's": CSRF(other), "none": "", "the session itself": mine, "cut": value[:len(value)-1], "longer": value + "A",
		"first letter": flip(value, 0), "last letter": flip(value, len(value)-1), "no session's": CSRF(""),
	} {
		if ValidCSRF(mine, bad) {
			t.Errorf("%s value is accepted", name)
		}
	}
	if strings.Contains(value, mine) {
		t.Error("the form shows the session's token")
	}
}

func TestWithoutASessionNoFormIsAccepted(t *testing.T) {
	if ValidCSRF("", CSRF("")) {
		t.Error("the form of no session is accepted")
	}
}

func flip(s string, i int) string {
	b := []byte(s)
	b[i] ^= 1
	return string(b)
}

func TestFailedSignInsWaitLongerAndLonger(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		failures int
		ago      time.Duration
		want     time.Duration
	}{
		{0, 0, 0}, {4, 0, 0}, {-1, 0, 0},
		{5, 0, time.Second}, {6, 0, 2 * time.Second}, {7, 0, 4 * time.Second}, {14, 0, 512 * time.Second},
		{15, 0, 15 * time.Minute}, {16, 0, 15 * time.Minute}, {1 << 40, 0, 15 * time.Minute},
		{5, 400 * time.Millisecond, 600 * time.Millisecond}, {5, time.Second, 0}, {5, time.Minute, 0},
		{20, 14 * time.Minute, time.Minute}, {20, 15 * time.Minute, 0}, {20, 48 * time.Hour, 0},
		{5, -time.Hour, time.Second}, {99, -time.Hour, 15 * time.Minute},
	} {
		if got := Wait(c.failures, now.Add(-c.ago), now); got != c.want {
			t.Errorf("Wait(%d failures, last %v ago) = %v, want %v", c.failures, c.ago, got, c.want)
		}
	}
	if got := Wait(99, time.Time{}, now); got != 0 {
		t.Errorf("failures at no known time wait %v", got)
	}
}

// A secret compared byte by byte with == or bytes.Equal tells, by its time, how much of a guess was right.
func TestSecretsAreComparedInConstantTimeOnly(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	constant := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && !literal(n.X) && !literal(n.Y) {
					t.Errorf("%s: two values compared with %s", fset.Position(n.Pos()), n.Op)
				}
			case *ast.SelectorExpr:
				x, _ := n.X.(*ast.Ident)
				switch {
				case x == nil:
				case x.Name == "subtle" && n.Sel.Name == "ConstantTimeCompare", x.Name == "hmac" && n.Sel.Name == "Equal":
					constant++
				case x.Name == "bytes", n.Sel.Name == "EqualFold", n.Sel.Name == "DeepEqual":
					t.Errorf("%s: %s.%s", fset.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
	if constant != 2 {
		t.Errorf("%d comparisons in constant time, want one of passwords and one of form tokens", constant)
	}
}

func literal(e ast.Expr) bool {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name == "nil"
	}
	_, ok := e.(*ast.BasicLit)
	return ok
}
