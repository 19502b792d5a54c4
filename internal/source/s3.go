package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"daybook/internal/fault"
	"daybook/internal/project"
)

// S3 is the kind s3: the objects of a bucket whose keys match a pattern, which is one of files, or those that manifests list.
type S3 struct{}

// s3Object is an object to fetch.
type s3Object struct {
	bucket, key string
	listed      bool   // tag and size are known before it is asked for
	tag         string // ETag
	size        int64  // -1 when unknown
	md5         string // in hexadecimal, empty when unknown
	optional    bool   // it may be absent
}

func (o s3Object) path() string { return o.bucket + "/" + o.key }

func (o s3Object) state() string { return o.tag + " " + strconv.FormatInt(o.size, 10) }

// s3Fetch is one fetch of a day.
type s3Fetch struct {
	r       Request
	client  *s3.Client
	bucket  string
	payer   types.RequestPayer
	missing []string
}

// Fetch implements Source. Objects come one after the other, by hour and then by key; with {hour}, hours that are absent are named in
// the result and are no error unless all of them are. A manifest that lists nothing is an empty day.
func (S3) Fetch(ctx context.Context, r Request, sink Sink) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	if noData(r) {
		return Result{NoData: true}, nil
	}
	f, err := newS3Fetch(ctx, r)
	if err != nil {
		return Result{}, err
	}
	if err := f.fetch(ctx, sink); err != nil {
		return Result{Missing: f.missing}, fmt.Errorf("fetch %s: %w", r.Source.Name, err)
	}
	return Result{Missing: f.missing}, nil
}

func newS3Fetch(ctx context.Context, r Request) (*s3Fetch, error) {
	cfg, err := awsConfig(ctx, r)
	if err != nil {
		return nil, err
	}
	bucket, _ := s3Address(r.Source.Path)
	f := &s3Fetch{r: r, bucket: bucket, client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = cfg.BaseEndpoint != nil
		o.DisableLogOutputChecksumValidationSkipped = true // not every object has a checksum that can be compared
	})}
	if r.Source.S3.RequesterPays {
		f.payer = types.RequestPayerRequester
	}
	return f, nil
}

// s3Address takes s3://bucket/key apart.
func s3Address(address string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
	return bucket, key
}

func (f *s3Fetch) fetch(ctx context.Context, sink Sink) error {
	found, err := f.list(ctx)
	if err != nil {
		return err
	}
	absent := fault.New(fault.Missing, fmt.Sprintf("source %s has no object %s", f.r.Source.Name, replace(f.r.Source.Path, f.r.Day)),
		"run the day again when the object is there, or correct the path of the source")
	if len(found) == 0 {
		return absent
	}
	objects := found
	if f.r.Source.S3.Manifest {
		if objects, err = f.manifests(ctx, found); err != nil {
			return err
		}
	}
	paths := make([]string, len(objects))
	for i, o := range objects {
		paths[i] = o.path()
	}
	names := objectNames(paths)
	if p := goneOf(f.r.Kept, names); p != nil {
		return fault.Wrap(fault.Unavailable, ErrChanged, p.Origin+", which an unfinished fetch has copied, is not among the day's objects any more", "run the day again")
	}
	put := 0
	for i, o := range objects {
		there, err := f.put(ctx, sink, names[i], o)
		if err != nil {
			return err
		}
		if there {
			put++
		} else {
			f.missing = append(f.missing, "s3://"+o.path())
		}
	}
	if put == 0 && len(objects) > 0 {
		return absent
	}
	return nil
}

// list finds the objects that the path names, by hour and then by key.
func (f *s3Fetch) list(ctx context.Context) ([]s3Object, error) {
	_, pattern := s3Address(replace(f.r.Source.Path, f.r.Day))
	if !strings.Contains(pattern, "{hour}") {
		return f.matching(ctx, pattern)
	}
	hourOf := map[string]int{}
	var all []s3Object
	for _, h := range f.r.Day.Hours(f.r.Source.Zone) {
		p := strings.ReplaceAll(pattern, "{hour}", strconv.Itoa(h))
		found, err := f.matching(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			f.missing = append(f.missing, fmt.Sprintf("hour %d: s3://%s/%s", h, f.bucket, p))
		}
		for _, o := range found {
			if earlier, ok := hourOf[o.key]; ok {
				return nil, place(f.r.Source, fault.New(fault.Invalid, fmt.Sprintf("s3://%s is an object of hour %d and of hour %d", o.path(), earlier, h),
					"write a path in which {hour} stands alone, such as logs/{day}-{hour}.json.gz"))
			}
			hourOf[o.key] = h
		}
		all = append(all, found...)
	}
	return all, nil
}

// matching lists the objects whose keys match a pattern, in the order of keys. What tools put there to make a folder visible is none.
func (f *s3Fetch) matching(ctx context.Context, pattern string) ([]s3Object, error) {
	prefix := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		prefix = pattern[:i]
	}
	in := &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix, RequestPayer: f.payer}
	var found []s3Object
	for {
		var page *s3.ListObjectsV2Output
		err := awsAsk(ctx, f.r, "list s3://"+f.bucket+"/"+prefix, func(ctx context.Context) (err error) {
			page, err = f.client.ListObjectsV2(ctx, in)
			return f.explain(err, "s3:ListBucket")
		})
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if strings.HasSuffix(key, "/") || strings.HasSuffix(key, "_$folder$") {
				continue
			}
			ok, err := keyMatches(pattern, key)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, fmt.Sprintf("%q is not a pattern", pattern), "write *, ? or [a-z], each [ with its ]")
			}
			if ok {
				found = append(found, s3Object{bucket: f.bucket, key: key, listed: true, tag: aws.ToString(o.ETag), size: aws.ToInt64(o.Size)})
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return found, nil
		}
		in.ContinuationToken = page.NextContinuationToken
	}
}

