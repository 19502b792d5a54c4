package examples_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"daybook/internal/calendar"
	"daybook/internal/lake"
	"daybook/internal/store"
	"daybook/internal/testenv"
	"daybook/jobs"
)

var (
	firstSale  = calendar.MustDay("2011-11-20")
	noSales    = calendar.MustDay("2011-11-26") // a Saturday
	lastSale   = calendar.MustDay("2011-11-30")
	listedOn   = calendar.MustDay("2026-11-19") // a day to take snapshots on
	listedNext = calendar.MustDay("2026-11-20")
)

// sales are the days of the files: lines, exact repeats, cancelled lines, orders, and what they come to with and without those cancelled.
var sales = []struct {
	day                                   string
	lines, repeats, cancellations, orders int64
	gross, net                            string
}{
	{"2011-11-20", 3334, 93, 17, 100, "35058.570", "34902.010"},
	{"2011-11-21", 2930, 48, 40, 106, "49805.720", "48302.500"},
	{"2011-11-22", 3967, 62, 49, 154, "64089.820", "62307.320"},
	{"2011-11-23", 3619, 64, 52, 136, "80104.180", "78480.700"},
	{"2011-11-24", 3766, 42, 52, 136, "50978.630", "48080.280"},
	{"2011-11-25", 3125, 52, 27, 94, "50822.730", "50442.720"},
	{"2011-11-27", 2543, 114, 10, 58, "20611.080", "20571.500"},
	{"2011-11-28", 3330, 55, 26, 115, "57165.190", "55442.020"},
	{"2011-11-29", 4313, 75, 16, 140, "72595.930", "72219.200"},
	{"2011-11-30", 3454, 17, 76, 128, "60126.960", "59150.980"},
}

func TestTenDaysOfSalesKeepTheirRepeatsAndCountCancellationsOff(t *testing.T) {
	h := contracted(t, "retail", published(t, "retail"))
	h.build(jobs.Request{Day: firstSale, Through: lastSale})
	h.upToDate(firstSale, lastSale)
	var all, repeats int64
	var want [][]any
	for _, s := range sales {
		day := calendar.MustDay(s.day)
		h.wants(counts{s.lines, s.lines, 0, 0}, h.counted("invoices", day))
		h.logged("invoices", day, fmt.Sprintf("%d records are exact repeats of others; without a key they are kept", s.repeats))
		all, repeats = all+s.lines, repeats+s.repeats
		want = append(want, []any{day, s.lines, s.cancellations, s.orders, s.gross, s.net})
	}
	h.wants([]int64{34_381, 622}, []int64{all, repeats})
	h.holds(lastSale, "SELECT day, lines, cancellations, orders, CAST(gross AS VARCHAR), CAST(net AS VARCHAR) FROM daily_sales ORDER BY day", want)
	// 15465.0 is the customer 15465, and an empty field is nobody.
	h.holds(firstSale, "SELECT min(customer), count(*) - count(customer) FROM lines WHERE day = $day AND invoice = '577402'", [][]any{{int64(15_465), int64(0)}})
	h.wants(int64(8_304), h.one(lastSale, "SELECT count(*) - count(customer) FROM lines"))
}

func TestASaturdayWithoutSalesIsUpToDateWithNone(t *testing.T) {
	h := contracted(t, "retail", published(t, "retail"))
	h.build(jobs.Request{Day: noSales})
	h.upToDate(noSales, noSales)
	h.wants(counts{}, h.counted("invoices", noSales))
	h.wants(int64(0), h.one(noSales, "SELECT count(*) FROM daily_sales"))
	m, err := h.Lake.Manifest(context.Background(), lake.Key{Layer: lake.Raw, Node: "invoices", Day: noSales})
	if err != nil || m.Facts["no_data"] != "Saturday" || len(m.Missing) > 0 {
		t.Errorf("the lake says %v, missing %v: %v", m.Facts, m.Missing, err)
	}
}

