package lake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"daybook/internal/fault"
)

// journal notes what an unfinished generation has stored: GENERATION.parts/plan says who has the batch, GENERATION.parts/00000001 is the
// first object that became durable, and so on. The plan is written before the first note. Who takes the batch up replaces it on the
// condition that it is still the one that was read, as does who had it before at its commit and its end: so only one of them goes on, and
// no note is taken away that another still reads.
type journal struct {
	lake *S3
	at   string // of the directory
	plan string
	tag  string // of the plan, as it was when the batch was taken up; empty while there is none
	over bool   // the plan says so
	n    int    // notes
}

const planName = "plan"

// ownedPlan differs between those who take a batch up, so that its tag does.
type ownedPlan struct {
	Plan  string
	Owner string
	Over  bool `json:",omitempty"` // committed or thrown away: nobody takes it up
}

func (j *journal) noteAt(n int) string { return fmt.Sprintf("%s/%08d", j.at, n) }

// own replaces the plan with one of a new owner, and fails where it is not the one that was read. With over nobody takes it up any more.
func (j *journal) own(ctx context.Context, over bool) error {
	text, err := json.Marshal(ownedPlan{j.plan, rand.Text(), over})
	if err != nil {
		return err
	}
	ok, tag, err := j.lake.replace(ctx, j.at+"/"+planName, text, j.tag)
	if err != nil {
		return err
	}
	if !ok {
		// The answer of an earlier try may have been lost: then the plan is the one that was just written.
		now, nowTag, err := j.lake.read(ctx, j.at+"/"+planName)
		if err != nil {
			return err
		}
		if string(now) != string(text) {
			return fault.New(fault.Busy, "another run has taken this batch up, or ended it", "let one of them finish, then run it again")
		}
		tag = nowTag
	}
	j.tag, j.over = tag, over
	return nil
}

// note adds an object whose bytes are durable.
func (j *journal) note(ctx context.Context, o Kept) error {
	if j.tag == "" {
		if err := j.own(ctx, false); err != nil {
			return err
		}
	}
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := j.lake.put(ctx, j.noteAt(j.n+1), line, rand.Text()); err != nil {
		return err
	}
	j.n++
	return nil
}

// end takes the journal away: the batch is committed or thrown away. The plan goes last, as it says that the notes count no more.
func (j *journal) end(ctx context.Context) error {
	if j.tag == "" {
		return nil
	}
	if !j.over {
		if err := j.own(ctx, true); err != nil {
			return err
		}
	}
	all, err := j.lake.list(ctx, j.at)
	if err != nil {
		return err
	}
	var notes []string
	for _, e := range all {
		if e.name != planName {
			notes = append(notes, j.at+"/"+e.name)
		}
	}
	if err := j.lake.remove(ctx, notes); err != nil {
		return err
	}
	return j.lake.remove(ctx, []string{j.at + "/" + planName})
}

// Resume implements Lake.
func (s *S3) Resume(ctx context.Context, k Key, wanted string) (Batch, []Kept, error) {
	if err := errors.Join(ctx.Err(), k.check()); err != nil {
		return nil, nil, err
	}
	b, kept, err := s.resume(ctx, k, wanted)
	if err != nil {
		return nil, nil, fmt.Errorf("resume %s: %w", k, err)
	}
	return b, kept, nil
}

