package secret

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daybook/internal/fault"
)

// signed is what Signature Version 4 puts into a request.
var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/ap-northeast-2/(secretsmanager|ssm)/aws4_request, SignedHeaders=\S*host\S*x-amz-target, Signature=[0-9a-f]{64}$`)

// fakeAWS answers as the two services do. What it says of a name is in answers: a body that has __type is an error of status 400.
func fakeAWS(t *testing.T, answers map[string]string) (asked *int) {
	t.Helper()
	asked = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var in struct {
			SecretId, Name string
			WithDecryption bool
		}
		if err := json.Unmarshal(body, &in); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if got := r.Header.Get("Authorization"); !signed.MatchString(got) {
			t.Errorf("the request is signed with %q", got)
		}
		target := r.Header.Get("X-Amz-Target")
		if target == "AmazonSSM.GetParameter" && !in.WithDecryption || target != "AmazonSSM.GetParameter" && target != "secretsmanager.GetSecretValue" {
			t.Errorf("%s %s", target, body)
		}
		answer := answers[in.SecretId+in.Name]
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if strings.HasPrefix(answer, `{"__type"`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "ap-northeast-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none")} {
		t.Setenv(name, value)
	}
	return asked
}

func TestReferenceToAWSGivesTheSecretItNames(t *testing.T) {
	arn := "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:db-AbCdEf"
	asked := fakeAWS(t, map[string]string{
		"app/token":       `{"ARN":"` + arn + `","Name":"app/token","SecretString":"s3cr3t\n","VersionStages":["AWSCURRENT"]}`,
		arn:               `{"SecretString":"{\"password\":\"p \\\"q\\\" 비밀\",\"port\":5432}"}`,
		"binary":          `{"SecretBinary":"czNjcjN0"}`,
		"/app/prod/token": `{"Parameter":{"Name":"/app/prod/token","Type":"SecureString","Value":"s3cr3t","Version":3}}`,
	})
	for ref, want := range map[string]string{
		"aws-secretsmanager:app/token":            "s3cr3t\n",
		"aws-secretsmanager:" + arn + "#password": `p "q" 비밀`,
		"aws-secretsmanager:" + arn + "#port":     "5432",
		"aws-secretsmanager:binary":               "s3cr3t",
		"aws-ssm:/app/prod/token":                 "s3cr3t",
	} {
		*asked = 0
		got, err := Resolve(t.Context(), ref, environment, "")
		if err != nil || got != want || *asked != 1 {
			t.Errorf("%s: %q, %v, %d calls", ref, got, err, *asked)
		}
	}
}

func TestWhatAWSRefusesIsAFaultThatSaysSo(t *testing.T) {
	fakeAWS(t, map[string]string{
		"absent":    `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`,
		"/absent":   `{"__type":"ParameterNotFound"}`,
		"closed":    `{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::123456789012:user/daybook is not authorized to perform: secretsmanager:GetSecretValue on resource: closed because no identity-based policy allows the secretsmanager:GetSecretValue action"}`,
		"stranger":  `{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}`,
		"busy":      `{"__type":"ThrottlingException","message":"Rate exceeded"}`,
		"deleted":   `{"__type":"InvalidRequestException","Message":"You can't perform this operation on the secret because it was marked for deletion."}`,
		"object":    `{"SecretString":"{\"password\":\"hunter2\",\"list\":[\"hunter2\"],\"none\":null,\"blank\":\"\"}"}`,
		"plain":     `{"SecretString":"hunter2"}`,
		"empty":     `{"SecretString":""}`,
		"/nothing":  `{}`,
		"truncated": `{"SecretString":"hunter2`,
	})
	for ref, want := range map[string]struct{ code, says string }{
		"aws-secretsmanager:absent":          {fault.NotFound, "Secrets Manager can't find the specified secret."},
		"aws-ssm:/absent":                    {fault.NotFound, "ParameterNotFound"},
		"aws-secretsmanager:closed":          {fault.Refused, "is not authorized to perform"},
		"aws-ssm:stranger":                   {fault.Refused, "The security token included in the request is invalid."},
		"aws-secretsmanager:busy":            {fault.Unavailable, "Rate exceeded"},
		"aws-ssm:busy":                       {fault.Unavailable, "Rate exceeded"},
		"aws-secretsmanager:deleted":         {fault.Invalid, "marked for deletion"},
		"aws-secretsmanager:object#user":     {fault.NotFound, "has no key user"},
		"aws-secretsmanager:object#list":     {fault.Invalid, "neither text nor a number"},
		"aws-secretsmanager:object#none":     {fault.Invalid, "neither text nor a number"},
		"aws-secretsmanager:object#blank":    {fault.Invalid, "is empty"},
		"aws-secretsmanager:plain#password":  {fault.Invalid, "is no JSON object"},
		"aws-secretsmanager:empty":           {fault.Invalid, "is empty"},
		"aws-ssm:/nothing":                   {fault.Invalid, "is empty"},
		"aws-secretsmanager:truncated":       {fault.Unavailable, "cannot be read"},
		"aws-secretsmanager:truncated#hello": {fault.Unavailable, "cannot be read"},
	} {
		got, err := Resolve(t.Context(), ref, environment, "")
		if got != "" || fault.Code(err) != want.code || fault.Hint(err) == "" || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: %q, code %q, %v", ref, got, fault.Code(err), err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats a secret: %v", ref, err)
		}
	}
}

func TestThrottledLookupIsTriedAgain(t *testing.T) {
	answers := map[string]string{"busy": `{"__type":"ThrottlingException","message":"Rate exceeded"}`}
	asked := fakeAWS(t, answers)
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	if _, err := Resolve(t.Context(), "aws-ssm:busy", environment, ""); !fault.Is(err, fault.Unavailable) || *asked != 2 {
		t.Errorf("%d calls, %v", *asked, err)
	}
}

func TestAWSThatCannotBeReachedIsAFault(t *testing.T) {
	fakeAWS(t, nil)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if _, err := Resolve(t.Context(), "aws-ssm:a", environment, ""); !fault.Is(err, fault.Unavailable) || fault.Hint(err) == "" {
		t.Error(err)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := Resolve(t.Context(), "aws-ssm:a", environment, ""); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "region") {
		t.Error(err)
	}
	t.Setenv("AWS_REGION", "ap-northeast-2")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := Resolve(t.Context(), "aws-ssm:a", environment, ""); !fault.Is(err, fault.Refused) || fault.Hint(err) == "" {
		t.Error(err)
	}
}