func TestASaturdayOnWhichSalesAreExpectedIsMissing(t *testing.T) {
	h := contracted(t, "retail", published(t, "retail"), [3]string{"sources/invoices.yaml", "days: sun-fri\n", ""})
	var built []string
	run, err := h.try(jobs.Request{Day: noSales}, &built)
	if task := h.last("invoices", noSales); err != nil || run.State != store.StateMissing || task.State != store.StateMissing || !strings.Contains(task.Error, "2011-11-26") {
		t.Errorf("the run ended %s, the source %s: %s %v", run.State, task.State, task.Error, err)
	}
}

func TestAKeyOfEveryColumnThatIsNeverEmptyDropsTheRepeats(t *testing.T) {
	h := contracted(t, "retail", published(t, "retail"), [3]string{"sources/invoices.yaml", "days: sun-fri\n", "days: sun-fri\nkey: [invoice, code, quantity, sold_at, price, country]\n"})
	h.build(jobs.Request{Day: firstSale, Through: lastSale})
	var dropped int64
	for _, s := range sales {
		day := calendar.MustDay(s.day)
		h.wants(counts{s.lines, s.lines - s.repeats, 0, s.repeats}, h.counted("invoices", day))
		dropped += s.repeats
	}
	h.wants([]int64{622, 34_381 - 622}, []int64{dropped, h.one(lastSale, "SELECT count(*) FROM lines")})
}

func TestNamesThatComeTwiceFailAUniqueCheckWithExamples(t *testing.T) {
	h := contracted(t, "names", published(t, "ref"))
	h.fails(jobs.Request{Day: listedOn}, "genders", "unique(name)", "9676 repeated", "Aaden", "Aadi", "Aadyn")
	h.wants(counts{102_001, 102_001, 0, 0}, h.counted("names", listedOn))
}

func TestNamesThatComeTwiceAreNotedWhereThatIsAWarning(t *testing.T) {
	h := contracted(t, "names", published(t, "ref"), [3]string{"tables/genders.sql", "unique: [name]\n", "unique: [name]\n    severity: warning\n"})
	h.build(jobs.Request{Day: listedOn})
	h.holds(listedOn, "SELECT count(*), count(DISTINCT name) FROM genders", [][]any{{int64(102_001), int64(92_325)}})
	h.logged("genders", listedOn, "9676 repeated")
	h.wants([]string{"unique(name) warned Aaden,Aadi,Aadyn,Aalijah,Aaliyah"}, h.warned("genders", listedOn))
}

func TestRejectsOfCP949FilesHaveLineAndReason(t *testing.T) {
	h := contracted(t, "korea", published(t, "korea"))
	h.build(jobs.Request{Day: listedOn})
	h.upToDate(listedOn, listedOn)
	h.wants(counts{3557, 3556, 1, 0}, h.counted("libraries", listedOn))
	h.wants([]string{`library_info.csv|2914|books is declared bigint and came as text "47148+559"`}, h.rejects("libraries", listedOn))
	h.wants(counts{516, 513, 3, 0}, h.counted("connections", listedOn))
	h.wants([]string{"book_connection_info.csv|521|number is required and missing", "book_connection_info.csv|522|number is required and missing",
		"book_connection_info.csv|523|number is required and missing"}, h.rejects("connections", listedOn))
	h.wants(counts{40, 40, 0, 0}, h.counted("shelters", listedOn))
	h.wants([]string(nil), h.rejects("shelters", listedOn))
	h.holds(listedOn, "SELECT count(*), sum(CAST(books AS BIGINT))::BIGINT, count(latitude) FROM library_places", [][]any{{int64(3556), int64(136_978_288), int64(3312)}})
	h.holds(listedOn, "SELECT name, kind, people FROM shelter_places WHERE name = '강구리경로당'", [][]any{{"강구리경로당", "노인시설", int64(36)}})
}

