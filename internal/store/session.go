package store

import (
	"context"
	"fmt"
	"time"
)

// Session is a signed-in browser. The token itself is never stored, only its SHA-256.
type Session struct {
	Hash             string // SHA-256 of the token, in hex
	Person, CSRF     string
	Created, Expires time.Time
}

const sessionColumns = "hash, person, csrf, created, expires"

func (n *Session) fields() []any {
	return []any{&n.Hash, &n.Person, &n.CSRF, (*instant)(&n.Created), (*instant)(&n.Expires)}
}

// CreateSession records a session and forgets those that expired before it was created.
func (s *Store) CreateSession(ctx context.Context, n Session) error {
	err := s.inTx(ctx, func(t *tx) error {
		if _, err := t.ExecContext(ctx, "DELETE FROM session WHERE expires <= $1", micros(n.Created)); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, insert("session", sessionColumns), n.fields()...)
		return err
	})
	if err != nil {
		return fmt.Errorf("create a session: %w", err)
	}
	return nil
}

// Session returns the session with the token's hash; one that has expired by now does not exist.
func (s *Store) Session(ctx context.Context, hash string, now time.Time) (Session, error) {
	n, err := one[Session](ctx, s.read, "SELECT "+sessionColumns+" FROM session WHERE hash = $1 AND expires > $2", hash, micros(now))
	if err != nil {
		return Session{}, asFault(err, "read the", "such session")
	}
	return n, nil
}

// ExtendSession moves the end of a session.
func (s *Store) ExtendSession(ctx context.Context, hash string, expires time.Time) error {
	err := found(s.write.ExecContext(ctx, "UPDATE session SET expires = $1 WHERE hash = $2", micros(expires), hash))
	if err != nil {
		return asFault(err, "extend the", "such session")
	}
	return nil
}

// DeleteSession ends a session; ending one that does not exist is no error.
func (s *Store) DeleteSession(ctx context.Context, hash string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM session WHERE hash = $1", hash); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// DeleteSessions ends every session of a person, for a changed password or a disabled account.
func (s *Store) DeleteSessions(ctx context.Context, person string) error {
	if _, err := s.write.ExecContext(ctx, "DELETE FROM session WHERE person = $1", person); err != nil {
		return fmt.Errorf("end the sessions of person %s: %w", person, err)
	}
	return nil
}

// Token is what a person was sent to prove an address, for one purpose and once.
type Token struct {
	Purpose                string
	Hash                   string // SHA-256 of the token, in hex
	Person                 string // empty for who is not known yet, such as the first admin
	Created, Expires, Used time.Time
}

const tokenColumns = "purpose, hash, person, created, expires, used"

func (k *Token) fields() []any {
	return []any{&k.Purpose, &k.Hash, (*reference)(&k.Person), (*instant)(&k.Created), (*instant)(&k.Expires), (*instant)(&k.Used)}
}

// CreateToken records a token and forgets those that expired before it was created.
func (s *Store) CreateToken(ctx context.Context, k Token) error {
	err := s.inTx(ctx, func(t *tx) error {
		if _, err := t.ExecContext(ctx, "DELETE FROM token WHERE expires <= $1", micros(k.Created)); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, insert("token", tokenColumns), k.fields()...)
		return err
	})
	if err != nil {
		return fmt.Errorf("create a token: %w", err)
	}
	return nil
}

// UseToken marks a token used and returns it. One that was used, has expired or was made for another purpose does not
// exist; of several callers one gets it.
func (s *Store) UseToken(ctx context.Context, purpose, hash string, now time.Time) (Token, error) {
	k, err := one[Token](ctx, s.write, "UPDATE token SET used = $1 WHERE purpose = $2 AND hash = $3 AND used = 0 AND expires > $4 RETURNING "+tokenColumns,
		micros(now), purpose, hash, micros(now))
	if err != nil {
		return Token{}, asFault(err, "use the", "such token")
	}
	return k, nil
}

// signInMemory is how long sign-ins are remembered; a throttle cannot look back further.
const signInMemory = 24 * time.Hour

// RecordSignIn remembers for a day that somebody tried to sign in under the key (an address, a network address).
func (s *Store) RecordSignIn(ctx context.Context, key string, ok bool, at time.Time) error {
	err := s.inTx(ctx, func(t *tx) error {
		id, err := newID()
		if err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, "DELETE FROM sign_in WHERE at < $1", micros(at.Add(-signInMemory))); err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, "INSERT INTO sign_in (id, subject, ok, at) VALUES ($1, $2, $3, $4)", id, prose(key), ok, micros(at))
		return err
	})
	if err != nil {
		return fmt.Errorf("record a sign-in: %w", err)
	}
	return nil
}

// FailedSignIns counts the failures under the key from since on. A success does not clear them: who owns one account
// could otherwise go on guessing at others.
func (s *Store) FailedSignIns(ctx context.Context, key string, since time.Time) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sign_in WHERE subject = $1 AND NOT ok AND at >= $2", prose(key), micros(since)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count failed sign-ins: %w", err)
	}
	return n, nil
}
