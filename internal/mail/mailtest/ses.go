package mailtest

import (
	"testing"

	"daybook/internal/mail"
	"daybook/internal/mail/sesdouble"
)

// SES is a double of SES and SQS that ends with the test.
func SES(t testing.TB) *sesdouble.Server {
	t.Helper()
	s, err := sesdouble.Start(sesdouble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// SESOptions are for a client of the double.
func SESOptions(s *sesdouble.Server) mail.SESOptions {
	return mail.SESOptions{Region: sesdouble.Region, Endpoint: s.URL, ConfigurationSet: sesdouble.ConfigurationSet, AccessKey: sesdouble.AccessKey, SecretKey: sesdouble.SecretKey}
}
