package testenv

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browserLimit ends a browser that a test forgot about.
const browserLimit = 4 * time.Minute

// Chromium starts a browser that ends with the test. What a page complains about, a breach of its policy included, is what complaints
// returns, each once.
func Chromium(t testing.TB) (ctx context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		missing(t, "chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "en"), chromedp.WindowSize(1440, 1000))
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	var said listener
	chromedp.ListenTarget(ctx, said.hear)
	if err := chromedp.Run(ctx, log.Enable()); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx, said.take
}

// listener collects what a page complains about.
type listener struct {
	mu   sync.Mutex
	list []string
}

func (l *listener) hear(event any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			l.list = append(l.list, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			words := []string{"console." + string(e.Type)}
			for _, a := range e.Args {
				words = append(words, a.Description, string(a.Value))
			}
			l.list = append(l.list, strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		l.list = append(l.list, e.ExceptionDetails.Error())
	}
}

func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}
