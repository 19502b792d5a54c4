package project

import "time"

// Bounds and defaults of databases.
const (
	databaseLag      = 10 * time.Minute
	databaseChunk    = 50_000
	databaseParallel = 16 // at most
)

// postgresSource reads the settings of from: postgres.
func (l *loader) postgresSource(m *mapping, s *Source) { l.databaseSource(m, s, 2) }

// mysqlSource reads the settings of from: mysql, where several readers lock out writers for a moment.
func (l *loader) mysqlSource(m *mapping, s *Source) { l.databaseSource(m, s, 1) }

func (l *loader) databaseSource(m *mapping, s *Source, parallel int64) {
	s.Format = "ndjson"
	d := &s.Database
	if d.URL = m.secret("url"); m.value("url") == nil {
		m.doc.fail(m.node, "a source from "+s.From+" has no url", "write url: env:NAME, a reference to the secret that holds the address with user and password")
	}
	if d.Table = m.str("table", ""); d.Table == "" {
		m.doc.fail(m.at("table"), "a source from "+s.From+" has no table", "write table: NAME or table: SCHEMA.NAME")
	}
	d.Created, d.Modified, d.Deleted = m.str("created", ""), m.str("modified", ""), m.str("deleted", "")
	d.Lag = m.duration("lag", databaseLag)
	d.Chunk = int(m.integer("chunk", databaseChunk, 1))
	d.Order = m.list("order")
	if d.Parallel = int(m.integer("parallel", parallel, 1)); d.Parallel > databaseParallel {
		m.doc.fail(m.value("parallel"), "parallel is too many connections for one table", "write a number from 1 to 16")
	}
	if s.Holds == "snapshot" {
		for _, key := range []string{"created", "modified", "deleted", "lag"} {
			if n := m.value(key); n != nil {
				m.doc.fail(n, "a snapshot is read whole, and has no "+key, "take it out, or write holds: day")
			}
		}
		return
	}
	if d.Created == "" && d.Modified == "" {
		m.doc.fail(m.node, "nothing tells which rows of the table are a day's",
			"write created: or modified: with a column of times, or holds: snapshot for a table that is read whole")
	}
}

// databaseTuning are the keys that do not say which rows are read.
func databaseTuning() []string { return []string{"url", "lag", "chunk", "order", "parallel"} }
