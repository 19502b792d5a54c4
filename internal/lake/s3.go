package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/calendar"
	"daybook/internal/fault"
)

// S3Options say where a lake on S3 lies and how it is reached.
type S3Options struct {
	Address   string // s3://bucket or s3://bucket/prefix
	Region    string // empty: what AWS's own tools take
	Endpoint  string // for doubles and private endpoints, with the bucket in the path; empty: the region's
	AccessKey string // with SecretKey; both empty: the credentials that AWS's own tools take
	SecretKey string

	Cache      string // directory of local copies, made when absent; one process's own
	CacheBytes int64  // that the copies may have together; 0 means 20 GB
}

// S3 is a lake in a bucket, laid out as Dir is. It is read only until Own: one process writes to it at a time. Behind that, an object is
// written once, and a manifest replaces another only where that is the one which was there when the batch began, so that a process
// which does not know yet that it was followed is refused.
type S3 struct {
	client  *s3.Client
	bucket  string
	prefix  string // of every key: empty, or with a slash at its end
	cache   *cache
	part    int64 // bytes of an upload's part
	stale   time.Duration
	now     func() time.Time
	waiting func(ctx context.Context, d time.Duration) error

	held     *held         // by Own; nil while the lake is read only
	free     bool          // written without an owner, by tests of what holds without one
	takeOver time.Duration // of silence, behind which an owner is followed
	changing sync.Map      // Key to *sync.Mutex: a key's commit and its removal take turns
}

const (
	partBytes = 8 << 20        // S3 wants 5 MiB at least, and 10,000 parts at most
	staleAge  = 24 * time.Hour // how old the remains of a crash are when Sweep takes them: another server may be at work
	silence   = 2 * time.Minute
)

// OpenS3 opens the lake in a bucket for reading, and asks nothing of it yet.
func OpenS3(ctx context.Context, o S3Options) (*S3, error) {
	bucket, prefix, err := bucketOf(o.Address)
	if err != nil {
		return nil, err
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return nil, fault.New(fault.Invalid, "the lake has only one of access key and secret key", "set both, or neither for the credentials of the environment")
	}
	load := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // retries are ours
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = silence })),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.AccessKey != "" {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the AWS configuration cannot be read", "see AWS_REGION, AWS_PROFILE and ~/.aws")
	}
	if cfg.Region == "" {
		return nil, fault.New(fault.Invalid, "the lake's bucket has no region", "write lake: {aws: {region: …}}, or set AWS_REGION")
	}
	c, err := openCache(o.Cache, o.CacheBytes)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // the manifests have a SHA-256 of everything
		if o.Endpoint != "" {
			so.BaseEndpoint, so.UsePathStyle = aws.String(o.Endpoint), true
		}
	})
	return &S3{client: client, bucket: bucket, prefix: prefix, cache: c, part: partBytes, stale: staleAge, now: time.Now, waiting: pause, takeOver: takeOver}, nil
}

// bucketOf takes s3://bucket/prefix apart.
func bucketOf(address string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(address, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	prefix = strings.Trim(prefix, "/")
	if !ok || bucket == "" || prefix != "" && path.Clean("/"+prefix) != "/"+prefix {
		return "", "", fault.New(fault.Invalid, fmt.Sprintf("%q is no place of a lake", address), "write s3://bucket/prefix")
	}
	if prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, nil
}

// pause waits, or ends with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *S3) address() string { return "s3://" + s.bucket + "/" + s.prefix }

// turn waits for whoever changes what a key holds.
func (s *S3) turn(k Key) (end func()) {
	mu, _ := s.changing.LoadOrStore(k, new(sync.Mutex))
	mu.(*sync.Mutex).Lock()
	return mu.(*sync.Mutex).Unlock
}

// key is the whole key of what lies at a path of the lake.
func (s *S3) key(elements ...string) *string { return aws.String(s.prefix + path.Join(elements...)) }

// stored is a manifest as it was read, and what a write that replaces it must name; both are empty where there was none.
type stored struct {
	manifest Manifest
	whole    bool // it could be decoded
	text     []byte
	tag      string
}

func (m stored) names(generation string) bool { return m.whole && m.manifest.Generation == generation }

// Manifest implements Lake.
func (s *S3) Manifest(ctx context.Context, k Key) (Manifest, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return Manifest{}, err
	}
	m, err := s.readManifest(ctx, k, manifestName)
	if err == nil && m.tag == "" {
		err = fault.New(fault.NotFound, fmt.Sprintf("the lake has no %s", k), "")
	}
	return m.manifest, err
}