func (s *S3) resume(ctx context.Context, k Key, wanted string) (*s3Batch, []Kept, error) {
	folders, err := s.folders(ctx, k.path())
	if err != nil {
		return nil, nil, err
	}
	b, err := s.begin(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range folders {
		generation, ok := strings.CutSuffix(name, journalExt)
		if !ok || !generationRE.MatchString(generation) {
			continue
		}
		j := &journal{lake: s, at: k.path() + "/" + name}
		taken, err := s.takeUp(ctx, k, j, generation, wanted)
		if err != nil {
			return nil, nil, err
		}
		if !taken {
			continue
		}
		b.generation, b.journal = generation, j
		kept, err := b.whole(ctx)
		return b, kept, err
	}
	b.journal = &journal{lake: s, at: b.dir() + journalExt, plan: wanted}
	return b, nil, nil
}

// takeUp makes a journal this process's, or ends it when it is one of another plan or of no use any more. The objects of what it ends stay
// for Sweep: whoever stored them may be at its commit.
func (s *S3) takeUp(ctx context.Context, k Key, j *journal, generation, wanted string) (bool, error) {
	if err := s.prove(ctx, proofAge); err != nil {
		return false, err
	}
	text, tag, err := s.read(ctx, j.at+"/"+planName)
	if err != nil || tag == "" {
		return false, err
	}
	var p ownedPlan
	readable := json.Unmarshal(text, &p) == nil
	committed, err := s.wasCommitted(ctx, k, generation)
	if err != nil {
		return false, err
	}
	j.plan, j.tag, j.over = p.Plan, tag, p.Over
	if committed || p.Over || !readable || p.Plan != wanted {
		return false, j.end(ctx)
	}
	if err := j.own(ctx, false); err != nil {
		return false, err
	}
	committed, err = s.wasCommitted(ctx, k, generation)
	if err == nil && committed {
		err = fault.New(fault.Busy, fmt.Sprintf("%s is being committed by another run", k), "it is there already; run it again only if it is not what you want")
	}
	return err == nil, err
}

// wasCommitted reports that a manifest names a generation, the newest or an earlier one.
func (s *S3) wasCommitted(ctx context.Context, k Key, generation string) (bool, error) {
	now, err := s.readManifest(ctx, k, manifestName)
	if err != nil && !fault.Is(err, fault.Damaged) || now.names(generation) {
		return now.whole, err
	}
	_, earlier, err := s.head(ctx, k.path()+"/"+generation+manifestExt)
	return earlier, err
}

// whole reads the journal up to the first object that is not there as it was written, and removes every other object and note. No commit
// can have named those: it names what was noted before it owned the plan, and owned it before this batch did, or it fails.
func (b *s3Batch) whole(ctx context.Context) ([]Kept, error) {
	notes, err := b.journal.read(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := b.lake.list(ctx, b.dir())
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, e := range objects {
		sizes[e.name] = aws.ToInt64(e.Size)
	}
	var kept []Kept
	for _, o := range notes {
		if size, there := sizes[o.Name]; !there || size != o.Bytes || checkName(o.Name) != nil {
			break
		}
		delete(sizes, o.Name)
		kept = append(kept, o)
		b.objects = append(b.objects, o.Object)
		b.names[o.Name] = false
	}
	var rest []string
	for n := len(kept) + 1; n <= b.journal.n; n++ {
		rest = append(rest, b.journal.noteAt(n))
	}
	for name := range sizes {
		rest = append(rest, b.dir()+"/"+name)
	}
	b.journal.n = len(kept)
	if len(rest) == 0 {
		return kept, nil
	}
	committed, err := b.lake.wasCommitted(ctx, b.key, b.generation)
	if err == nil && committed {
		err = fault.New(fault.Busy, fmt.Sprintf("%s was committed meanwhile by another run", b.key), "it is there already; run it again only if it is not what you want")
	}
	if err != nil {
		return nil, err
	}
	return kept, b.lake.removeOwned(ctx, rest)
}

// read gives the notes in order, up to one that is absent or unreadable, and counts all that there are.
func (j *journal) read(ctx context.Context) ([]Kept, error) {
	const atOnce = 16
	all, err := j.lake.list(ctx, j.at)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		var n int
		if _, err := fmt.Sscanf(e.name, "%08d", &n); err == nil {
			j.n = max(j.n, n)
		}
	}
	texts, errs := make([][]byte, j.n), make([]error, j.n)
	each(atOnce, j.n, func(i int) { texts[i], _, errs[i] = j.lake.read(ctx, j.noteAt(i+1)) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var kept []Kept
	for _, text := range texts {
		var o Kept
		if json.Unmarshal(text, &o) != nil {
			break
		}
		kept = append(kept, o)
	}
	return kept, nil
}