// keyMatches is path.Match, element by element, where a * or ? at the front of an element does not match a dot, as in files.
func keyMatches(pattern, key string) (bool, error) {
	patterns, elements := strings.Split(pattern, "/"), strings.Split(key, "/")
	if len(patterns) != len(elements) {
		return false, nil
	}
	for i, p := range patterns {
		ok, err := path.Match(p, elements[i])
		if err != nil || !ok {
			return false, err
		}
		if strings.HasPrefix(elements[i], ".") && !strings.HasPrefix(p, ".") {
			return false, nil
		}
	}
	return true, nil
}

// put copies an object into the sink. One that an unfinished fetch has put is left as it is; one that is another by now ends the fetch.
// It reports whether the object is there, which one that may be absent need not be.
func (f *s3Fetch) put(ctx context.Context, sink Sink, name string, o s3Object) (bool, error) {
	if i := slices.IndexFunc(f.r.Kept, func(p Part) bool { return p.Name == name }); i >= 0 {
		now, err := f.now(ctx, o)
		if err == nil && now != f.r.Kept[i].State {
			err = fault.Wrap(fault.Unavailable, ErrChanged, "s3://"+o.path()+" is another object than an unfinished fetch has copied", "run the day again")
		}
		return true, err
	}
	body, err := f.open(ctx, o)
	if fault.Is(err, fault.NotFound) && o.optional {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer body.Close()
	if err := sink.Put(ctx, Part{Name: name, Origin: "s3://" + o.path(), State: body.object.state()}, body); err != nil {
		return false, fmt.Errorf("copy s3://%s: %w", o.path(), err)
	}
	return true, nil
}

// now is the present state of an object.
func (f *s3Fetch) now(ctx context.Context, o s3Object) (string, error) {
	if o.listed {
		return o.state(), nil
	}
	var out *s3.HeadObjectOutput
	err := awsAsk(ctx, f.r, "look at s3://"+o.path(), func(ctx context.Context) (err error) {
		out, err = f.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &o.bucket, Key: &o.key, RequestPayer: f.payer})
		return f.explain(err, "s3:GetObject")
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return "", nil // no state is that of what was copied
	case err != nil:
		return "", err
	}
	o.tag, o.size = aws.ToString(out.ETag), aws.ToInt64(out.ContentLength)
	return o.state(), nil
}

// explain turns the errors of S3 that are of objects and buckets into faults; the others are AWS's.
func (f *s3Fetch) explain(err error, action string) error {
	if err == nil {
		return nil
	}
	told := &awsError{awsWords(err), err}
	switch code, status := awsCode(err), awsStatus(err); {
	case code == "NoSuchBucket":
		return place(f.r.Source, fault.Wrap(fault.Invalid, told, "there is no such bucket", "correct the path of the source"))
	case code == "NoSuchKey" || code == "NotFound" || code == "" && status == http.StatusNotFound:
		return fault.Wrap(fault.NotFound, told, "it is not there", "")
	case code == "PreconditionFailed" || status == http.StatusPreconditionFailed:
		return fault.Wrap(fault.Unavailable, told, "it changed while the day was read", "have its writer finish before the day is read, then run the day again")
	case code == "InvalidObjectState":
		return fault.Wrap(fault.Unavailable, told, "the object is in an archive", "restore it from there, then run the day again")
	case code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || status == http.StatusMovedPermanently:
		return place(f.r.Source, fault.Wrap(fault.Invalid, told, "the bucket is in another region", "write its region: aws: {region: …}"))
	case code == "XAdminUserNotFound": // versitygw's word for a key that it does not know
		return fault.New(fault.Refused, "the access key is not known", "see that access key, secret key and endpoint are right")
	case code == "AccessDenied" || code == "Forbidden" || code == "" && status == http.StatusForbidden:
		return fault.Wrap(fault.Refused, told, "it is not allowed", "allow "+action+" in the policy of the key or role that the source uses, and see requester_pays when the bucket is another's")
	}
	return err
}

func validateS3(s project.Source) error {
	invalid := func(message, hint string) error { return place(s, fault.New(fault.Invalid, message, hint)) }
	bucket, pattern := s3Address(s.Path)
	if !strings.HasPrefix(s.Path, "s3://") || bucket == "" || pattern == "" || strings.HasSuffix(pattern, "/") || strings.ContainsAny(bucket, "{}*?[") {
		return invalid("the source has no path of objects", "write path: s3://bucket/logs/{day}/*.ndjson.gz")
	}
	has, wrong := placeholdersOf(pattern, "the path", "{day}", "{yyyy}", "{mm}", "{dd}", "{hour}")
	if wrong != nil {
		return place(s, wrong)
	}
	for element := range strings.SplitSeq(pattern, "/") {
		if _, err := path.Match(element, ""); errors.Is(err, path.ErrBadPattern) {
			return invalid(fmt.Sprintf("the path %q is not a pattern", s.Path), "write *, ? or [a-z], each [ with its ]")
		}
	}
	switch {
	case snapshot(s) && len(has) > 0:
		return invalid("the path of a snapshot has a day or an hour", "take {…} out of it, or write holds: day")
	case !snapshot(s) && !has.day():
		return invalid("the path is the same for every day", "put {day} into it, or write holds: snapshot for objects that have only the present state")
	case s.S3.Manifest && s.Format == "":
		return invalid("the format of the objects that the manifest lists is not said", "write format:")
	case s.S3.Events != "" && snapshot(s):
		return invalid("an event names no day of a snapshot", "leave events: out")
	}
	if s.S3.Manifest {
		pattern = ""
	}
	if _, _, err := format(pattern, s.Format); err != nil {
		return place(s, err)
	}
	return nil
}
