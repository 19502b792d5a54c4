package lake

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

// Remove implements Lake. Manifests go first and the newest last, so that after a crash on the way Sweep finds the rest.
func (s *S3) Remove(ctx context.Context, k Key) error {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return err
	}
	if err := s.removeKey(ctx, k); err != nil {
		return fmt.Errorf("remove %s: %w", k, err)
	}
	return nil
}

func (s *S3) removeKey(ctx context.Context, k Key) error {
	all, err := s.list(ctx, k.path())
	if err != nil || len(all) == 0 {
		return err
	}
	if err := s.unlink(ctx, k); err != nil {
		return err
	}
	generations := map[string]bool{}
	if m, err := s.readManifest(ctx, k, manifestName); err == nil && m.whole {
		generations[m.manifest.Generation] = true
	} else if err != nil && !fault.Is(err, fault.Damaged) && !fault.Is(err, fault.Refused) {
		return err
	}
	var manifests, objects []string
	for _, e := range all {
		if g, ok := generationNamed(e.name); ok {
			generations[g] = true
			manifests = append(manifests, k.path()+"/"+e.name)
		}
	}
	for _, e := range all {
		if dir, _, ok := strings.Cut(e.name, "/"); ok && generations[dir] {
			objects = append(objects, k.path()+"/"+e.name)
		}
	}
	for _, paths := range [][]string{manifests, {k.path() + "/" + manifestName}, objects} {
		if err := s.remove(ctx, paths); err != nil {
			return err
		}
	}
	return nil
}

// generationNamed is the generation that an earlier manifest or a journal is about.
func generationNamed(name string) (string, bool) {
	dir, _, inJournal := strings.Cut(name, "/")
	g, ok := strings.CutSuffix(dir, manifestExt)
	if inJournal {
		g, ok = strings.CutSuffix(dir, journalExt)
	}
	return g, ok && generationRE.MatchString(g)
}

// Sweep implements Lake. Remains are left for a day, as they may be an open batch of another server. It aborts uploads of that age, and
// writes the lists of staged data that a crash kept from being written. A key whose manifest cannot be read is left as it is and named
// in the error.
func (s *S3) Sweep(ctx context.Context) error {
	err := s.sweep(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("sweep the lake: %w", err)
	}
	return nil
}

