package handlers

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"daybook/internal/fault"
	"daybook/internal/mail"
)

// maxHook is how many bytes a message of SNS has at most.
const maxHook = 256 << 10

// hookSES takes what SNS posts about mails. Whoever it is proves it by the message's signature; nobody is told why one is refused.
// Any answer but 2xx and 4xx makes SNS try again.
func (h *Handlers) hookSES(c echo.Context) error {
	ctx := c.Request().Context()
	if h.Mailer == nil || h.Mailer.Webhook == nil {
		return c.NoContent(http.StatusNotFound)
	}
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxHook+1))
	if err != nil || len(body) > maxHook {
		return c.NoContent(http.StatusRequestEntityTooLarge)
	}
	message, err := h.Mailer.Webhook.Open(ctx, body)
	if fault.Is(err, fault.Unavailable) {
		h.Log.Error("a message to the webhook could not be verified", "request", requestID(c), "err", err)
		return c.NoContent(http.StatusServiceUnavailable)
	}
	if err != nil {
		h.Log.Warn("a message to the webhook was refused", "request", requestID(c), "from", c.RealIP(), "err", err)
		return c.NoContent(http.StatusForbidden)
	}
	if message == nil { // a subscription, confirmed
		return c.NoContent(http.StatusOK)
	}
	events, err := mail.ParseEvents(message)
	if err != nil {
		h.Log.Warn("a message to the webhook is no event", "request", requestID(c), "err", err)
		return c.NoContent(http.StatusBadRequest)
	}
	if err := h.Mailer.Events(ctx, events); err != nil {
		h.Log.Error("events from the webhook could not be recorded", "request", requestID(c), "err", err)
		return c.NoContent(http.StatusServiceUnavailable)
	}
	return c.NoContent(http.StatusOK)
}
