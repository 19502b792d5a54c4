package auth

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"daybook/internal/fault"
)

const password = "아침 보고서 일곱 시"

func TestRightPasswordIsAcceptedAndEveryOtherRefused(t *testing.T) {
	ctx, h := context.Background(), NewHasher(2)
	hash, err := h.Hash(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(hash) {
		t.Errorf("hash %s", hash)
	}
	if ok, rehash, err := h.Verify(ctx, password, hash); !ok || rehash || err != nil {
		t.Errorf("right password: %v %v %v", ok, rehash, err)
	}
	for _, wrong := range []string{"", password + " ", password[:len(password)-3], strings.ToUpper(hash), hash} {
		if ok, rehash, err := h.Verify(ctx, wrong, hash); ok || rehash || err != nil {
			t.Errorf("%q: %v %v %v", wrong, ok, rehash, err)
		}
	}
}

func TestSamePasswordHasADifferentHashEachTime(t *testing.T) {
	ctx, h := context.Background(), NewHasher(1)
	a, _ := h.Hash(ctx, password)
	b, _ := h.Hash(ctx, password)
	if a == b {
		t.Error("two hashes share a salt")
	}
}

func TestComposedAndDecomposedTextIsOnePassword(t *testing.T) {
	ctx, h := context.Background(), NewHasher(1)
	hash, err := h.Hash(ctx, "caf\u00e9 au lait \ud55c\uae00")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(ctx, "cafe\u0301 au lait \u1112\u1161\u11ab\u1100\u1173\u11af", hash); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestShortAndEndlessPasswordsAreRefused(t *testing.T) {
	ctx, h := context.Background(), NewHasher(1)
	for _, c := range []struct {
		password string
		refused  bool
	}{
		{"", true}, {"123456789", true}, {"1234567890", false}, {"가나다라마바사아자", true}, {"가나다라마바사아자차", false},
		{strings.Repeat("x", MaxLength), false}, {strings.Repeat("x", MaxLength+1), true},
	} {
		_, err := h.Hash(ctx, c.password)
		if fault.Is(err, fault.Invalid) != c.refused {
			t.Errorf("%d bytes: %v", len(c.password), err)
		}
	}
	hash, _ := h.Hash(ctx, strings.Repeat("x", MaxLength))
	if ok, _, err := h.Verify(ctx, strings.Repeat("x", 10<<20), hash); ok || err != nil {
		t.Errorf("a password of 10 MiB: %v %v", ok, err)
	}
}

func TestNobodysPasswordCostsAsMuchAndIsNeverRight(t *testing.T) {
	h := NewHasher(1)
	calls := 0
	h.derive = func(_, _ []byte, passes, memory uint32, lanes uint8, length uint32) []byte {
		calls++
		if got := (cost{memory, passes, lanes}); got != current {
			t.Errorf("cost %+v", got)
		}
		return make([]byte, length) // equal to the zero key it is compared with
	}
	for _, p := range []string{password, "", strings.Repeat("x", 1000)} {
		if ok, rehash, err := h.Verify(context.Background(), p, ""); ok || rehash || err != nil {
			t.Errorf("%v %v %v", ok, rehash, err)
		}
	}
	if calls != 3 {
		t.Errorf("%d hashes for 3 sign-ins", calls)
	}
}

func TestHashOfALowerCostIsRightAndAsksForANewOne(t *testing.T) {
	ctx, h := context.Background(), NewHasher(1)
	salt := []byte("0123456789abcdef")
	for name, p := range map[string]phc{
		"memory": {cost{8192, 2, 1}, salt, make([]byte, 32)},
		"passes": {cost{19456, 1, 1}, salt, make([]byte, 32)},
		"salt":   {cost{19456, 2, 1}, salt[:8], make([]byte, 32)},
		"key":    {cost{19456, 2, 1}, salt, make([]byte, 16)},
	} {
		p.key = argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key)))
		if ok, rehash, err := h.Verify(ctx, password, p.String()); !ok || !rehash || err != nil {
			t.Errorf("%s: %v %v %v", name, ok, rehash, err)
		}
		if ok, rehash, _ := h.Verify(ctx, "wrong", p.String()); ok || rehash {
			t.Errorf("%s: a wrong password asks for a new hash", name)
		}
	}
	higher := phc{cost{32768, 3, 2}, salt, nil}
	higher.key = argon2.IDKey([]byte(password), salt, 3, 32768, 2, 32)
	if ok, rehash, err := h.Verify(ctx, password, higher.String()); !ok || rehash || err != nil {
		t.Errorf("higher cost: %v %v %v", ok, rehash, err)
	}
}

