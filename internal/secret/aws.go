package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"daybook/internal/fault"
)

// patience is for one request: a start waits for its secrets.
const patience = 10 * time.Second

// fromSecretsManager reads NAME or NAME#key, where the key is one of the secret's JSON object.
func fromSecretsManager(ctx context.Context, ref string) (string, error) {
	name, key, keyed := strings.Cut(ref, "#")
	if name == "" || keyed && key == "" {
		return "", fault.New(fault.Invalid, "aws-secretsmanager: is followed by no name, or by # and no key", "write aws-secretsmanager:NAME or aws-secretsmanager:NAME#key")
	}
	cfg, err := awsConfig(ctx, name)
	if err != nil {
		return "", err
	}
	what := "the secret " + name + " of AWS Secrets Manager"
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(name)})
	if err != nil {
		return "", refusal(what, "secretsmanager:GetSecretValue", err)
	}
	value := aws.ToString(out.SecretString)
	if out.SecretString == nil {
		value = string(out.SecretBinary)
	}
	if keyed {
		return field(what, key, value)
	}
	return present(what, value)
}

// fromParameterStore reads a parameter, decrypted.
func fromParameterStore(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", fault.New(fault.Invalid, "no name follows aws-ssm:", "write aws-ssm:NAME")
	}
	cfg, err := awsConfig(ctx, name)
	if err != nil {
		return "", err
	}
	what := "the parameter " + name + " of AWS Systems Manager"
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", refusal(what, "ssm:GetParameter", err)
	}
	if out.Parameter == nil {
		return present(what, "")
	}
	return present(what, aws.ToString(out.Parameter.Value))
}

// awsConfig is the environment's, in the region of a name that is an ARN.
func awsConfig(ctx context.Context, name string) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(patience))}
	if arn := strings.Split(name, ":"); arn[0] == "arn" && len(arn) > 5 {
		load = append(load, config.WithRegion(arn[3]))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, fault.Wrap(fault.Invalid, err, "the AWS configuration cannot be read", "see AWS_REGION, AWS_PROFILE and ~/.aws")
	}
	if cfg.Region == "" {
		return aws.Config{}, fault.New(fault.Invalid, "no AWS region is set to look a secret up in", "set AWS_REGION, or name the secret by its ARN")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, fault.Wrap(fault.Refused, err, "there are no AWS credentials to look a secret up with", "give Daybook a role, a profile or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	return cfg, nil
}

// field takes one value of a JSON object; a number is taken as it is written.
func field(what, key, text string) (string, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil { // its error could repeat the text
		return "", fault.New(fault.Invalid, what+" is no JSON object", "name it without #"+key)
	}
	raw, ok := object[key]
	if !ok {
		return "", fault.New(fault.NotFound, fmt.Sprintf("%s has no key %s", what, key), "write one of its keys behind #")
	}
	switch raw[0] {
	case '"':
		var value string
		if json.Unmarshal(raw, &value) != nil {
			return "", fault.New(fault.Invalid, fmt.Sprintf("the key %s of %s is no text", key, what), "")
		}
		return present(what+", key "+key+",", value)
	case '{', '[', 'n': // null
		return "", fault.New(fault.Invalid, fmt.Sprintf("the key %s of %s is neither text nor a number", key, what), "name a key whose value is the secret")
	}
	return string(raw), nil
}

func present(what, value string) (string, error) {
	if value == "" {
		return "", fault.New(fault.Invalid, what+" is empty", "put the secret into it")
	}
	return value, nil
}

// refusal says what AWS's error means. Of an answer that cannot be read nothing is repeated: it may hold the secret.
func refusal(what, action string, err error) error {
	var said smithy.APIError
	if !errors.As(err, &said) {
		var unsent *smithyhttp.RequestSendError
		switch {
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("look up %s: %w", what, err)
		case errors.As(err, &unsent):
			return fault.Wrap(fault.Unavailable, unsent.Err, "look up "+what, "see whether this machine reaches AWS in the region that is set")
		}
		return fault.New(fault.Unavailable, "the answer for "+what+" cannot be read", "try again")
	}
	answer := said.ErrorCode()
	if text := said.ErrorMessage(); text != "" {
		answer += ": " + text
	}
	in := func(codes ...string) bool { return slices.Contains(codes, said.ErrorCode()) }
	switch {
	case in("ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"):
		return fault.New(fault.NotFound, what+" does not exist: "+answer, "look at the name and the region, AWS_REGION")
	case in("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "ExpiredTokenException",
		"IncompleteSignature", "MissingAuthenticationTokenException", "DecryptionFailure"):
		return fault.New(fault.Refused, what+" may not be read: "+answer, "let the role of Daybook do "+action+", and decrypt with the secret's key")
	case in("ValidationException", "InvalidParameterException", "InvalidRequestException"):
		return fault.New(fault.Invalid, what+" cannot be read: "+answer, "look at the name; a secret that is being deleted has to be restored")
	}
	return fault.New(fault.Unavailable, what+" cannot be read now: "+answer, "try again")
}