func (s *S3) sweep(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lists := map[string]time.Time{}
	err := s.below(ctx, listLayer, func(e entry) error {
		lists[path.Dir(e.name)] = aws.ToTime(e.LastModified)
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, layer := range []Layer{Raw, Stage, Editions, Prints} {
		w := &sweeping{lake: s, lists: lists}
		err := s.below(ctx, string(layer), func(e entry) error { return w.see(ctx, layer, e) })
		if err == nil {
			err = w.end(ctx)
		}
		errs = append(append(errs, w.errs...), err)
		if err != nil {
			break // the others would say the same
		}
	}
	return errors.Join(append(errs, s.abortStale(ctx))...)
}

// maxComplaints are enough to see that every key has the same.
const maxComplaints = 20

// sweeping gathers the objects of one key, which follow each other in a listing.
type sweeping struct {
	lake  *S3
	lists map[string]time.Time // when the list of a node's day was written, by NODE/day=DAY
	errs  []error              // of keys that were left

	key  Key
	seen []entry // named relative to the key
}

func (w *sweeping) see(ctx context.Context, layer Layer, e entry) error {
	k, rest, ok := keyOf(layer, e.name)
	if !ok {
		return nil // not the lake's
	}
	if k != w.key {
		if err := w.end(ctx); err != nil {
			return err
		}
	}
	e.name = rest
	w.key, w.seen = k, append(w.seen, e)
	return nil
}

// keyOf takes NODE/day=DAY/REST or NODE/day=DAY/edition=N/REST apart.
func keyOf(layer Layer, name string) (k Key, rest string, ok bool) {
	node, rest, _ := strings.Cut(name, "/")
	folder, rest, ok := strings.Cut(rest, "/")
	k = Key{Layer: layer, Node: node}
	var dated bool
	k.Day, dated = dayOf(folder)
	if layer.numbered() {
		folder, rest, ok = strings.Cut(rest, "/")
		var numbered bool
		k.Number, numbered = numberOf(folder)
		dated = dated && numbered
	}
	return k, rest, ok && dated && checkName(node) == nil
}

// end sweeps the key whose objects were all seen. Only what would stop the other keys too is returned.
func (w *sweeping) end(ctx context.Context) error {
	k, seen := w.key, w.seen
	w.key, w.seen = Key{}, nil
	if len(seen) == 0 {
		return nil
	}
	err := w.lake.sweepKey(ctx, k, seen, w.lists)
	if (fault.Is(err, fault.Damaged) || fault.Is(err, fault.Refused)) && len(w.errs) < maxComplaints {
		w.errs = append(w.errs, err)
		return nil
	}
	return err
}

func (s *S3) sweepKey(ctx context.Context, k Key, seen []entry, lists map[string]time.Time) error {
	named, unnamed := map[string]bool{}, map[string]time.Time{} // generations, the second with their newest object
	journals := false
	var committed time.Time
	for _, e := range seen {
		if g, ok := generationNamed(e.name); ok {
			named[g] = true
			journals = journals || strings.Contains(e.name, "/")
		}
		if e.name == manifestName {
			committed = aws.ToTime(e.LastModified)
		}
	}
	for _, e := range seen {
		if g, _, ok := strings.Cut(e.name, "/"); ok && generationRE.MatchString(g) && !named[g] {
			if at := aws.ToTime(e.LastModified); at.After(unnamed[g]) {
				unnamed[g] = at
			}
		}
	}
	listed := k.Layer != Stage || committed.IsZero() || !lists[path.Join(k.Node, keyPrefix+k.dayName())].Before(committed)
	if listed && !s.suspect(unnamed, committed) && (!journals || committed.IsZero()) {
		return nil
	}
	if !committed.IsZero() {
		m, err := s.readManifest(ctx, k, manifestName)
		if err != nil {
			return err
		}
		delete(unnamed, m.manifest.Generation)
		unnamed[m.manifest.Generation+journalExt] = committed // a crash behind the commit may have left it
		if !listed {
			if err := s.link(ctx, m.manifest); err != nil {
				return err
			}
		}
	}
	var remains []string
	for _, e := range seen {
		g, _, _ := strings.Cut(e.name, "/")
		if at, ok := unnamed[g]; ok && s.now().Sub(at) > s.stale {
			remains = append(remains, k.path()+"/"+e.name)
		}
	}
	return s.remove(ctx, remains)
}

// suspect reports whether a key can have remains of a crash, so that its manifest need not be read each time: the manifest is newer
// than the one generation that it names.
func (s *S3) suspect(unnamed map[string]time.Time, committed time.Time) bool {
	for _, at := range unnamed {
		if len(unnamed) > 1 || at.After(committed) {
			return true
		}
	}
	return false
}

// abortStale aborts uploads that nobody can be at work on any more; until then they are paid for and listed nowhere else.
func (s *S3) abortStale(ctx context.Context) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &s.prefix}
	for {
		var page *s3.ListMultipartUploadsOutput
		err := s.retry(ctx, func() (err error) { page, err = s.client.ListMultipartUploads(ctx, in); return err })
		if err != nil {
			return s.explain(err, "list unfinished uploads", "s3:ListBucketMultipartUploads")
		}
		for _, u := range page.Uploads {
			if s.now().Sub(aws.ToTime(u.Initiated)) <= s.stale {
				continue
			}
			_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId})
			if word, _ := code(err); err != nil && word != noUpload && !absent(err) {
				return s.explain(err, "abort the upload of "+aws.ToString(u.Key), "s3:AbortMultipartUpload")
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}
