package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"daybook/internal/fault"
	"daybook/internal/project"
)

func awsRequest(endpoint string) (Request, *[]time.Duration) {
	waits := new([]time.Duration)
	return Request{
		Now:    time.Now,
		Source: project.Source{Name: "searches", File: "sources/searches.yaml", Line: 1, AWS: project.AWS{Endpoint: endpoint, AccessKey: "env:ACCESS", SecretKey: "env:SECRET"}},
		Secret: func(_ context.Context, ref string) (string, error) { return "hidden-" + ref, nil },
		Wait:   func(ctx context.Context, d time.Duration) error { *waits = append(*waits, d); return ctx.Err() },
	}, waits
}

// awsAnswered makes a call that the server answers as told.
func awsAnswered(t *testing.T, answer http.HandlerFunc) (waits []time.Duration, err error) {
	t.Helper()
	server := httptest.NewServer(answer)
	defer server.Close()
	r, noted := awsRequest(server.URL)
	cfg, err := awsConfig(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	err = awsAsk(t.Context(), r, "list tables", func(ctx context.Context) error {
		_, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{})
		return err
	})
	return *noted, err
}

func awsSaying(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)
	}
}

func TestErrorsOfAWSSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		fault  string
		waits  int
		says   string
	}{
		{400, "AccessDeniedException", fault.Refused, 0, "AccessDeniedException: the reason; allow it"},
		{400, "UnrecognizedClientException", fault.Refused, 0, "does not accept the credentials (UnrecognizedClientException)"},
		{400, "ExpiredTokenException", fault.Refused, 0, "does not accept the credentials (ExpiredTokenException)"},
		{400, "ThrottlingException", fault.Unavailable, awsPatience - 1, "too busy 12 times: ThrottlingException: the reason"},
		{500, "InternalServerError", fault.Unavailable, awsPatience - 1, "InternalServerError: the reason"},
		{400, "ValidationException", fault.Invalid, 0, "sources/searches.yaml:1: list tables for source searches: ValidationException: the reason"},
	} {
		waits, err := awsAnswered(t, awsSaying(c.status, c.code, "the reason"))
		if !fault.Is(err, c.fault) || !strings.Contains(err.Error(), c.says) || fault.Hint(err) == "" || len(waits) != c.waits {
			t.Errorf("%s: %v after %d waits, want %q", c.code, err, len(waits), c.says)
		}
	}
}

func TestWhatAWSSaysOfASignatureIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := awsAnswered(t, awsSaying(400, "InvalidSignatureException", "The Canonical String should have been … hidden-env:SECRET"))
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v", err)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), "hidden") {
			t.Errorf("the chain of the error has %v", e)
		}
	}
}

func TestBusyServiceIsAskedAgainAfterTheWaitThatItNames(t *testing.T) {
	t.Parallel()
	calls := 0
	waits, err := awsAnswered(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls++; calls {
		case 1:
			w.Header().Set("Retry-After", "7")
			awsSaying(503, "ServiceUnavailable", "soon")(w, r)
		case 2:
			awsSaying(400, "ThrottlingException", "slow down")(w, r)
		case 4:
			w.Header().Set("Retry-After", "9223372036854775807")
			awsSaying(503, "ServiceUnavailable", "in some centuries")(w, r)
		case 3:
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"Ta`) // and no more
		default:
			_, _ = io.WriteString(w, `{"TableNames":[]}`)
		}
	})
	if err != nil || fmt.Sprint(waits) != "[7s 1s 2s 1h0m0s]" {
		t.Errorf("waits %v, error %v", waits, err)
	}
}

func TestCancelledCallIsNoFault(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := awsRequest("http://127.0.0.1:1")
	r.Wait = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	err := awsAsk(ctx, r, "list tables", func(context.Context) error { cancel(); return errors.New("request failed: hidden") })
	if !errors.Is(err, context.Canceled) || fault.Code(err) != "" || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v", err)
	}
}

func TestSettingsOfASourceComeBeforeTheEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "from the environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the environment")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	r, _ := awsRequest("http://localhost:1")
	for _, c := range []struct{ region, want, access, key string }{{"", "eu-west-1", "env:ACCESS", "hidden-env:ACCESS"}, {"ap-northeast-2", "ap-northeast-2", "", "from the environment"}} {
		r.Source.AWS.Region, r.Source.AWS.AccessKey = c.region, c.access
		cfg, err := awsConfig(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := cfg.Credentials.Retrieve(t.Context())
		if err != nil || cfg.Region != c.want || keys.AccessKeyID != c.key || aws.ToString(cfg.BaseEndpoint) != "http://localhost:1" {
			t.Errorf("region %s, key %s, endpoint %s: %v", cfg.Region, keys.AccessKeyID, aws.ToString(cfg.BaseEndpoint), err)
		}
	}
	t.Setenv("AWS_REGION", "")
	r.Source.AWS = project.AWS{}
	if _, err := awsConfig(t.Context(), r); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "names no AWS region") {
		t.Errorf("no region: %v", err)
	}
	denied := errors.New("no such variable")
	r.Source.AWS = project.AWS{Region: "eu-west-1", AccessKey: "env:A", SecretKey: "env:B"}
	r.Secret = func(context.Context, string) (string, error) { return "", denied }
	if _, err := awsConfig(t.Context(), r); !errors.Is(err, denied) {
		t.Errorf("no secret: %v", err)
	}
}
