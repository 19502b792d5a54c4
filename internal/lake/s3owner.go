package lake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"daybook/internal/fault"
)

const (
	ownerName = "owner.json"
	beatEvery = time.Minute
	takeOver  = 5 * time.Minute // of silence, by S3's clock, behind which another process may become the owner
	ownedFor  = 4 * time.Minute // how long behind its last sign of life a process holds itself to be the owner
	proofAge  = 5 * time.Second // how old the proof of owning may be when something is committed or removed
)

// Owner says who writes to a lake.
type Owner struct {
	Name string // for people: "daybook serve on report-1 (process 4711)"
	Home string // the same for processes of which never two live at once; such a one is followed without waiting. Empty: none
}

// ownership is owner.json. Its tag is the fence: it changes with every sign of life, and a write that names an earlier one fails.
type ownership struct {
	Owner
	Token string
	Beat  int
	Since time.Time // by the owner's clock, for people
	Over  bool      // given back
}

// held is what this process knows about its owning. Without it a lake is read only.
type held struct {
	mu   sync.Mutex
	mine ownership
	tag  string
	sent time.Time // when the last sign of life that arrived was sent
	lost error
}

// Own makes this process the one that writes to the lake, which until then is read only. While another one is, the error is a fault of code
// busy that names it; one that has been silent for five minutes is followed. Release gives the lake back.
func (s *S3) Own(ctx context.Context, who Owner) (release func() error, err error) {
	h := &held{mine: ownership{Owner: who, Token: rand.Text(), Since: s.now().UTC()}}
	if err := s.follow(ctx, h); err != nil {
		return nil, fmt.Errorf("become the owner of the lake %s: %w", s.address(), err)
	}
	s.held = h
	beating, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-beating.Done():
				return
			case <-tick.C:
				_ = s.prove(beating, 0) // the next write says what is wrong
			}
		}
	}()
	return sync.OnceValue(func() error {
		stop()
		<-ended
		ctx, cancel := context.WithTimeout(context.Background(), cleanup)
		defer cancel()
		return s.release(ctx)
	}), nil
}

// follow takes the lake where it has no owner, or one that is silent, gone, or an earlier process of the same home.
func (s *S3) follow(ctx context.Context, h *held) error {
	now, tag, silent, err := s.owner(ctx)
	if err != nil {
		return err
	}
	if same := now.Home != "" && now.Home == h.mine.Home; tag != "" && !now.Over && !same && silent <= s.takeOver {
		return fault.New(fault.Busy, fmt.Sprintf("the lake %s is owned by %s, which gave a sign of life %s ago", s.address(), now.Name, silent.Round(time.Second)),
			fmt.Sprintf("stop it, or give this project another prefix; an owner that is dead is followed after %s of silence", s.takeOver))
	}
	h.tag = tag
	return s.beat(ctx, h)
}

// owner reads who owns the lake, and for how long S3 has not heard of it; no tag where nobody ever did. Both times are S3's, so that no
// machine's clock matters.
func (s *S3) owner(ctx context.Context) (now ownership, tag string, silent time.Duration, err error) {
	var text []byte
	err = s.retry(ctx, func() error {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(ownerName)})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		if text, err = io.ReadAll(out.Body); err != nil {
			return err
		}
		tag = aws.ToString(out.ETag)
		if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok { // else nobody is ever silent
			silent = max(0, at.Sub(aws.ToTime(out.LastModified)))
		}
		return nil
	})
	if absent(err) {
		return ownership{}, "", 0, nil
	}
	if err != nil {
		return ownership{}, "", 0, s.explain(err, "read "+ownerName, "s3:GetObject")
	}
	if err := json.Unmarshal(text, &now); err != nil {
		now.Name = "a process whose " + ownerName + " cannot be read"
	}
	return now, tag, silent, nil
}

// beat writes owner.json in the place of the one with the tag that is known, which proves that nobody else has.
func (s *S3) beat(ctx context.Context, h *held) error {
	const tries = 3 // an answer that was lost, and an early request that arrives late
	for range tries {
		h.mine.Beat++
		sent := s.now()
		text, err := json.MarshalIndent(h.mine, "", "  ")
		if err != nil {
			return err
		}
		ok, tag, err := s.replace(ctx, ownerName, append(text, '\n'), h.tag)
		if err != nil {
			return err
		}
		if ok {
			h.tag, h.sent = tag, sent
			return nil
		}
		now, tag, _, err := s.owner(ctx)
		if err != nil {
			return err
		}
		if now.Token != h.mine.Token {
			by := now.Name
			if tag == "" {
				by = "somebody who removed " + ownerName
			}
			h.lost = fault.New(fault.Busy, fmt.Sprintf("the lake %s was taken over by %s", s.address(), by),
				"stop one of the two; this process writes nothing any more until it is started again")
			return h.lost
		}
		h.tag = tag
	}
	return fault.New(fault.Unavailable, ownerName+" of the lake changes again and again", "run it again later")
}

// prove fails unless this process owns the lake, by a sign of life that is not older than age.
func (s *S3) prove(ctx context.Context, age time.Duration) error {
	if s.free {
		return nil
	}
	h := s.held
	if h == nil {
		return fault.New(fault.Refused, "the lake "+s.address()+" was opened for reading only", "")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost != nil || since(h.sent, s.now()) < age {
		return h.lost
	}
	return s.beat(ctx, h)
}

// since is the longer of what the monotonic clock and the clock on the wall say: the first stands still while a machine sleeps.
func since(t, now time.Time) time.Duration { return max(now.Sub(t), now.Round(0).Sub(t.Round(0))) }

// fence proves owning right before a write that others rely on, which has to be done while the proof holds.
func (s *S3) fence(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := s.prove(ctx, proofAge); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ownedFor-proofAge)
	return ctx, cancel, nil
}

// removeOwned is remove behind the fence.
func (s *S3) removeOwned(ctx context.Context, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	ctx, cancel, err := s.fence(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	return s.remove(ctx, paths)
}

// release gives the lake back, unless it is lost.
func (s *S3) release(ctx context.Context) error {
	h := s.held
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lost != nil {
		return nil
	}
	h.mine.Over = true
	err := s.beat(ctx, h)
	if h.lost != nil {
		return nil
	}
	h.lost = fault.New(fault.Refused, "the lake "+s.address()+" was given back", "")
	if err != nil {
		return fmt.Errorf("give back the lake %s: %w", s.address(), err)
	}
	return nil
}
