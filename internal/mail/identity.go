package mail

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"daybook/internal/fault"
)

// Identity is an address or a domain that SES was told to send for.
type Identity struct {
	Name           string   // the address or the domain that was found
	Type           string   // EMAIL_ADDRESS or DOMAIN
	Verified       bool     // may be sent from
	DKIM           string   // SUCCESS, PENDING, FAILED, TEMPORARY_FAILURE or NOT_STARTED
	DKIMTokens     []string // each a CNAME: TOKEN._domainkey.DOMAIN to TOKEN.dkim.amazonses.com
	Signing        bool     // mail is signed with DKIM
	MailFrom       string   // the custom MAIL FROM domain; empty: SES's own
	MailFromStatus string   // SUCCESS, PENDING, FAILED or TEMPORARY_FAILURE; empty without a domain
}

// Identity is what SES would send for: of an address itself, else of its domain or a domain above that, a verified one before one
// that is not. The name may be a domain as well. Where SES knows none of them the error is a *fault.Error of code not_found.
func (s *SES) Identity(ctx context.Context, name string) (Identity, error) {
	var found *Identity
	for _, candidate := range identities(name) {
		out, err := s.client.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(candidate)}, patient)
		var missing *types.NotFoundException
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return Identity{}, askFault(err, "the identity of "+candidate, "ses:GetEmailIdentity")
		}
		i := identity(candidate, out)
		if i.Verified {
			return i, nil
		}
		if found == nil {
			found = &i
		}
	}
	if found == nil {
		return Identity{}, fault.New(fault.NotFound, "SES has no identity for "+name, "verify its domain in this region")
	}
	return *found, nil
}

// identities are the names that cover an address: SES lets a verified domain send for its subdomains.
func identities(name string) []string {
	name = strings.ToLower(name)
	var list []string
	domain := name
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		list, domain = append(list, name), name[at+1:]
	}
	for strings.Contains(domain, ".") {
		list = append(list, domain)
		_, domain, _ = strings.Cut(domain, ".")
	}
	return list
}

func identity(name string, out *sesv2.GetEmailIdentityOutput) Identity {
	i := Identity{Name: name, Type: string(out.IdentityType), Verified: out.VerifiedForSendingStatus}
	if d := out.DkimAttributes; d != nil {
		i.DKIM, i.DKIMTokens, i.Signing = string(d.Status), d.Tokens, d.SigningEnabled
	}
	if m := out.MailFromAttributes; m != nil && aws.ToString(m.MailFromDomain) != "" {
		i.MailFrom, i.MailFromStatus = *m.MailFromDomain, string(m.MailFromDomainStatus)
	}
	return i
}

// ConfigurationSet is the set that the sender names, and where its events go.
type ConfigurationSet struct {
	Name         string
	Sending      bool // false: paused for this set
	Destinations []Destination
}

// Destination is one place that SES publishes events to.
type Destination struct {
	Name    string
	Kind    string // sns, eventbridge, firehose, cloudwatch or pinpoint
	Target  string // the topic's, bus's or stream's ARN; empty for cloudwatch
	Enabled bool
	Events  []string // SEND, DELIVERY, BOUNCE, …
}

// ConfigurationSet asks for the sender's set. Without one the result is the zero value; one that does not exist is a *fault.Error
// of code not_found.
func (s *SES) ConfigurationSet(ctx context.Context) (ConfigurationSet, error) {
	if s.configurationSet == "" {
		return ConfigurationSet{}, nil
	}
	name := aws.String(s.configurationSet)
	set, err := s.client.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: name}, patient)
	if err != nil {
		return ConfigurationSet{}, s.setFault(err, "ses:GetConfigurationSet")
	}
	out, err := s.client.GetConfigurationSetEventDestinations(ctx, &sesv2.GetConfigurationSetEventDestinationsInput{ConfigurationSetName: name}, patient)
	if err != nil {
		return ConfigurationSet{}, s.setFault(err, "ses:GetConfigurationSetEventDestinations")
	}
	c := ConfigurationSet{Name: s.configurationSet, Sending: set.SendingOptions == nil || set.SendingOptions.SendingEnabled}
	for _, d := range out.EventDestinations {
		c.Destinations = append(c.Destinations, destination(d))
	}
	return c, nil
}

func (s *SES) setFault(err error, action string) error {
	var missing *types.NotFoundException
	if errors.As(err, &missing) {
		return fault.Wrap(fault.NotFound, err, "SES does not know the configuration set "+s.configurationSet, "create it in this region, or correct its name")
	}
	return askFault(err, "the configuration set "+s.configurationSet, action)
}

func destination(d types.EventDestination) Destination {
	to := Destination{Name: aws.ToString(d.Name), Enabled: d.Enabled}
	switch {
	case d.SnsDestination != nil:
		to.Kind, to.Target = "sns", aws.ToString(d.SnsDestination.TopicArn)
	case d.EventBridgeDestination != nil:
		to.Kind, to.Target = "eventbridge", aws.ToString(d.EventBridgeDestination.EventBusArn)
	case d.KinesisFirehoseDestination != nil:
		to.Kind, to.Target = "firehose", aws.ToString(d.KinesisFirehoseDestination.DeliveryStreamArn)
	case d.PinpointDestination != nil:
		to.Kind, to.Target = "pinpoint", aws.ToString(d.PinpointDestination.ApplicationArn)
	case d.CloudWatchDestination != nil:
		to.Kind = "cloudwatch"
	}
	for _, e := range d.MatchingEventTypes {
		to.Events = append(to.Events, string(e))
	}
	return to
}