func TestARejectBeyondThoseAllowedFailsTheBuildAndIsNamed(t *testing.T) {
	h := contracted(t, "korea", published(t, "korea"), [3]string{"sources/libraries.yaml", "max_rejects: 1", "max_rejects: 0"}, [3]string{"sources/connections.yaml", "max_rejects: 3", "max_rejects: 0"})
	h.fails(jobs.Request{Day: listedOn}, "libraries", "1 of 3557 records of libraries do not fit (0 may)", `library_info.csv line 2914: books is declared bigint and came as text "47148+559"`)
	connections := h.last("connections", listedOn)
	if connections.State != store.StateFailed || !strings.Contains(connections.Error, "book_connection_info.csv line 521: number is required and missing; book_connection_info.csv line 522: number is required and missing; book_connection_info.csv line 523") {
		t.Errorf("the connections ended %s: %s", connections.State, connections.Error)
	}
	h.wants(counts{40, 40, 0, 0}, h.counted("shelters", listedOn)) // what does not fit stops nobody else
	h.wants([]string{`library_info.csv|2914|books is declared bigint and came as text "47148+559"`}, h.rejects("libraries", listedOn))
}

func TestNumbersAndTextsOfTourAPIAreOneType(t *testing.T) {
	h := contracted(t, "tourapi", published(t, "tourapi"))
	h.build(jobs.Request{Day: listedOn})
	h.wants(counts{10, 10, 0, 0}, h.counted("attractions", listedOn))
	h.holds(listedOn, "SELECT id, mapx, CAST(mapy AS VARCHAR), zip, CAST(created AS VARCHAR) FROM sights WHERE id IN (125728, 126292, 2655928) ORDER BY id", [][]any{
		{int64(125_728), 128.7856840399, "37.3293930470", "26116", "2003-11-07 00:00:00"},
		{int64(126_292), 126.4178632580, "35.8054361644", "54000", "2003-08-19 00:00:00"},
		{int64(2_655_928), 126.9902812673, "37.5591608706", "04628", "2020-05-12 09:43:19"},
	})
}

func TestATextWhereANumberIsDeclaredIsRejectedWithBothTypes(t *testing.T) {
	h := contracted(t, "tourapi", published(t, "tourapi"), [3]string{"sources/attractions.yaml", "addr2: text", "addr2: bigint"})
	h.fails(jobs.Request{Day: listedOn}, "attractions", `addr2 is declared bigint and came as text "(북성동1가)"`)
}

var (
	hour0 = "gharchive/2015-01-01-0.json.gz"
	hour1 = "gharchive/2015-01-01-1.json.gz"
)

// absent are the hours of a day behind the n-th.
func absent(n int) string {
	var list []string
	for hour := n; hour < 24; hour++ {
		list = append(list, fmt.Sprintf("hour %d", hour))
	}
	return "not at the source: " + strings.Join(list, ", ")
}

func TestTwoHoursOfTheArchiveAreStagedAndTheOthersNamed(t *testing.T) {
	h := contracted(t, "gharchive", published(t, "gharchive"))
	h.build(jobs.Request{Day: newYear, Nodes: []string{"events"}})
	h.wants(counts{15_129, 15_129, 0, 0}, h.counted("archive", newYear))
	h.wants(absent(2), h.last("archive", newYear).Hint)
	h.wants(int64(15_129), h.one(newYear, "SELECT count(*) FROM events"))
}

func TestATruncatedHourFailsItsDayAndNoOther(t *testing.T) {
	data := copied(t, published(t, "gharchive"), [][2]string{{hour0, hour0}, {"gharchive/2015-01-02-0.json.gz", hour0}, {"gharchive/2015-01-03-0.json.gz", hour0}})
	broken := filepath.Join(data, "gharchive/2015-01-02-0.json.gz")
	if err := os.Truncate(broken, 1_000_000); err != nil {
		t.Fatal(err)
	}
	h := contracted(t, "gharchive", data)
	middle := newYear.Add(1)
	var built []string
	run, err := h.try(jobs.Request{Day: newYear, Through: newYear.Add(2), Nodes: []string{"events"}}, &built)
	if err != nil || run.State != store.StateFailed {
		t.Fatalf("the run ended %s: %v", run.State, err)
	}
	task := h.last("archive", middle)
	if task.State != store.StateFailed || !strings.Contains(task.Error, "2015-01-02-0.json.gz") || !strings.Contains(task.Error, "damaged") {
		t.Errorf("the damaged day ended %s: %s", task.State, task.Error)
	}
	for _, day := range []calendar.Day{newYear, newYear.Add(2)} {
		h.wants(counts{7_702, 7_702, 0, 0}, h.counted("archive", day))
		h.wants(absent(1), h.last("archive", day).Hint)
		h.wants(int64(7_702), h.one(day, "SELECT count(*) FROM events WHERE day = $day"))
	}
	h.wants(int64(0), h.one(middle, "SELECT count(*) FROM events WHERE day = $day"))
}