// From the argon2 reference implementation: password "password", salt "somesalt", t=2, m=65536, p=1.
func TestHashesOfOtherProgramsAreRead(t *testing.T) {
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, rehash, err := NewHasher(1).Verify(context.Background(), "password", reference); !ok || !rehash || err != nil {
		t.Errorf("%v %v %v", ok, rehash, err)
	}
}

const salt22, key43 = "c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestUnreadableHashIsDamagedAndNeverPrinted(t *testing.T) {
	h := NewHasher(1)
	h.derive = func(_, _ []byte, _, _ uint32, _ uint8, length uint32) []byte {
		t.Error("a hash was computed for it")
		return make([]byte, length)
	}
	for _, bad := range []string{
		"x", "$", "$$$$$", "password", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$m=19456,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$t=2,m=19456,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=2$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=4294967296,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=-1,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=7,t=2,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=0,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=4000000000,p=1$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=0$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=255$" + salt22 + "$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=1$$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$AAAA",
		"$argon2id$v=19$m=19456,t=2,p=1$!!!!$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "==$" + key43,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$" + strings.Repeat("A", 200),
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43 + "$",
	} {
		ok, _, err := h.Verify(context.Background(), password, bad)
		if ok || !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v %v", bad, ok, err)
			continue
		}
		if strings.Contains(err.Error(), key43) || strings.Contains(err.Error(), salt22) {
			t.Errorf("the error shows the hash: %v", err)
		}
	}
}

func TestNoMorePasswordsThanAllowedAreHashedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(2)
		var inside, most, done atomic.Int32
		release := make(chan struct{})
		h.derive = func(_, _ []byte, _, _ uint32, _ uint8, length uint32) []byte {
			most.Store(max(most.Load(), inside.Add(1)))
			<-release
			inside.Add(-1)
			return make([]byte, length)
		}
		for range 7 {
			go func() {
				if _, _, err := h.Verify(t.Context(), password, ""); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}()
		}
		synctest.Wait()
		if inside.Load() != 2 {
			t.Errorf("%d at once, want 2", inside.Load())
		}
		close(release)
		synctest.Wait()
		if done.Load() != 7 || most.Load() != 2 {
			t.Errorf("%d done, %d at once at most", done.Load(), most.Load())
		}
	})
}

func TestSignInThatFindsNoRoomGivesUpWithItsRequest(t *testing.T) {
	h := NewHasher(0)
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Hash(ctx, password); !fault.Is(err, fault.Busy) {
		t.Errorf("Hash: %v", err)
	}
	if ok, _, err := h.Verify(ctx, password, ""); ok || !fault.Is(err, fault.Busy) {
		t.Errorf("Verify: %v %v", ok, err)
	}
	<-h.slots
	if _, err := h.Hash(context.Background(), password); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$" + salt22 + "$" + key43)
	f.Add("$argon2id$v=19$m=08,t=1,p=1$AAAAAAAAAAA\n$" + key43)
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.memory > 64*1024 || p.passes > 10 || p.lanes > 4 || p.lanes < 1 || len(p.key) > 64 || len(p.key) < 16 || len(p.salt) < 8 {
			t.Errorf("%q: %+v", s, p)
		}
		again, err := parsePHC(p.String())
		if err != nil || !cmp.Equal(p, again, cmp.AllowUnexported(phc{}, cost{})) {
			t.Errorf("%q reads back as %+v, %v", s, again, err)
		}
	})
}
