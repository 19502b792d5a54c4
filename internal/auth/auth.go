// Package auth proves who is asking: password hashes, random tokens, form tokens, and how long failed sign-ins wait.
package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// NewToken returns 32 random bytes as base64url for the cookie or the link, and the hash that the store keeps.
func NewToken() (token, hash string) {
	b := make([]byte, 32)
	rand.Read(b) // never fails: the program ends when the system has no randomness
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, TokenHash(token)
}

// TokenHash is the SHA-256 of a token in hex, by which the store finds it. A token is random enough to need no slow hash.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CSRF is the value that the forms of a session carry, as base64url. It needs the session's token to make and does not give it away.
func CSRF(sessionToken string) string {
	mac := hmac.New(sha256.New, []byte(sessionToken))
	mac.Write([]byte("daybook form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ValidCSRF reports whether a form's value belongs to the session. Without a session no value does.
func ValidCSRF(sessionToken, value string) bool {
	return sessionToken != "" && hmac.Equal([]byte(CSRF(sessionToken)), []byte(value))
}

const (
	freeFailures = 5                // failed sign-ins before the first wait
	firstWait    = time.Second      // doubled with every further failure
	Window       = 15 * time.Minute // failures older than this are forgiven, and no wait is longer
)

// Wait is how long the next sign-in must still wait, given how many failed within Window before now and when the last of them did.
func Wait(failures int, last, now time.Time) time.Duration {
	since := now.Sub(last)
	if failures < freeFailures || since >= Window {
		return 0
	}
	wait := firstWait
	for n := freeFailures; n < failures && wait < Window; n++ {
		wait *= 2
	}
	wait = min(wait, Window)
	// A clock that was set back must not lock anybody out for longer than the wait itself.
	return max(0, wait-max(0, since))
}
