package project

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// published is the small project with publications.
func published() map[string]string {
	files := small()
	files["publish/usage.yaml"] = `mart: daily_usage
to: postgres
url: env:SHOP
table: shop.usage
mode: day
key: day
columns: {day: date, requests: requests}
references: {requests: counts.requests}
orphans: hold
takes_over: true
shrink: 20%
owner: data
create: true
lock: 3s
`
	files["publish/counts.yaml"] = `mart: daily_usage
to: postgres
url: env:SHOP
table: counts
columns: [day, requests]
`
	files["publish/hot.yaml"] = `mart: daily_usage
to: redis
url: env:REDIS
name: "usage:{day}"
mode: day
structure: sorted_set
member: day
score: requests
expire: 48h
`
	files["publish/items.yaml"] = `mart: daily_usage
to: dynamodb
table: usage
mode: upsert
key: day
units: 50/s
aws: {region: eu-west-1, access_key: env:ID, secret_key: env:KEY}
`
	files["publish/files.yaml"] = `mart: daily_usage
to: s3
path: "s3://bucket/usage"
format: csv.gz
`
	return files
}

func TestPublicationsAreReadAsTheyAreWritten(t *testing.T) {
	p, err := Load(write(t, published()), env)
	if err != nil {
		t.Fatal(err)
	}
	want := []Publication{
		{Name: "counts", File: "publish/counts.yaml", Line: 1, Mart: "daily_usage", To: "postgres", Mode: "swap", Shrink: 0.5, Pool: "default", URL: "env:SHOP", Table: "counts",
			Columns: []PublishedColumn{{"day", "day"}, {"requests", "requests"}}, Orphans: "fail", Lock: 10 * time.Second, Timeout: 10 * time.Minute},
		{Name: "files", File: "publish/files.yaml", Line: 1, Mart: "daily_usage", To: "s3", Mode: "swap", Shrink: 0.5, Pool: "default", Path: "s3://bucket/usage", Format: "csv.gz"},
		{Name: "hot", File: "publish/hot.yaml", Line: 1, Mart: "daily_usage", To: "redis", Mode: "day", Shrink: 0.5, Pool: "default", URL: "env:REDIS",
			Redis: Redis{Name: "usage:{day}", Structure: "sorted_set", Member: "day", Score: "requests", Expire: 48 * time.Hour}},
		{Name: "items", File: "publish/items.yaml", Line: 1, Mart: "daily_usage", To: "dynamodb", Mode: "upsert", Key: []string{"day"}, Shrink: 0.5, Pool: "default", Table: "usage", Units: 50,
			AWS: AWS{Region: "eu-west-1", AccessKey: "env:ID", SecretKey: "env:KEY"}},
		{Name: "usage", File: "publish/usage.yaml", Line: 1, Owner: "data", Mart: "daily_usage", To: "postgres", Mode: "day", Key: []string{"day"}, TakesOver: true, Shrink: 0.2, Pool: "default", URL: "env:SHOP",
			Table: "shop.usage", Columns: []PublishedColumn{{"day", "date"}, {"requests", "requests"}}, Orphans: "hold", Create: true, Lock: 3 * time.Second, Timeout: 10 * time.Minute,
			References: []Reference{{Column: "requests", Publication: "counts", Of: "requests", Table: "counts", As: "requests"}}},
	}
	if got := p.Publications[4].Needs(); !slices.Equal(got, []string{"daily_usage", "counts"}) {
		t.Errorf("what comes before usage: %q", got)
	}
	for i := range p.Publications {
		if a := p.Publications[i].Asks; a == "" || strings.Contains(a, "owner") || strings.Contains(a, "shrink") || strings.Contains(a, "takes_over") {
			t.Errorf("what %s asks: %q", p.Publications[i].Name, p.Publications[i].Asks)
		}
		p.Publications[i].Asks = ""
	}
	if d := cmp.Diff(want, p.Publications); d != "" {
		t.Error(d)
	}
}

