package publish

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"daybook/internal/fault"
)

// discreet is a target whose errors and log lines show no secret that it asked for, whatever a driver puts into its messages.
type discreet struct{ target Target }

// Publish is Target.
func (d discreet) Publish(ctx context.Context, r Request) (Result, error) {
	if err := Validate(r.Publication); err != nil {
		return Result{}, err
	}
	var s secrets
	secret, log := r.Secret, r.Log
	r.Secret = func(ctx context.Context, ref string) (string, error) {
		value, err := secret(ctx, ref)
		s.add(value)
		return value, err
	}
	r.Log = func(level, format string, args ...any) { log(level, "%s", s.hide(fmt.Sprintf(format, args...))) }
	result, err := d.target.Publish(ctx, r)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()): // drivers say it in words of their own
		return Result{}, fmt.Errorf("publish %s: %w", r.Publication.Name, ctx.Err())
	}
	return Result{}, fmt.Errorf("publish %s to %s: %w", r.Publication.Name, r.Publication.To, s.clean(err))
}

type secrets struct {
	mu     sync.Mutex
	values []string
}

// inAddress finds the password in an address of any form that targets take.
var inAddress = regexp.MustCompile(`(?s)^(?:[a-z]+://)?[^:@/]*:(.*)@|(?i:password)=('[^']*'|[^\s&]+)`)

func (s *secrets) add(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []string{value}
	for _, m := range inAddress.FindAllStringSubmatch(value, -1) {
		found = append(found, m[1], strings.Trim(m[2], "'"))
	}
	for _, v := range found {
		if plain, err := url.PathUnescape(v); err == nil {
			found = append(found, plain, url.QueryEscape(plain))
		}
	}
	for _, v := range found {
		if len(v) > 3 && !slices.Contains(s.values, v) { // shorter ones would blot out words
			s.values = append(s.values, v)
		}
	}
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
}

func (s *secrets) hide(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.values {
		text = strings.ReplaceAll(text, v, "…")
	}
	return text
}

// clean is err, or an error of the same code and hint without the secrets that err's text shows.
func (s *secrets) clean(err error) error {
	text := s.hide(err.Error())
	if text == err.Error() {
		return err
	}
	if code := fault.Code(err); code != "" {
		return fault.New(code, strings.TrimSuffix(text, "; "+fault.Hint(err)), s.hide(fault.Hint(err)))
	}
	return errors.New(text)
}
