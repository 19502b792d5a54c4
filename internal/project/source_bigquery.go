package project

// bigquerySource reads the settings of from: bigquery.
func (l *loader) bigquerySource(m *mapping, s *Source) {
	b := BigQuery{Project: m.str("project", ""), Location: m.str("location", ""), SQL: m.str("query", ""), Limit: m.bytes("limit", 0),
		Credentials: m.secret("credentials"), Endpoint: m.str("endpoint", "")}
	for _, need := range []struct{ key, value, hint string }{
		{"project", b.Project, "write project: with the id of the project that pays for the query"},
		{"query", b.SQL, "write query: | and a SELECT with @day below it"},
		{"credentials", b.Credentials, "write credentials: file:PATH with the key file of a service account"},
	} {
		if need.value == "" {
			m.doc.fail(m.at(need.key), "a source from bigquery has no "+need.key, need.hint)
		}
	}
	if b.Limit == 0 {
		m.doc.fail(m.at("limit"), "a source from bigquery has no limit of what a query may cost", "write limit: 10GB, the most bytes that the query of a day may be billed for")
	}
	s.BigQuery, s.Format = b, "ndjson"
}
