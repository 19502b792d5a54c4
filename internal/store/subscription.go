package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// What a person can choose instead of every release of a report.
const (
	CadenceOff    = "off"
	CadenceWeekly = "weekly"
)

// Subscription is how often a person wants a report. Who has none gets every release.
type Subscription struct {
	Person, Report string
	Cadence        string // a Cadence constant
	At             time.Time
}

const subscriptionColumns = "person, report, cadence, at"

func (b *Subscription) fields() []any {
	return []any{&b.Person, &b.Report, &b.Cadence, (*instant)(&b.At)}
}

// SetSubscription records what a person chose for a report; an empty Cadence is every release again.
func (s *Store) SetSubscription(ctx context.Context, b Subscription) error {
	query, args := upsert("subscription", subscriptionColumns, 2), b.fields()
	if b.Cadence == "" {
		query, args = "DELETE FROM subscription WHERE person = $1 AND report = $2", []any{b.Person, b.Report}
	}
	if _, err := s.write.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("subscribe person %s to %s: %w", b.Person, b.Report, err)
	}
	return nil
}

// Subscriptions returns the cadence of everyone who chose one for a report, by the id of the person.
func (s *Store) Subscriptions(ctx context.Context, report string) (map[string]string, error) {
	list, err := all[Subscription](ctx, s.read, "SELECT "+subscriptionColumns+" FROM subscription WHERE report = $1", report)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions of %s: %w", report, err)
	}
	cadences := make(map[string]string, len(list))
	for _, b := range list {
		cadences[b.Person] = b.Cadence
	}
	return cadences, nil
}

// SubscriptionsOf returns what a person chose, by report.
func (s *Store) SubscriptionsOf(ctx context.Context, person string) ([]Subscription, error) {
	list, err := all[Subscription](ctx, s.read, "SELECT "+subscriptionColumns+" FROM subscription WHERE person = $1 ORDER BY report", person)
	if err != nil {
		return nil, fmt.Errorf("read the subscriptions of person %s: %w", person, err)
	}
	return list, nil
}

// tokenSize is the random bytes of a token: nobody guesses one.
const tokenSize = 32

type unsubscribeToken struct {
	token, person, report string
	created               time.Time
}

const unsubscribeColumns = "token, person, report, created"

func (u *unsubscribeToken) fields() []any {
	return []any{&u.token, &u.person, &u.report, (*instant)(&u.created)}
}

// UnsubscribeTokens returns the token of each person for a report, by the id of the person: base64url, without padding. A
// token is made once and stays, so that the link in an old mail works.
func (s *Store) UnsubscribeTokens(ctx context.Context, report string, persons []string, now time.Time) (map[string]string, error) {
	tokens, missing, err := s.unsubscribeTokens(ctx, report, persons)
	if err == nil && len(missing) > 0 {
		if err = s.makeTokens(ctx, report, missing, now); err == nil {
			tokens, _, err = s.unsubscribeTokens(ctx, report, persons)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("give tokens to unsubscribe from %s: %w", report, err)
	}
	return tokens, nil
}

func (s *Store) unsubscribeTokens(ctx context.Context, report string, persons []string) (tokens map[string]string, missing []string, err error) {
	list, err := all[unsubscribeToken](ctx, s.read, "SELECT "+unsubscribeColumns+" FROM unsubscribe_token WHERE report = $1", report)
	if err != nil {
		return nil, nil, err
	}
	made := make(map[string]string, len(list))
	for _, u := range list {
		made[u.person] = u.token
	}
	tokens = make(map[string]string, len(persons))
	for _, person := range persons {
		token, ok := made[person]
		if !ok {
			missing = append(missing, person)
			continue
		}
		tokens[person] = token
	}
	return tokens, missing, nil
}

// makeTokens makes a token for each person; of two callers at once, the first one's is kept.
func (s *Store) makeTokens(ctx context.Context, report string, persons []string, now time.Time) error {
	rows := make([][]any, len(persons))
	for i, person := range slices.Sorted(slices.Values(persons)) { // in one order, or two callers could wait for each other
		secret := make([]byte, tokenSize)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		u := unsubscribeToken{token: base64.RawURLEncoding.EncodeToString(secret), person: person, report: report, created: now}
		rows[i] = u.fields()
	}
	return s.inTx(ctx, func(t *tx) error {
		_, err := insertNew(ctx, t, "unsubscribe_token", unsubscribeColumns, rows)
		return err
	})
}

// UnsubscribeToken returns whose token it is, and for which report.
func (s *Store) UnsubscribeToken(ctx context.Context, token string) (person, report string, err error) {
	u, err := one[unsubscribeToken](ctx, s.read, "SELECT "+unsubscribeColumns+" FROM unsubscribe_token WHERE token = $1", token)
	if err != nil {
		return "", "", asFault(err, "read the", "such token")
	}
	return u.person, u.report, nil
}