func TestMistakesOfPublicationsAreNamedWithTheirPlace(t *testing.T) {
	const usage, counts, hot, items, files = "publish/usage.yaml", "publish/counts.yaml", "publish/hot.yaml", "publish/items.yaml", "publish/files.yaml"
	for _, c := range []struct{ name, file, old, new, want string }{
		{"no mart", files, "mart: daily_usage\n", "", "publish/files.yaml:1:1: the publication does not say what is published; write mart: with the name of a mart"},
		{"unknown mart", files, "daily_usage", "nothing", "publish/files.yaml:1: there is no mart nothing; name a file of marts/ without .sql"},
		{"no to", files, "to: s3\n", "", "publish/files.yaml:1:1: the publication does not say where to; write to: dynamodb or mysql or postgres or redis or s3"},
		{"unknown to", files, "to: s3", "to: ftp", `publish/files.yaml:2:5: to cannot be "ftp"; write dynamodb, mysql, postgres, redis, s3`},
		{"unknown mode", items, "upsert", "merge", `publish/items.yaml:4:7: mode cannot be "merge"; write swap, upsert, day`},
		{"key of another kind", files, "format: csv.gz", "table: x", `publish/files.yaml:4:1: unknown key "table"; known here: aws, columns, description, format, key, mart, mode, owner, path, pool, shrink, takes_over, to`},
		{"secret itself", hot, "env:REDIS", "redis://u:p@h", "publish/hot.yaml:3:6: url is not a reference to a secret; write env:NAME, file:PATH, aws-secretsmanager:NAME or aws-ssm:NAME, never the secret itself"},
		{"no url", hot, "url: env:REDIS\n", "", "publish/hot.yaml:1:1: the publication does not say which server; write url: env:NAME, a reference to the secret that is its address, such as redis://:password@host:6379/0"},
		{"no table", items, "table: usage\n", "", "publish/items.yaml:1:1: the publication does not say which table; write table: NAME"},
		{"table in quotes", counts, "table: counts", "table: \"a b\"", `publish/counts.yaml:4:8: "a b" cannot be a table; write table: NAME or SCHEMA.NAME, without quotes and spaces`},
		{"key not published", usage, "key: day", "key: hour", "publish/usage.yaml:6:6: key names hour, which is not published; add it to columns:"},
		{"two columns of one name", usage, "{day: date, requests: requests}", "{day: date, requests: date}", "publish/usage.yaml:7:10: column requests is published twice, or another has its name; publish each column once, under a name of its own"},
		{"day not published", usage, "key: day\ncolumns: {day: date, requests: requests}\n", "columns: requests\n", "publish/usage.yaml:6:10: mode: day, and the column day is not published; add day to columns:, or write mode: upsert"},
		{"reference to nothing", usage, "counts.requests", "others.requests", "publish/usage.yaml:1: references names others, which is not a publication; name a file of publish/ without .yaml"},
		{"reference without a column", usage, "counts.requests", "counts", "publish/usage.yaml:8:24: a reference names no publication and column; write COLUMN: PUBLICATION.COLUMN"},
		{"reference to itself", usage, "counts.requests", "usage.requests", "publish/usage.yaml:8:24: a publication refers to itself; references: is for other publications; leave it out"},
		{"reference to another database", usage, "env:SHOP", "env:OTHER", "publish/usage.yaml:1: references names counts, which is published to another database; give both the same to: and url:, or leave the reference out"},
		{"reference to an unpublished column", usage, "counts.requests", "counts.hour", "publish/usage.yaml:1: references names counts.hour, which is not published; add it to columns: of publish/counts.yaml"},
		{"orphans without references", usage, "references: {requests: counts.requests}\n", "", "publish/usage.yaml:8:10: orphans without references; write references: {COLUMN: PUBLICATION.COLUMN}, or leave orphans: out"},
		{"circle", counts, "columns: [day, requests]", "references: {requests: usage.requests}", "publish/counts.yaml:1: its references lead back to itself, so that none can be published first; leave one of the references out\n" +
			"publish/usage.yaml:1: its references lead back to itself, so that none can be published first; leave one of the references out"},
		{"day in a name for all days", hot, "mode: day", "mode: swap", "publish/hot.yaml:4:7: name names a day, and mode: swap has one place for all days; put {day} into name together with mode: day, or do neither"},
		{"one place for each day", files, "format: csv.gz", "mode: day", "publish/files.yaml:3:7: path names no day, so that each day would take the place of the one before; put {day} into path together with mode: day, or do neither"},
		{"sorted set without a score", hot, "score: requests\n", "", "publish/hot.yaml:6:12: member and score are of sorted_set, which needs both; write structure: sorted_set, member: COLUMN and score: COLUMN, or none of them"},
		{"upsert into files", files, "format: csv.gz", "mode: upsert", "publish/files.yaml:4:7: files have no rows to put in; write mode: swap or day"},
		{"no bucket", files, "s3://bucket/usage", "bucket/usage", `publish/files.yaml:3:7: the publication does not say which place of S3; write path: "s3://bucket/prefix"`},
		{"shrink of more than all", files, "format: csv.gz", "shrink: 150%", "publish/files.yaml:4:9: shrink is more than all rows; write 1% to 100%; 100% lets all rows go"},
		{"two in one table", usage, "table: shop.usage", "table: public.counts", "publish/usage.yaml:1: it goes to the same place as publish/counts.yaml, and each would take the other's rows away; give each a place of its own"},
		{"two in one key", "publish/warm.yaml", "", "mart: daily_usage\nto: redis\nurl: env:REDIS\nname: \"usage:{day}\"\nmode: day\nkey: day\n", "publish/warm.yaml:1: it goes to the same place as publish/hot.yaml, and each would take the other's rows away; give each a place of its own"},
		{"two in one prefix", "publish/more.yaml", "", "mart: daily_usage\nto: s3\npath: s3://bucket/usage/\n", "publish/more.yaml:1: it goes to the same place as publish/files.yaml, and each would take the other's rows away; give each a place of its own"},
		{"name of a mart", "publish/daily_usage.yaml", "", "mart: daily_usage\nto: s3\npath: s3://bucket/x\n", "publish/daily_usage.yaml: the name daily_usage is taken by marts/daily_usage.sql; rename one of the two files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := published()
			if c.old != "" && strings.Count(all[c.file], c.old) == 0 {
				t.Fatalf("%s does not hold %q", c.file, c.old)
			}
			if all[c.file] = strings.Replace(all[c.file], c.old, c.new, 1); c.old == "" {
				all[c.file] = c.new
			}
			_, err := Load(write(t, all), env)
			if err == nil {
				t.Fatal("it loads")
			}
			if d := cmp.Diff(c.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}