// readManifest reads one; the tag of a damaged one is there beside the error.
func (s *S3) readManifest(ctx context.Context, k Key, name string) (stored, error) {
	text, tag, err := s.read(ctx, k.path()+"/"+name)
	if err != nil || tag == "" {
		return stored{}, err
	}
	m, err := decode(text, k)
	var f *fault.Error
	if errors.As(err, &f) {
		f.File = k.path() + "/" + name
	}
	return stored{m, err == nil, text, tag}, err
}

// read gives a small object and its tag; no tag where there is none.
func (s *S3) read(ctx context.Context, at string) (text []byte, tag string, err error) {
	err = s.retry(ctx, func() error {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(at)})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		text, err = io.ReadAll(out.Body)
		tag = aws.ToString(out.ETag)
		return err
	})
	if absent(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", s.explain(err, "read "+at, "s3:GetObject")
	}
	return text, tag, nil
}

// Open implements Lake. The reader ends with a fault of code damaged where the bytes are not those that were stored.
func (s *S3) Open(ctx context.Context, m Manifest, name string) (io.ReadCloser, error) {
	if err := errors.Join(ctx.Err(), m.Key().check(), checkName(m.Generation), checkName(name)); err != nil {
		return nil, err
	}
	o, err := m.Object(name)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, m, o)
}

// Verify implements Lake.
func (s *S3) Verify(ctx context.Context, m Manifest) error { return verify(ctx, s, m) }

// Keys implements Lake: the days are listed by their prefix, and each is asked for its manifest.
func (s *S3) Keys(ctx context.Context, layer Layer, node string) ([]Key, error) {
	probe := Key{Layer: layer, Node: node}
	if layer.numbered() {
		probe.Number = 1
	}
	if err := errors.Join(ctx.Err(), probe.check()); err != nil {
		return nil, err
	}
	root := path.Join(string(layer), node)
	days, err := s.folders(ctx, root)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, name := range days {
		day, ok := dayOf(name)
		if !ok {
			continue
		}
		if !layer.numbered() {
			keys = append(keys, Key{Layer: layer, Node: node, Day: day})
			continue
		}
		editions, err := s.folders(ctx, path.Join(root, name))
		if err != nil {
			return nil, err
		}
		for _, e := range editions {
			if n, ok := numberOf(e); ok {
				keys = append(keys, Key{Layer: layer, Node: node, Day: day, Number: n})
			}
		}
	}
	committed, err := s.committed(ctx, keys)
	slices.SortFunc(committed, Key.compare)
	return committed, err
}

// dayOf reads "day=2026-11-19" and "day=current".
func dayOf(folder string) (calendar.Day, bool) {
	name, ok := strings.CutPrefix(folder, keyPrefix)
	day, err := calendar.ParseDay(name)
	return day, ok && (err == nil || name == "current")
}

// numberOf reads "edition=2".
func numberOf(folder string) (int, bool) {
	text, ok := strings.CutPrefix(folder, numberPrefix)
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n > 0
}

// committed are the keys that have a manifest.
func (s *S3) committed(ctx context.Context, keys []Key) ([]Key, error) {
	const atOnce = 8
	var (
		mu    sync.Mutex
		found []Key
		errs  []error
	)
	each(atOnce, len(keys), func(i int) {
		_, there, err := s.head(ctx, keys[i].path()+"/"+manifestName)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
		} else if there {
			found = append(found, keys[i])
		}
	})
	if len(errs) > 0 {
		return nil, errs[0] // the others say the same
	}
	return found, nil
}

// each calls f for 0 to n-1, some at once.
func each(atOnce, n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(atOnce, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
