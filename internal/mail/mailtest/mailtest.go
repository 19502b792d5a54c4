// Package mailtest is the conformance suite that every mail.Sender passes, and the messages to try one with.
package mailtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"sync"
	"testing"
	"time"

	"daybook/internal/fault"
	"daybook/internal/mail"
)

// Place is a sender and the bytes that it has taken over so far, in any order.
type Place struct {
	Sender mail.Sender
	Kept   func() [][]byte
}

// Run proves what callers rely on; open gives an empty place.
func Run(t *testing.T, open func(t *testing.T) Place) {
	t.Run("KeepsTheMessageByteForByte", func(t *testing.T) {
		p, m := open(t), Message()
		receipt, err := p.Sender.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if receipt.MessageID == "" {
			t.Error("the receipt has no message id")
		}
		want, err := m.MIME()
		if err != nil {
			t.Fatal(err)
		}
		if kept := p.Kept(); len(kept) != 1 || !bytes.Equal(kept[0], want) {
			t.Errorf("kept %d messages, want the one that was sent, byte for byte", len(kept))
		}
	})
	t.Run("RefusesAMalformedMessageForGood", func(t *testing.T) {
		p, m := open(t), Message()
		m.Subject = "usage\r\nBcc: everyone@example.com"
		_, err := p.Sender.Send(t.Context(), m)
		outcome := asSendError(t, err)
		if outcome.Kind != mail.Invalid || outcome.Retryable || outcome.MayHaveLeft {
			t.Errorf("outcome %+v, want invalid, not retryable, not left", outcome)
		}
		if fault.Hint(err) == "" {
			t.Error("the error has no hint")
		}
		if len(p.Kept()) != 0 {
			t.Error("the malformed message was kept")
		}
	})
	t.Run("SendsNothingForACallerThatHasGone", func(t *testing.T) {
		p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Sender.Send(ctx, Message())
		outcome := asSendError(t, err)
		if outcome.MayHaveLeft || outcome.Kind == mail.Unknown {
			t.Errorf("outcome %+v, want one that says that nothing left", outcome)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v does not wrap context.Canceled", err)
		}
		if len(p.Kept()) != 0 {
			t.Error("the message was kept")
		}
	})
	t.Run("KeepsEveryMessageOfManySendersAtOnce", func(t *testing.T) { sendAtOnce(t, open(t), 12) })
}

func sendAtOnce(t *testing.T, p Place, n int) {
	var wg sync.WaitGroup
	receipts := make([]mail.Receipt, n)
	want := make([][]byte, n)
	for i := range n {
		m := Message()
		m.MessageID = fmt.Sprintf("edition-%d@example.com", i)
		m.To.Address = fmt.Sprintf("reader%d@example.org", i)
		raw, err := m.MIME()
		if err != nil {
			t.Fatal(err)
		}
		want[i] = raw
		wg.Go(func() {
			var err error
			if receipts[i], err = p.Sender.Send(t.Context(), m); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	kept := p.Kept()
	slices.SortFunc(kept, bytes.Compare)
	slices.SortFunc(want, bytes.Compare)
	if !slices.EqualFunc(kept, want, bytes.Equal) {
		t.Errorf("kept %d messages, want the %d that were sent", len(kept), n)
	}
	ids := map[string]bool{}
	for _, r := range receipts {
		ids[r.MessageID] = true
	}
	if len(ids) != n {
		t.Errorf("%d different receipts for %d messages", len(ids), n)
	}
}

func asSendError(t *testing.T, err error) *mail.SendError {
	t.Helper()
	var e *mail.SendError
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want a *mail.SendError", err, err)
	}
	return e
}

// Message has everything a report's mail has: Korean in every place, two pictures, a CSV.
func Message() mail.Message {
	return mail.Message{
		From:    mail.Address{Name: "도서관 일간 보고", Address: "reports@example.com"},
		To:      mail.Address{Name: "김서연", Address: "reader@example.org"},
		ReplyTo: mail.Address{Name: "데이터팀", Address: "data@example.com"},
		Subject: "2026-11-19 앱 이용 현황: 요청 100,096건 (지난주 목요일 대비 +4.1%), 검색 실패율 25.0%로 이례적으로 높음",
		HTML: "<!doctype html>\n<html lang=\"ko\"><head><title>앱 이용 현황</title></head><body style=\"margin:0;background:#ffffff;color:#14191c;\">\n" +
			"<div style=\"display:none;max-height:0;overflow:hidden;mso-hide:all;\">11월 19일 요청 100,096건(지난주 목요일 대비 +4.1%) · 데이터 06:12 기준</div>\n" +
			"<table role=\"presentation\" width=\"600\" style=\"width:100%;max-width:600px;\"><tr><td><h1>요청 100,096건</h1>\n" +
			"<p>지난주 목요일보다 ▲ 4.1%. <a href=\"https://daybook.example.com/reports/daily/2026-11-19\" style=\"color:#2156a2\">보고서 열기</a></p>\n" +
			"<img src=\"cid:hours@daybook\" width=\"550\" height=\"227\" alt=\"13시 8,308건이 가장 많음\">\n" +
			"<img src=\"cid:keywords@daybook\" width=\"550\" height=\"367\" alt=\"텐서플로우 3,149건\"></td></tr></table></body></html>\n",
		Text: "11월 19일 요청 100,096건\n데이터 06:12 기준\n지난주 목요일보다 ▲ 4.1%\n13시 8,308건이 가장 많음\n텐서플로우 3,149건\n.점으로 시작하는 줄\nFrom 으로 시작하는 줄\n",
		Images: []mail.Image{
			{CID: "hours@daybook", Name: "시간대별 요청.png", Type: "image/png", Bytes: Picture(550, 227)},
			{CID: "keywords@daybook", Name: "keywords.png", Type: "image/png", Bytes: Picture(550, 367)},
		},
		Attachments: []mail.Attachment{
			{Name: "검색 실패 키워드 2026-11-19.csv", Type: "text/csv; charset=utf-8", Bytes: []byte("\ufeff검색어,건수\r\n앱,2583\r\n")},
		},
		ListID:      "daily.daybook.example.com",
		Unsubscribe: "https://daybook.example.com/unsubscribe/7hK2mQ9xB4",
		MessageID:   "0198c0de-7a11-7000-8000-000000000001@daybook.example.com",
		Date:        time.Date(2026, 11, 20, 7, 0, 0, 0, time.FixedZone("KST", 9*3600)),
		Headers:     map[string]string{"X-Daybook-Report": "daily/2026-11-19/1"},
		Tags:        map[string]string{"delivery": "0198c0de-7a11-7000-8000-000000000002", "report": "daily"},
	}
}

// Picture is a small PNG of one colour with the given size in pixels.
func Picture(width, height int) []byte {
	p := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.White, color.RGBA{33, 86, 162, 255}})
	for x := width / 4; x < width/2; x++ {
		for y := height / 4; y < height; y++ {
			p.SetColorIndex(x, y, 1)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		panic(err) // a bytes.Buffer takes everything, and the picture is ours
	}
	return b.Bytes()
}
