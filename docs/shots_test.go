package docs_test

import (
	"bufio"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"daybook/internal/testenv"
)

var shots = flag.String("shots", "", "make the pictures of img/ anew with this daybook binary")

// maxShot keeps the repository small, in bytes.
const maxShot = 300 << 10

// pictures are the pages that are taken, each after the sign-in as the first admin.
var pictures = []struct {
	file, page    string
	width, height int64
}{
	{"report.png", "/", 1280, 1180},
}

// TestShots takes pictures of the demo; it does nothing unless -shots names a binary.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("no pictures were asked for with -shots")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	link := demo(t, ctx, *shots)
	page, _ := testenv.Chromium(t)
	err := chromedp.Run(page,
		chromedp.Navigate(link),
		chromedp.SendKeys(`input[name=address]`, "ada@example.com", chromedp.ByQuery),
		chromedp.SendKeys(`input[name=name]`, "Ada", chromedp.ByQuery),
		chromedp.SendKeys(`input[name=password]`, "a book for the morning", chromedp.ByQuery),
		chromedp.Submit(`input[name=password]`, chromedp.ByQuery),
		chromedp.WaitReady(`form[action="/signout"]`, chromedp.ByQuery),
	)
	if err != nil {
		t.Fatalf("sign in at %s: %v", link, err)
	}
	base, _, _ := strings.Cut(link, "/setup/")
	for _, p := range pictures {
		var png []byte
		err := chromedp.Run(page,
			chromedp.EmulateViewport(p.width, p.height),
			chromedp.Navigate(base+p.page),
			chromedp.WaitVisible(`main`, chromedp.ByQuery),
			chromedp.Poll(`[...document.querySelectorAll("[data-chart]")].every(c => !c.offsetParent || c.getBoundingClientRect().top > innerHeight || c.querySelector("canvas,svg"))`, nil, chromedp.WithPollingTimeout(time.Minute)),
			chromedp.Sleep(1500*time.Millisecond), // charts move into place
			chromedp.CaptureScreenshot(&png),
		)
		if err != nil {
			t.Fatalf("take %s: %v", p.file, err)
		}
		if len(png) > maxShot {
			t.Errorf("%s has %d bytes, more than %d", p.file, len(png), maxShot)
		}
		if err := os.WriteFile(filepath.Join("img", p.file), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// demo starts the binary's demo in a directory of its own and returns the link that makes the admin.
func demo(t *testing.T, ctx context.Context, binary string) string {
	t.Helper()
	binary, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, "demo", "-C", filepath.Join(t.TempDir(), "library"), "--addr", "localhost:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	setup := regexp.MustCompile(`http://\S+/setup/\S+`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if link := setup.FindString(lines.Text()); link != "" {
			return link
		}
	}
	t.Fatalf("the demo ended without a link: %v", lines.Err())
	return ""
}
