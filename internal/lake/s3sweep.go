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
	defer s.turn(k)()
	if err := s.prove(ctx, proofAge); err != nil {
		return err
	}
	now, err := s.readManifest(ctx, k, manifestName)
	if err != nil && now.tag == "" { // what is damaged, or of a newer version, is removed all the same
		return err
	}
	all, err := s.list(ctx, k.path())
	if err != nil || len(all) == 0 {
		return err
	}
	if err := s.unlink(ctx, k); err != nil {
		return err
	}
	generations := map[string]bool{}
	if now.whole {
		generations[now.manifest.Generation] = true
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
	if err := s.removeOwned(ctx, manifests); err != nil {
		return err
	}
	if err := s.removeManifest(ctx, k, now.tag); err != nil {
		return errors.Join(err, s.link(ctx, k))
	}
	return s.removeOwned(ctx, objects)
}

// removeManifest deletes the manifest that has the tag, and no other.
func (s *S3) removeManifest(ctx context.Context, k Key, tag string) error {
	at := k.path() + "/" + manifestName
	ctx, cancel, err := s.fence(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if now, err := s.readManifest(ctx, k, manifestName); now.tag != tag { // an S3 that does not know conditional deletes ignores the condition
		return errors.Join(err, fault.New(fault.Busy, fmt.Sprintf("%s was committed while it was removed", k), "what was committed is whole; remove it again if it is not wanted"))
	}
	if tag == "" {
		return nil
	}
	err = s.retry(ctx, func() error {
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.key(at), IfMatch: &tag})
		return err
	})
	if contested(err) {
		return fault.Wrap(fault.Busy, err, fmt.Sprintf("%s was committed while it was removed", k), "what was committed is whole; remove it again if it is not wanted")
	}
	if absent(err) {
		return nil
	}
	return s.explain(err, "delete "+at, "s3:DeleteObject")
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
	if err := errors.Join(ctx.Err(), s.prove(ctx, proofAge)); err != nil {
		return err
	}
	lists, err := s.lists(ctx)
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

// lists tells of which manifest the list of each staged day is, by NODE/day=DAY.
func (s *S3) lists(ctx context.Context) (map[string]string, error) {
	const atOnce = 16
	var days []string
	if err := s.below(ctx, listLayer, func(e entry) error { days = append(days, path.Dir(e.name)); return nil }); err != nil {
		return nil, err
	}
	of, errs := make([]string, len(days)), make([]error, len(days))
	each(atOnce, len(days), func(i int) {
		out, there, err := s.head(ctx, path.Join(listLayer, days[i], listName))
		if there {
			of[i] = out.Metadata[listOf]
		}
		errs[i] = err
	})
	lists := map[string]string{}
	for i, day := range days {
		if errs[i] != nil {
			return nil, errs[i] // the others say the same
		}
		lists[day] = of[i]
	}
	return lists, nil
}

// maxComplaints are enough to see that every key has the same.
const maxComplaints = 20

// sweeping gathers the objects of one key, which follow each other in a listing.
type sweeping struct {
	lake  *S3
	lists map[string]string // by NODE/day=DAY
	errs  []error           // of keys that were left

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

func (s *S3) sweepKey(ctx context.Context, k Key, seen []entry, lists map[string]string) error {
	named, unnamed := map[string]bool{}, map[string]time.Time{} // generations, the second with their newest object
	journals := false
	var committed time.Time
	var tag string
	for _, e := range seen {
		if g, ok := generationNamed(e.name); ok {
			named[g] = true
			journals = journals || strings.Contains(e.name, "/")
		}
		if e.name == manifestName {
			committed, tag = aws.ToTime(e.LastModified), aws.ToString(e.ETag)
		}
	}
	for _, e := range seen {
		if g, _, ok := strings.Cut(e.name, "/"); ok && generationRE.MatchString(g) && !named[g] {
			if at := aws.ToTime(e.LastModified); at.After(unnamed[g]) {
				unnamed[g] = at
			}
		}
	}
	if k.Layer == Stage && tag != "" && lists[path.Join(k.Node, keyPrefix+k.dayName())] != fingerprint(tag) {
		if err := s.link(ctx, k); err != nil {
			return err
		}
	}
	if !s.suspect(unnamed, committed) && (!journals || committed.IsZero()) {
		return nil
	}
	return s.sweepRemains(ctx, k, seen, unnamed, committed)
}

// sweepRemains takes away what is seen of the unnamed generations, if it is old enough and still unnamed. It leaves a key that is committed
// while it looks.
func (s *S3) sweepRemains(ctx context.Context, k Key, seen []entry, unnamed map[string]time.Time, committed time.Time) error {
	defer s.turn(k)()
	ctx, cancel, err := s.fence(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	again, err := s.list(ctx, k.path())
	if err != nil {
		return err
	}
	tag := ""
	for _, e := range again {
		if g, ok := generationNamed(e.name); ok {
			delete(unnamed, g)
		}
		if e.name == manifestName {
			tag = aws.ToString(e.ETag)
		}
	}
	now, err := s.readManifest(ctx, k, manifestName)
	if err != nil || fingerprint(now.tag) != fingerprint(tag) {
		return err
	}
	if now.whole {
		delete(unnamed, now.manifest.Generation)
		unnamed[now.manifest.Generation+journalExt] = committed // a crash behind the commit may have left it
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

// abortStale aborts uploads that nobody can be at work on any more; until then they are paid for and listed nowhere else. Where the lake
// has no prefix, the bucket may have others too: only what lies where the lake's objects do is its own.
func (s *S3) abortStale(ctx context.Context) error {
	for _, layer := range []Layer{Raw, Stage, Editions, Prints} {
		if err := s.abortStaleOf(ctx, layer); err != nil {
			return err
		}
	}
	return nil
}

func (s *S3) abortStaleOf(ctx context.Context, layer Layer) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: aws.String(*s.key(string(layer)) + "/")}
	for {
		var page *s3.ListMultipartUploadsOutput
		err := s.retry(ctx, func() (err error) { page, err = s.client.ListMultipartUploads(ctx, in); return err })
		if err != nil {
			return s.explain(err, "list unfinished uploads", "s3:ListBucketMultipartUploads")
		}
		for _, u := range page.Uploads {
			if s.now().Sub(aws.ToTime(u.Initiated)) <= s.stale || !strings.HasPrefix(aws.ToString(u.Key), *in.Prefix) {
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
