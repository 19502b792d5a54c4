package stage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// shared is a file of the real data that lies beside the repository, and is never part of it.
func shared(t *testing.T, path string) Object {
	t.Helper()
	full := filepath.Join("..", "..", "..", "shared", "data", path)
	if _, err := os.Stat(full); err != nil {
		t.Skip("needs ../shared/data/" + path)
	}
	return Object{Name: filepath.Base(path), Path: full}
}

func TestRealDataIsStagedWhole(t *testing.T) {
	retail := contract("csv", "invoice<InvoiceNo text!", "code<StockCode text", "quantity<Quantity bigint", "at<InvoiceDate timestamp", "price<UnitPrice decimal(10,2)", "customer<CustomerID integer")
	events := contract("ndjson", "id text!", "type text", "actor<actor.login text", "repo<repo.name text", "payload json", "public boolean", "created_at timestamptz")
	events.Key = []string{"id"}
	for name, c := range map[string]struct {
		job  Job
		path string
	}{
		"retail": {jobFor(t, retail), "retail/2011-11-23.csv"},
		"events": {jobFor(t, events), "gharchive/2015-01-01-1.json.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			c.job.Objects = []Object{shared(t, c.path)}
			begin := time.Now()
			result := mustRun(t, c.job)
			t.Logf("%d records in %v, %d repeated, not declared: %v", result.Records, time.Since(begin).Round(time.Millisecond), result.Deduplicated+result.Repeats, result.NewColumns)
			if result.Staged == 0 {
				t.Error("nothing is staged")
			}
		})
	}
}

func TestTenDaysOfRetailKeepTheirRepeats(t *testing.T) {
	days := []string{"20", "21", "22", "23", "24", "25", "27", "28", "29", "30"} // the 26th is a Saturday without data
	s := contract("csv", "invoice<InvoiceNo text!", "code<StockCode text!", "description<Description text", "quantity<Quantity integer!", "at<InvoiceDate timestamp!", "price<UnitPrice decimal(10,3)!",
		"customer<CustomerID bigint", "country<Country text!")
	var sum Result
	for _, d := range days {
		job := jobFor(t, s)
		job.Objects = []Object{shared(t, "retail/2011-11-"+d+".csv")}
		result := mustRun(t, job)
		same(t, result.Records, result.Staged+result.Rejected+result.Deduplicated)
		same(t, query(t, "SELECT count(*) FROM read_parquet('"+result.Data+"') WHERE CAST(\"at\" AS DATE) <> DATE '2011-11-"+d+"' OR customer NOT BETWEEN 12000 AND 19000"), []string{"0"})
		sum.Records, sum.Staged, sum.Rejected, sum.Repeats = sum.Records+result.Records, sum.Staged+result.Staged, sum.Rejected+result.Rejected, sum.Repeats+result.Repeats
	}
	same(t, sum, Result{Records: 34_381, Staged: 34_381, Repeats: 622})
	s.Key = []string{"invoice", "code"}
	s.Duplicates, s.MaxRejects = "reject", 1<<40
	job := jobFor(t, s)
	job.Objects = []Object{shared(t, "retail/2011-11-23.csv")}
	result := mustRun(t, job)
	same(t, result.Records, result.Staged+result.Rejected+result.Deduplicated)
	t.Logf("with a key: %d = %d + %d + %d, first %+v", result.Records, result.Staged, result.Rejected, result.Deduplicated, result.Samples[0])
}

func TestNamesWithoutAHeaderAreStagedWhole(t *testing.T) {
	s := contract("csv", "name text!", "gender text!")
	s.Header = false
	job := jobFor(t, s)
	job.Objects = []Object{shared(t, "ref/name_gender.csv")}
	result := mustRun(t, job)
	same(t, []int64{result.Records, result.Staged, result.Rejected}, []int64{102_001, 102_001, 0})
	same(t, query(t, "SELECT count(DISTINCT name) FROM read_parquet('"+result.Data+"')"), []string{"92325"})
	job.Source.Key = []string{"name"}
	mustFail(t, job, fault.CheckFailed, "different rows of one key", "name_gender.csv line ")
}

func TestKoreanFilesAreStagedWhole(t *testing.T) {
	library := contract("csv", "name<도서관명 text!", "city<시도명 text!", "kind<도서관유형 text", "opens<평일운영시작시각 time", "seats<열람좌석수 bigint", "books<자료수(도서) bigint", "latitude<위도 double", "longitude<경도 double", "as_of<데이터기준일자 date")
	books := contract("csv", "number<번호 integer!", "name<도서관명 text!", "site<홈페이지 text")
	shelters := contract("csv", "place<위치 text!", "name<쉼터명칭 text!", "people<이용가능인원 integer")
	for _, c := range []struct {
		file    string
		source  project.Source
		records int64
		rejects []string
	}{
		{"library_info.csv", library, 3557, []string{`library_info.csv|2914|books is declared bigint and came as text "47148+559"`}},
		{"book_connection_info.csv", books, 516, []string{"book_connection_info.csv|521|number is required and missing", "book_connection_info.csv|522|number is required and missing", "book_connection_info.csv|523|number is required and missing"}},
		{"jeju_shelters_cr_only.csv", shelters, 40, nil},
	} {
		t.Run(c.file, func(t *testing.T) {
			c.source.Encoding, c.source.MaxRejects = "cp949", 1<<40
			job := jobFor(t, c.source)
			job.Objects = []Object{shared(t, "korea/"+c.file)}
			result := mustRun(t, job)
			same(t, result.Records, c.records)
			same(t, query(t, "SELECT count(*) FROM read_parquet('"+result.Data+"') WHERE name IS NULL OR contains(name, chr(65533)) OR NOT regexp_matches(name, '[가-힣A-Za-z0-9]')"), []string{"0"})
			same(t, rejects(t, result), c.rejects)
			job.Source.Encoding = "utf-8"
			mustFail(t, job, fault.Invalid, "the header of "+c.file+" cannot be read: the record is not valid UTF-8 at line 1, column 1", "write encoding: cp949")
		})
	}
}

