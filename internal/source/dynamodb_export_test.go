package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/source"
	"daybook/internal/source/sourcetest"
	"daybook/internal/testenv"
)

func TestExportOfDynamoDBIsASource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(t *testing.T) sourcetest.World {
		e := newExporter(t)
		chaos := testenv.Chaos(t, e.url)
		refuse := func(n int, code string) {
			chaos.Throttle(n, http.StatusBadRequest, fmt.Sprintf(`{"__type":"x#%s","message":"for %s"}`, code, e.at.SecretKey), nil)
		}
		return sourcetest.World{
			Source:   dynamoSource(t),
			Request:  func(day calendar.Day) source.Request { return e.request(chaos.URL, day) },
			Fill:     func(day calendar.Day, parts []string) { e.fill(day.Start(time.UTC).Unix(), parts) },
			Records:  func(object []byte) []string { return dynamoLines(t, object) },
			Secret:   e.at.SecretKey,
			Deny:     func() { refuse(1000, "InvalidSignatureException") },
			Asked:    e.asked,
			Throttle: func(n int) { refuse(n, "ThrottlingException") },
		}
	})
}

const exportDay = "2026-11-19"

func exportWorld(t *testing.T) (*exporter, source.Request) {
	e := newExporter(t)
	day := calendar.MustDay(exportDay)
	e.fill(day.Start(time.UTC).Unix(), []string{"a\nb\n", "c\n"})
	return e, e.request(e.url, day)
}

func TestExportIsWaitedForAndAskedForOnce(t *testing.T) {
	t.Parallel()
	e, r := exportWorld(t)
	e.polls = 4
	var waits []time.Duration
	r.Wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	for range 2 {
		var got dynamoSink
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
			t.Fatal(err)
		}
		if lines := got.lines(t); !slices.Equal(lines, []string{"a", "b", "c"}) {
			t.Errorf("items %q", lines)
		}
		if got.parts[1].Name != "export-w1-p000002.json.gz" || !strings.HasPrefix(got.parts[1].Origin, "s3://"+e.bucket+"/exports/AWSDynamoDB/data/") {
			t.Errorf("part %+v", got.parts[1])
		}
	}
	if len(e.jobs) != 1 || fmt.Sprint(waits) != "[30s 30s 30s]" {
		t.Errorf("%d exports, waits %v", len(e.jobs), waits)
	}
}

func TestDayLongerThanAWindowIsSplit(t *testing.T) {
	t.Parallel()
	e := newExporter(t)
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day   string
		hours []float64
	}{{"2026-11-01", []float64{12.5, 12.5}}, {"2027-03-14", []float64{23}}, {"2026-11-03", []float64{24}}} {
		e.jobs = nil
		day := calendar.MustDay(c.day)
		from := day.Start(zone)
		for i, hours := range c.hours {
			e.fill(from.Unix(), []string{fmt.Sprint("window ", i, "\n")})
			from = from.Add(time.Duration(hours * float64(time.Hour)))
		}
		r := e.request(e.url, day)
		r.Source.Zone, r.Source.Days = zone, 0
		r.Now = func() time.Time { return day.Add(2).Start(zone) }
		var got dynamoSink
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.lines(t)) != len(c.hours) || len(e.jobs) != len(c.hours) || e.jobs[len(e.jobs)-1].to != day.End(zone).Unix() {
			t.Errorf("%s: %d windows gave %q", c.day, len(e.jobs), got.lines(t))
		}
	}
}

func TestExportThatIsRefusedSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, fault, says string }{
		{"PointInTimeRecoveryUnavailableException", fault.Refused, "has no point-in-time recovery; turn it on"},
		{"InvalidExportTimeException", fault.Missing, "point-in-time recovery does not have 2026-11-19: InvalidExportTimeException: it is so; it begins when"},
		{"ExportConflictException", fault.Unavailable, "another export of table searches is in the way"},
		{"LimitExceededException", fault.Unavailable, "too busy"},
		{"InternalServerError", fault.Unavailable, "InternalServerError: it is so"},
	} {
		e, r := exportWorld(t)
		e.refusal = c.code
		wantDynamoFault(t, r, c.fault, c.says)
	}
	e, r := exportWorld(t)
	r.Now = func() time.Time { return calendar.MustDay(exportDay).Start(time.UTC).Add(36 * 24 * time.Hour) }
	wantDynamoFault(t, r, fault.Missing, "35 days")
	e.refusal = "InvalidExportTimeException"
	r.Now = func() time.Time { return calendar.MustDay(exportDay).End(time.UTC).Add(time.Minute) }
	wantDynamoFault(t, r, fault.Unavailable, "has only just ended")
}

