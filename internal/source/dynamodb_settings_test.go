package source

import (
	"strings"
	"testing"

	"daybook/internal/fault"
	"daybook/internal/project"
)

func TestSettingsOfDynamoDBAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d     project.DynamoDB
		holds string
		want  string
	}{
		{project.DynamoDB{Table: "a", Read: "query", Index: "i", DayAttribute: "d"}, "day", ""},
		{project.DynamoDB{Table: "a", Read: "query", DayAttribute: "d", Consistent: true}, "day", ""},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", DayFormat: "20060102", Segments: 99, Share: 1}, "day", ""},
		{project.DynamoDB{Table: "a-{day}", Read: "scan"}, "day", ""},
		{project.DynamoDB{Table: "a-{yyyy}{mm}", Read: "scan", DayAttribute: "d"}, "day", ""},
		{project.DynamoDB{Table: "a", Read: "scan"}, "snapshot", ""},
		{project.DynamoDB{Table: "a", Read: "export", Bucket: "s3://b"}, "day", ""},
		{project.DynamoDB{Read: "scan"}, "snapshot", "no table"},
		{project.DynamoDB{Table: "a"}, "day", "read cannot be"},
		{project.DynamoDB{Table: "a", Read: "scan"}, "day", "reads the present state of the table"},
		{project.DynamoDB{Table: "a-{yyyy}{mm}", Read: "scan"}, "day", "reads the present state of the table"},
		{project.DynamoDB{Table: "a-{hour}", Read: "scan", DayAttribute: "d"}, "day", "{hour} in the table's name"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d"}, "snapshot", "snapshot has settings of a day"},
		{project.DynamoDB{Table: "a-{day}", Read: "scan"}, "snapshot", "snapshot has settings of a day"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", Index: "i"}, "day", "index is for read: query"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", DayFormat: "2006-01"}, "day", "does not tell one day from another"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", DayFormat: "YYYYMMDD"}, "day", "does not tell one day from another"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", Segments: 100}, "day", "out of bounds"},
		{project.DynamoDB{Table: "a", Read: "scan", DayAttribute: "d", Bucket: "s3://b"}, "day", "bucket is for read: export"},
		{project.DynamoDB{Table: "a", Read: "query", Index: "i"}, "day", "needs the attribute that holds the day"},
		{project.DynamoDB{Table: "a", Read: "query"}, "snapshot", "a snapshot has none"},
		{project.DynamoDB{Table: "a", Read: "query", Index: "i", DayAttribute: "d", Consistent: true}, "day", "cannot be read consistently"},
		{project.DynamoDB{Table: "a", Read: "export"}, "day", "bucket is for read: export, which needs it"},
		{project.DynamoDB{Table: "a", Read: "export", Bucket: "s3://b"}, "snapshot", "what changed in one table on a day"},
		{project.DynamoDB{Table: "a-{day}", Read: "export", Bucket: "s3://b"}, "day", "what changed in one table on a day"},
	} {
		err := Validate(project.Source{From: "dynamodb", File: "sources/a.yaml", Line: 1, Holds: c.holds, DynamoDB: c.d})
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.d, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || fault.Hint(err) == "" || !strings.HasPrefix(err.Error(), "sources/a.yaml:1: ") {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
	}
}