func TestMixedTypesOfTourAPIAreStaged(t *testing.T) {
	s := contract("json", "id<contentid bigint!", "title text!", "mapx double!", "mapy decimal(18,10)!", "zip<zipcode text", "addr2 text", "image<firstimage text", "created<createdtime text")
	s.Records, s.Key = "response.body.items.item", []string{"id"}
	job := jobFor(t, s)
	job.Objects = []Object{shared(t, "tourapi/areaBasedList_korservice_2021.json")}
	result := mustRun(t, job)
	same(t, []int64{result.Records, result.Staged}, []int64{10, 10})
	same(t, query(t, "SELECT mapx, mapy, zip, created FROM read_parquet('"+result.Data+"') WHERE id = 125728"), []string{"128.7856840399|37.3293930470|26116|20031107000000"})
	for _, line := range inferred(t, job) {
		t.Log(line)
	}
}

func TestDriftOfPushEventsIsNamed(t *testing.T) {
	s := contract("json", "id bigint!", "commits<payload.commits json!", "size<payload.size integer")
	s.MaxRejects = 1
	job := jobFor(t, s)
	job.Objects = []Object{shared(t, "gharchive/drift/push_event_pre_drift_2024-05-21-0.json"), shared(t, "gharchive/drift/push_event_post_drift_2025-12-15-0.json")}
	result := mustRun(t, job)
	same(t, []int64{result.Records, result.Staged, result.Rejected}, []int64{2, 1, 1})
	same(t, rejects(t, result), []string{"push_event_post_drift_2025-12-15-0.json|1|commits is required and missing"})
}

func TestKOPISIsStagedWhole(t *testing.T) {
	list := contract("xml", "id<mt20id text!", "name<prfnm text!", "facility<fcltynm text", "state<prfstate text")
	detail := contract("xml", "id<mt20id text!", "facility<mt10id text!", "updated<updatedate timestamp", "crew<prfcrew text", "images<styurls.styurl text[]", "sellers<relates.relate.relatenm text[]", "relates json")
	facilities := contract("xml", "id<mt10id text!", "halls<mt13cnt integer", "opened<opende integer", "city<sidonm text")
	for _, c := range []struct {
		file    string
		source  project.Source
		records int64
		first   string
	}{
		{"performanceListMock.xml", list, 10, "PF274677|더 베스트 오브 라흐마니노프 with 일리야 라쉬코프스키 & 세르게이 타라소프|롯데콘서트홀|공연예정"},
		{"performanceDetailMock.xml", detail, 1, ""},
		{"facilityListMock.xml", facilities, 100, "FC002078|1|∅|부산"},
	} {
		t.Run(c.file, func(t *testing.T) {
			c.source.Records, c.source.Key = "db", []string{"id"}
			job := jobFor(t, c.source)
			job.Objects = []Object{shared(t, "kopis/"+c.file)}
			result := mustRun(t, job)
			same(t, []int64{result.Records, result.Staged}, []int64{c.records, c.records})
			rows := read(t, result.Data)
			if c.first != "" {
				same(t, rows[0], c.first)
			}
			t.Log(rows[0])
		})
	}
}

func TestWhatIsInferredTakesTheRealData(t *testing.T) {
	for _, c := range []struct{ path, format, records, encoding string }{
		{"retail/2011-11-23.csv", "csv", "", "utf-8"}, {"korea/library_info.csv", "csv", "", "cp949"}, {"korea/book_connection_info.csv", "csv", "", "cp949"},
		{"korea/jeju_shelters_cr_only.csv", "csv", "", "cp949"}, {"tourapi/areaBasedList_korservice_2021.json", "json", "response.body.items.item", ""},
		{"kopis/facilityListMock.xml", "xml", "db", ""}, {"kopis/performanceListMock.xml", "xml", "db", ""}, {"kopis/performanceDetailMock.xml", "xml", "db", ""},
		{"gharchive/2015-01-01-1.json.gz", "ndjson", "", ""}, {"library/dynamo_items_reconstructed.ndjson.gz", "dynamodb", "", ""}, {"library/lib_books.parquet", "parquet", "", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			s := contract(c.format)
			s.Records, s.Encoding = c.records, c.encoding
			job := jobFor(t, s)
			job.Objects = []Object{shared(t, c.path)}
			found, err := Infer(t.Context(), job)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range found.Columns {
				job.Source.Columns = append(job.Source.Columns, project.Column{Name: k.Name, From: k.From, Type: k.Type})
				t.Logf("%s<%s %s null=%d absent=%d %v", k.Name, k.From, k.Type, k.Null, k.Absent, k.Types)
			}
			job.Source.MaxRejects = 1 << 40
			result := mustRun(t, job)
			t.Logf("%d records, %d rejects, not declared: %v", result.Records, result.Rejected, result.NewColumns)
			if len(result.NewColumns) > 0 || !found.More && result.Rejected > 0 {
				t.Errorf("%d records, %d rejects, not declared: %v; first %+v", result.Records, result.Rejected, result.NewColumns, result.Samples)
			}
		})
	}
}