func TestADayOfHalfTheEventsOfAWeekBeforeFails(t *testing.T) {
	data := copied(t, published(t, "gharchive"), [][2]string{{hour0, hour0}, {hour1, hour1}, {"gharchive/2015-01-08-0.json.gz", hour0}})
	h := contracted(t, "gharchive", data)
	h.build(jobs.Request{Day: newYear, Nodes: []string{"events"}})
	h.fails(jobs.Request{Day: newYear.Add(7), Nodes: []string{"events"}}, "events", "as many as a week before", "7702", "15129")
	h.wants(int64(0), h.one(newYear.Add(7), "SELECT count(*) FROM events WHERE day = $day"))
}

func TestAPushThatLostItsSizeIsRejectedWithTheReason(t *testing.T) {
	before, after := calendar.MustDay("2024-05-21"), calendar.MustDay("2025-12-15")
	h := contracted(t, "gharchive", published(t, "gharchive/drift"))
	request := func(day calendar.Day) jobs.Request { return jobs.Request{Day: day, Nodes: []string{"pushes"}} }
	h.build(request(before))
	h.wants(counts{1, 1, 0, 0}, h.counted("pushes", before))
	h.logged("pushes", before, "columns that the contract does not declare: org")
	h.fails(request(after), "pushes", "1 of 1 records of pushes do not fit (0 may): push_event_post_drift_2025-12-15-0.json line 1: size is required and missing")
	h.wants([]string{"push_event_post_drift_2025-12-15-0.json|1|size is required and missing"}, h.rejects("pushes", after))
}

func TestANewColumnFailsTheDayUntilItIsDeclaredAndIsNotFetchedAgain(t *testing.T) {
	day, data := calendar.MustDay("2024-05-21"), published(t, "gharchive/drift")
	h := contracted(t, "gharchive", data, [3]string{"sources/pushes.yaml", "zone: UTC\n", "zone: UTC\nnew_columns: fail\n"})
	request := jobs.Request{Day: day, Nodes: []string{"pushes"}}
	h.fails(request, "pushes", "pushes has columns that are not declared: org")
	h.edit("sources/pushes.yaml", "  payload: json\n", "  payload: json\n  org: json\n")
	h = h.reopened(map[string]string{"DATA": data})
	h.build(request)
	h.wants(counts{1, 1, 0, 0}, h.counted("pushes", day))
	h.logged("pushes", day, "raw bytes are in the lake already")
}