func TestFailedExportIsAskedForAnewTheNextTime(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"S3AccessDenied": fault.Refused, "S3NoSuchBucket": fault.Invalid, "InternalServerError": fault.Unavailable} {
		e, r := exportWorld(t)
		e.fails = []string{code}
		wantDynamoFault(t, r, want, code+": it is so")
		var got dynamoSink
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
			t.Fatal(err)
		}
		if len(e.jobs) != 2 || len(got.parts) != 2 {
			t.Errorf("%s: %d exports, %d objects", code, len(e.jobs), len(got.parts))
		}
	}
}

func TestExportThatNeverEndsIsLeft(t *testing.T) {
	t.Parallel()
	e, r := exportWorld(t)
	e.polls = 1 << 30
	wantDynamoFault(t, r, fault.Unavailable, "is not complete")
}

func TestExportThatIsNotWhatItsManifestSaysIsDamaged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		says string
		kept int // objects that were put
		bend func(*exportJob)
	}{
		{"f0-0.json.gz of the export of table searches has 2 items, and 3 in the manifest", 0, func(j *exportJob) { j.files[0].Items++; j.summary++; j.described++ }},
		{"is not what its checksum in the manifest", 1, func(j *exportJob) {
			j.files[1].content = j.files[1].content[:len(j.files[1].content)-9]
			j.files[1].ETag = ""
		}},
		{"cannot be unpacked", 1, func(j *exportJob) {
			j.files[1].content = j.files[1].content[:len(j.files[1].content)-9]
			j.files[1].ETag, j.files[1].MD5 = "", ""
		}},
		{"has the ETag", 0, func(j *exportJob) { j.files[0].ETag = "d41d8cd98f00b204e9800998ecf8427e" }},
		{"is not there", 1, func(j *exportJob) { j.files[1].absent = true }},
		{"counts 3 items in its files, the summary 4", 0, func(j *exportJob) { j.summary, j.described = 4, 4 }},
		{"counts 3 items, the export 2", 0, func(j *exportJob) { j.described = 2 }},
		{"is of another export", 0, func(j *exportJob) { j.summaryArn = "arn:other" }},
		{"in the format ION", 0, func(j *exportJob) { j.format = "ION" }},
		{"is not what its checksum was made of", 0, func(j *exportJob) { j.checksum = func([]byte) string { return "1B2M2Y8AsgTpgAmY7PhCfg==" } }},
	} {
		e, r := exportWorld(t)
		e.bend = c.bend
		var got dynamoSink
		_, err := dynamoSource(t).Fetch(t.Context(), r, &got)
		if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), c.says) || len(got.parts) != c.kept {
			t.Errorf("%d objects, %v, want %q", len(got.parts), err, c.says)
		}
	}
}

// The proxy cuts a data file: by then a table, an export and four manifests with their checksums were asked for.
func TestExportedFileThatBreaksOffIsNotPut(t *testing.T) {
	t.Parallel()
	e, r := exportWorld(t)
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); err != nil { // so that the export is there
		t.Fatal(err)
	}
	chaos := testenv.Chaos(t, e.url)
	r.Source.AWS.Endpoint = chaos.URL
	chaos.Cut(7, 1<<30)
	chaos.Cut(1, 20)
	var got dynamoSink
	_, err := dynamoSource(t).Fetch(t.Context(), r, &got)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "broke off") || len(got.parts) != 0 {
		t.Errorf("%d objects, %v: %q", len(got.parts), err, chaos.Requests())
	}
}

func TestUnfinishedExportThatIsGoneBeginsAnew(t *testing.T) {
	t.Parallel()
	e, r := exportWorld(t)
	for _, state := range []string{"", "{}", `{"window":2,"export":"x","key":"k"}`, `{"window":1,"export":"x","key":"k"}`} {
		r.Kept = []source.Part{{Name: "export-w1-p000001.json.gz", State: state}}
		if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); !errors.Is(err, source.ErrChanged) {
			t.Errorf("state %q: %v", state, err)
		}
	}
	r.Kept = nil
	var got dynamoSink
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &got); err != nil {
		t.Fatal(err)
	}
	r.Kept = got.parts[:1]
	r.Kept[0].State = strings.Replace(r.Kept[0].State, "f0-0", "f0-1", 1)
	if _, err := dynamoSource(t).Fetch(t.Context(), r, &dynamoSink{}); !errors.Is(err, source.ErrChanged) {
		t.Errorf("another file: %v, %d exports", err, len(e.jobs))
	}
}
