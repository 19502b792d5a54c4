package project

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loadStream loads the small project with a source of a stream.
func loadStream(t *testing.T, text string) (Source, error) {
	t.Helper()
	files := small()
	files["sources/clicks.yaml"] = text + "\ncolumns:\n  id: text\n"
	p, err := Load(write(t, files), env)
	if err != nil {
		return Source{}, err
	}
	for _, s := range p.Sources {
		if s.Name == "clicks" {
			return s, nil
		}
	}
	t.Fatal("the source is not there")
	return Source{}, nil
}

func TestStreamsAreRead(t *testing.T) {
	s, err := loadStream(t, "from: kinesis\nstream: clicks\nfollow: 1h\naws: {region: eu-west-1, access_key: env:A, secret_key: env:B}")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Stream{Name: "clicks", Lateness: 5 * time.Minute, Follow: time.Hour}, s.Stream); d != "" {
		t.Errorf("kinesis (-want +got):\n%s", d)
	}
	if s.Format != "ndjson" || s.Asks != `stream: "clicks"` || s.AWS.Region != "eu-west-1" {
		t.Errorf("%s %q %+v", s.Format, s.Asks, s.AWS)
	}
	s, err = loadStream(t, "from: kafka\ntopic: clicks\nbrokers: [a:9092, b:9092]\ntls: true\nsasl: scram-sha-256\nuser: u\npassword: env:P\nlateness: 2h\non_loss: accept")
	if err != nil {
		t.Fatal(err)
	}
	want := Stream{Name: "clicks", Brokers: []string{"a:9092", "b:9092"}, TLS: true, SASL: "scram-sha-256", User: "u", Password: "env:P", Lateness: 2 * time.Hour, Accept: true}
	if d := cmp.Diff(want, s.Stream); d != "" {
		t.Errorf("kafka (-want +got):\n%s", d)
	}
	if s.Format != "ndjson" || s.Asks != `topic: "clicks"` {
		t.Errorf("%s %q", s.Format, s.Asks)
	}
}

func TestMistakesInStreamsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"from: kinesis": "sources/clicks.yaml:1:1: a source from kinesis names no stream; write stream: and the name of the stream",
		"from: kinesis\nstream: s\nholds: snapshot":                                                 "sources/clicks.yaml:3:8: a stream has days, not a present state",
		"from: kinesis\nstream: s\nformat: csv":                                                     "sources/clicks.yaml:3:9: the records of a stream are JSON",
		"from: kinesis\nstream: s\non_loss: ignore":                                                 `sources/clicks.yaml:3:10: on_loss cannot be "ignore"; write fail, accept`,
		"from: kinesis\nstream: s\nlateness: soon":                                                  `sources/clicks.yaml:3:11: lateness is "soon"`,
		"from: kinesis\nstream: s\ntopic: t":                                                        `sources/clicks.yaml:3:1: unknown key "topic"`,
		"from: kafka\nbrokers: [a:1]":                                                               "sources/clicks.yaml:1:1: a source from kafka names no topic",
		"from: kafka\ntopic: t":                                                                     "sources/clicks.yaml:1:1: a source from kafka names no brokers",
		"from: kafka\ntopic: t\nbrokers: a:1\nsasl: plain":                                          "sources/clicks.yaml:4:7: sasl without a user and a password",
		"from: kafka\ntopic: t\nbrokers: [localhost:1, a:1]\nsasl: plain\nuser: u\npassword: env:P": "sources/clicks.yaml:4:7: sasl: plain sends the password without TLS; write tls: true",
		"from: kafka\ntopic: t\nbrokers: a:1\nuser: u":                                              "sources/clicks.yaml:1:1: a user or a password without sasl",
		"from: kafka\ntopic: t\nbrokers: a:1\nsasl: gssapi\nuser: u":                                `sources/clicks.yaml:4:7: sasl cannot be "gssapi"; write plain, scram-sha-256, scram-sha-512`,
		"from: kafka\ntopic: t\nbrokers: a:1\nsasl: plain\nuser: u\npassword: p":                    "sources/clicks.yaml:6:11: password is not a reference to a secret",
	} {
		_, err := loadStream(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestPasswordsForKafkaGoWithoutTLSOnlyWhereThatIsMeant(t *testing.T) {
	for _, text := range []string{"brokers: a:1\nsasl: plain\ntls: true", "brokers: a:1\nsasl: plain\ntls: false", "brokers: a:1\nsasl: scram-sha-256", "brokers: [\"localhost:1\", \"127.0.0.1:2\", \"[::1]:3\", localhost]\nsasl: plain"} {
		if _, err := loadStream(t, "from: kafka\ntopic: t\nuser: u\npassword: env:P\n"+text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