func TestTheArchiveByHTTPAgreesWithItsFiles(t *testing.T) {
	data := published(t, "gharchive")
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(data, "gharchive"))))
	defer server.Close()
	h := contracted(t, "gharchive", data)
	columns, err := os.ReadFile(filepath.Join(h.dir, "sources/archive.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, contract, _ := strings.Cut(string(columns), "format: ndjson\n")
	h.write("sources/archive_http.yaml", "from: http\nurl: \"${HOST}/{day}-{hour}.json.gz\"\nallow: [127.0.0.0/8]\nagrees: archive\nformat: ndjson\n"+contract)
	h = h.reopened(map[string]string{"DATA": data, "HOST": server.URL})
	h.build(jobs.Request{Day: newYear, Nodes: []string{"archive_http"}})
	h.wants(counts{15_129, 15_129, 0, 0}, h.counted("archive_http", newYear))
	h.wants(absent(2), h.last("archive_http", newYear).Hint)
}

// withFacility is a copy of the data in which the list has one facility more.
func withFacility(t *testing.T, data, id string) string {
	t.Helper()
	var names [][2]string
	for _, n := range []string{"kopis/performanceListMock.xml", "kopis/performanceDetailMock.xml", facilityList} {
		names = append(names, [2]string{n, n})
	}
	dir := copied(t, data, names)
	editFile(t, filepath.Join(dir, facilityList), "</dbs>", "<db><fcltynm>새 공연장</fcltynm><mt10id>"+id+"</mt10id><sidonm>서울</sidonm><mt13cnt>1</mt13cnt></db></dbs>")
	return dir
}

const (
	facilityList = "kopis/facilityListMock.xml"
	unlisted     = "FC000113" // the facility of the one detail
)

// site opens the project of performances with a database that it publishes to.
func site(t *testing.T, data string, edits ...[3]string) (*house, func(sql string) []string) {
	t.Helper()
	url := testenv.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	h := contracted(t, "kopis", data, edits...)
	h.Runner.Secret = func(context.Context, string) (string, error) { return url, nil }
	return h, func(sql string) []string {
		t.Helper()
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
}

func TestAPerformanceInAnUnlistedFacilityFailsItsCheckAndIsNotPublished(t *testing.T) {
	h, published := site(t, published(t, "kopis"))
	h.fails(jobs.Request{Day: listedOn}, "shows", "facility in known_places", "1 without one", unlisted)
	h.wants(counts{1, 1, 0, 0}, h.counted("details", listedOn))
	h.wants(counts{10, 10, 0, 0}, h.counted("performances", listedOn))
	h.wants(counts{100, 100, 0, 0}, h.counted("facilities", listedOn))
	h.wants(store.StateSkipped, h.last("a_site_events", listedOn).State)
	h.wants([]string{"100"}, published("SELECT count(*)::text FROM place"))
	h.wants([]string{"0"}, published("SELECT count(*)::text FROM pg_tables WHERE tablename = 'event'"))
}

func TestAFacilityThatLeavesTheListKeepsTheRowsThatReferToIt(t *testing.T) {
	data := withFacility(t, published(t, "kopis"), unlisted)
	h, published := site(t, data)
	h.build(jobs.Request{Day: listedOn})
	h.wants([]string{"PF273608 " + unlisted}, published("SELECT id || ' ' || facility FROM event"))
	h.wants([]string{"101"}, published("SELECT count(*)::text FROM place"))

	original, err := os.ReadFile(filepath.Join(publishedData, facilityList))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(data, facilityList), string(original))
	h.fails(jobs.Request{Day: listedNext}, "shows", "facility in known_places", unlisted)
	h.holds(listedNext, "SELECT id, facility FROM shows", [][]any{{"PF273608", unlisted}}) // as it was
	h.wants([]string{"PF273608 " + unlisted}, published("SELECT id || ' ' || facility FROM event"))
	h.wants([]string{"1"}, published("SELECT count(*)::text FROM place WHERE id = '"+unlisted+"'")) // an event refers to it
	h.logged("site_places", listedNext, "still referred to")
}

func TestAPerformanceInAnUnlistedFacilityIsHeldBackAndNamed(t *testing.T) {
	h, published := site(t, published(t, "kopis"), [3]string{"tables/shows.sql", "key: id}\n", "key: id}\n    severity: warning\n"})
	h.build(jobs.Request{Day: listedOn})
	h.logged("shows", listedOn, "check facility in known_places: 1 without one")
	h.wants([]string{"facility in known_places warned " + unlisted}, h.warned("shows", listedOn))
	h.wants(int64(1), h.one(listedOn, "SELECT count(*) FROM shows"))
	h.wants([]string{"100"}, published("SELECT count(*)::text FROM place"))
	h.wants([]string{"0"}, published("SELECT count(*)::text FROM event"))
	b := h.made("a_site_events", listedOn)
	h.wants([]int64{1, 0, 1}, []int64{b.RowsIn, b.Rows, b.Rejected})
	if !strings.Contains(b.Note, "1 rows held back") || !strings.Contains(b.Note, unlisted) {
		t.Errorf("the publication notes %q", b.Note)
	}
	h.logged("a_site_events", listedOn, "1 rows = 0 published + 1 held back")
}
