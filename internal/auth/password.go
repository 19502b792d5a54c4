package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"daybook/internal/fault"
)

// MinLength and MaxLength bound a new password, in characters.
const (
	MinLength = 10
	MaxLength = 256
)

// cost is what one argon2id hash takes.
type cost struct {
	memory, passes uint32 // memory in KiB
	lanes          uint8
}

// current is the least that OWASP's password storage cheat sheet asks of argon2id.
var current = cost{memory: 19456, passes: 2, lanes: 1}

const (
	saltLength = 16
	keyLength  = 32
)

// Hasher hashes passwords, a bounded number at once: each takes 19 MiB, and anybody may ask for a sign-in.
type Hasher struct {
	slots  chan struct{}
	derive func(password, salt []byte, passes, memory uint32, lanes uint8, length uint32) []byte
}

// NewHasher returns a Hasher that works on at most parallel passwords at once; the others wait for their turn.
func NewHasher(parallel int) *Hasher {
	return &Hasher{slots: make(chan struct{}, max(1, parallel)), derive: argon2.IDKey}
}

// Hash returns the PHC string of a new password. A password that is too short or too long is a fault of code invalid; when
// ctx ends before there is room, the fault's code is busy.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinLength || n > MaxLength {
		return "", fault.New(fault.Invalid, fmt.Sprintf("the password has %d characters", n),
			fmt.Sprintf("choose one of %d to %d characters; a few words are easy to remember", MinLength, MaxLength))
	}
	p := phc{cost: current, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
	rand.Read(p.salt)
	key, err := h.run(ctx, password, p)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// Verify reports whether the password is the hashed one, and if so whether it should be hashed anew at today's cost. An
// empty hash (no such person, or one without a password) takes as long as any other and is never right, so that the time of
// an answer does not tell who exists. A hash that cannot be read is a fault of code damaged, no room before ctx ends one of code busy.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (ok, rehash bool, err error) {
	p := phc{cost: current, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
	known := hash != ""
	if known {
		if p, err = parsePHC(hash); err != nil {
			return false, false, fault.Wrap(fault.Damaged, err, "read the stored password", "give the person a new password")
		}
	}
	if utf8.RuneCountInString(password) > MaxLength {
		password, known = "", false
	}
	key, err := h.run(ctx, password, p)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(key, p.key) == 1 && known
	return ok, ok && p.weak(), nil
}

// run derives the key for p's cost and salt once there is a slot.
func (h *Hasher) run(ctx context.Context, password string, p phc) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Busy, ctx.Err(), "too many sign-ins at once", "try again in a moment")
	}
	defer func() { <-h.slots }()
	// The same Korean text may arrive composed or decomposed, depending on the keyboard.
	return h.derive([]byte(norm.NFC.String(password)), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key))), nil
}

// phc is a hash as stored: $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY, the last two in unpadded base64.
type phc struct {
	cost
	salt, key []byte
}

func (p phc) weak() bool {
	return p.memory < current.memory || p.passes < current.passes || len(p.salt) < saltLength || len(p.key) < keyLength
}

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.lanes,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// parsePHC reads a stored hash. Its numbers are bounded: a row changed by somebody else must not take all memory or hours.
// No part of the hash is in the error.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return phc{}, errors.New("not an argon2id hash")
	}
	if _, err := parameter(parts[2], "v=", argon2.Version, argon2.Version); err != nil {
		return phc{}, err
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return phc{}, errors.New("not three parameters")
	}
	var p phc
	lanes, err := parameter(costs[2], "p=", 1, 4)
	if err != nil {
		return phc{}, err
	}
	p.lanes = uint8(lanes)
	if p.memory, err = parameter(costs[0], "m=", 8*lanes, 64*1024); err != nil {
		return phc{}, err
	}
	if p.passes, err = parameter(costs[1], "t=", 1, 10); err != nil {
		return phc{}, err
	}
	if p.salt, err = stored(parts[4], 8, 64); err != nil {
		return phc{}, fmt.Errorf("salt: %w", err)
	}
	if p.key, err = stored(parts[5], 16, 64); err != nil {
		return phc{}, fmt.Errorf("key: %w", err)
	}
	return p, nil
}

func parameter(s, name string, low, high uint32) (uint32, error) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || uint32(n) < low || uint32(n) > high {
		return 0, fmt.Errorf("parameter %s is not between %d and %d", strings.TrimSuffix(name, "="), low, high)
	}
	return uint32(n), nil
}

func stored(s string, low, high int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	if len(b) < low || len(b) > high {
		return nil, fmt.Errorf("%d bytes, not %d to %d", len(b), low, high)
	}
	return b, nil
}
