package project

import (
	"net"
	"slices"
	"time"
)

const lateness = 5 * time.Minute // what it takes a record to arrive, and more

// kinesisSource reads the settings of from: kinesis.
func (l *loader) kinesisSource(m *mapping, s *Source) {
	s.Stream.Name = m.str("stream", "")
	if s.Stream.Name == "" {
		m.doc.fail(m.at("stream"), "a source from kinesis names no stream", "write stream: and the name of the stream")
	}
	s.AWS = m.aws()
	stream(m, s)
}

// kafkaSource reads the settings of from: kafka.
func (l *loader) kafkaSource(m *mapping, s *Source) {
	s.Stream.Name = m.str("topic", "")
	if s.Stream.Name == "" {
		m.doc.fail(m.at("topic"), "a source from kafka names no topic", "write topic: and the name of the topic")
	}
	s.Stream.Brokers = m.list("brokers")
	if len(s.Stream.Brokers) == 0 {
		m.doc.fail(m.at("brokers"), "a source from kafka names no brokers", "write brokers: [host:9092]")
	}
	s.Stream.TLS = m.boolean("tls", false)
	s.Stream.SASL = m.one("sasl", "", "plain", "scram-sha-256", "scram-sha-512")
	s.Stream.User, s.Stream.Password = m.str("user", ""), m.secret("password")
	signs := s.Stream.User != "" && m.value("password") != nil
	if s.Stream.SASL != "" && !signs {
		m.doc.fail(m.value("sasl"), "sasl without a user and a password", "write user: and password: env:NAME")
	}
	if m.value("sasl") == nil && (s.Stream.User != "" || m.value("password") != nil) {
		m.doc.fail(m.node, "a user or a password without sasl", "write sasl: plain, scram-sha-256 or scram-sha-512")
	}
	remote := func(broker string) bool {
		host, _, err := net.SplitHostPort(broker)
		return err != nil && !loopback(broker) || err == nil && !loopback(host)
	}
	if signs && s.Stream.SASL == "plain" && m.value("tls") == nil && slices.ContainsFunc(s.Stream.Brokers, remote) {
		m.doc.fail(m.value("sasl"), "sasl: plain sends the password without TLS", "write tls: true, or sasl: scram-sha-512; if the network on the way is trusted, write tls: false")
	}
	stream(m, s)
}

// stream reads what every kind of stream has.
func stream(m *mapping, s *Source) {
	s.Stream.Lateness = m.duration("lateness", lateness)
	s.Stream.Follow = m.duration("follow", 0)
	s.Stream.Accept = m.one("on_loss", "fail", "fail", "accept") == "accept"
	if s.Holds == "snapshot" {
		m.doc.fail(m.value("holds"), "a stream has days, not a present state", "leave holds: out; a table with refresh: latest keeps the newest row of each key")
	}
	if n := m.value("format"); n != nil && m.str("format", "") != "ndjson" {
		m.doc.fail(n, "the records of a stream are JSON", "leave format: out, or write format: ndjson")
	}
	s.Format = "ndjson"
}
