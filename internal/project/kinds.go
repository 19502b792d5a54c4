package project

import "time"

// AWS is how a source, a publication or the lake reaches AWS. What is empty comes from the environment, as AWS's own tools take it.
type AWS struct {
	Region    string
	Endpoint  string // for doubles and private endpoints
	AccessKey string // a reference to a secret
	SecretKey string // a reference to a secret
}

// DynamoDB is a table, read by day.
type DynamoDB struct {
	Table        string
	Read         string  // query, scan or export
	Index        string  // query: a global secondary index whose partition key is DayAttribute
	DayAttribute string  // holds the day; DayFormat says how
	DayFormat    string  // Go layout of the day in DayAttribute, "2006-01-02"
	Segments     int     // scan: how many at once
	Share        float64 // of the table's read capacity that a scan or query may use, 0.25
	Units        float64 // read capacity units a second instead of a share; 0 for none. A table on demand has no capacity to share: it needs this, or has no limit
	Consistent   bool
	Bucket       string // export: s3://bucket/prefix
}

// Database is a table of PostgreSQL or MySQL, or a query on it.
type Database struct {
	URL      string        // a reference to a secret: postgres://… or user:password@tcp(host)/name
	Table    string        // schema.table
	Created  string        // the column that says when a row came to be; the day is those of its window
	Modified string        // the column that says when a row changed last: a day is the rows that changed in it
	Deleted  string        // the column that says when a row was deleted, for tables that keep deleted rows
	Lag      time.Duration // how long after the day's end, on the database's clock, its last transaction may commit
	Chunk    int           // rows that one statement reads
	Order    []string      // the columns of a unique key by which chunks follow each other; the source's key when empty
	Parallel int           // chunks read at once, in one snapshot
}

// S3 is objects of a bucket, s3://bucket/path in Path, or those that a manifest lists.
type S3 struct {
	Buckets  []string      // buckets beside the manifest's own whose objects a manifest may list
	Manifest bool          // the path names manifests: JSON files that list the objects of the day
	Events   string        // URL of the SQS queue that tells of new objects; a day is built when its objects are there
	Settle   time.Duration // how long nothing new must have come before a day is built by events
	Queue    string        // endpoint of SQS, for doubles and private endpoints

	RequesterPays bool // the bucket's owner makes those pay who read
}

// HTTP is an API.
type HTTP struct {
	URL     string            // with {day}, {each} and {secret:NAME}
	Query   map[string]string // parameters of the query, the same
	Headers map[string]string // the same
	Secrets map[string]string // NAME of {secret:NAME} → reference
	Pages   Pages
	Rate    float64 // calls a second, 0 for no limit
	Quota   Quota
	ForEach ForEach
	OK      OK
	Missing []int         // status codes that mean that the day is not there; 404 when empty
	Allow   []string      // networks that would be refused as private, such as 10.1.0.0/16
	Hosts   []string      // other hosts that redirects and links to the next page may lead to
	Timeout time.Duration // of one answer, to its last byte
	Body    int64         // bytes that an answer may have
	// Unpacked is how many bytes a compressed one may unpack to; 0 for ten times Body, up to 10 GB.
	Unpacked int64
}

// OK says how an answer of status 200 tells that it is an error.
type OK struct {
	Path    string   // dotted path to the code; empty for none
	Equals  []string // what it is when all is well
	Message string   // dotted path to the API's words
	Quota   []string // codes that say that the allowance is used up
}

// Pages says how an answer leads to the next one.
type Pages struct {
	By            string // page, offset, cursor, link or none
	Parameter     string // of the page's number, the offset or the cursor
	SizeParameter string
	Size          int
	First         int    // number of the first page
	Total         string // dotted path to the number of all records, by which the end is known and the count is checked
	Next          string // cursor: dotted path to the next cursor; link: to the next URL, the Link header when empty
}

// Quota is how many calls an API allows a day.
type Quota struct {
	Calls  int64
	Name   string // sources with the same name share it; the host of the URL when empty
	Resets string // HH:MM
	Zone   *time.Location
}

// ForEach makes a call for each value of a column of another source: the details of a list.
type ForEach struct{ Source, Column string }

// Stream is a Kinesis stream or a Kafka topic.
type Stream struct {
	Name     string
	Brokers  []string // kafka
	TLS      bool
	SASL     string // plain, scram-sha-256, scram-sha-512 or empty
	User     string
	Password string        // a reference to a secret
	Lateness time.Duration // how long after the day's end records of the day may still arrive
	Follow   time.Duration // how often the running day is read ahead, 0 for never
	Accept   bool          // a day of which the stream has lost a part is made of what is left, and says so
}

// Collect is records that are sent to /collect/NAME.
type Collect struct {
	Token   string            // a reference to the secret that programs send
	Origins map[string]string // origin of a web page → the write-only key that it may show
	Body    int64             // bytes of a request
	Memory  int64             // bytes that may wait for the disk; beyond it requests are refused
	Limit   int64             // bytes of records that pages may send in a day; 0 for no bound
}

// BigQuery is a query per day.
type BigQuery struct {
	Project     string
	Location    string
	SQL         string // with @day
	Limit       int64  // bytes that the query may be billed for, by its dry run
	Credentials string // a reference to the key file of a service account
	Endpoint    string // for doubles
}

// Exec is a program that writes a day's records as NDJSON.
type Exec struct {
	Command string // its name under exec: in daybook.yaml
	Run     []string
	Env     map[string]string // NAME → a value or a reference to a secret: all that the program sees beside PATH
	Timeout time.Duration
	Output  int64 // bytes that it may write for a day
}
