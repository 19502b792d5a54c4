package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"daybook/handlers"
	"daybook/internal/auth"
	"daybook/internal/fault"
	"daybook/internal/project"
	"daybook/internal/stage"
	"daybook/jobs"
)

const (
	defaultAddr = "localhost:8080"
	lastWords   = 5 * time.Second // how long a stopping server lets answers finish
)

func (p *program) serveCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the pages and follow the schedules",
		Long:    "Owns the project: refreshes and releases what is due, serves the pages, and does what the other commands ask for. The first start prints a one-time link that makes the admin.",
		Example: "  daybook serve -C library\n  daybook serve -C library --addr :8080",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := p.openHouse(c.Context(), "serve")
			if err != nil {
				return err
			}
			return errors.Join(p.serveHouse(c.Context(), h, addr), h.Close())
		},
	}
	c.Flags().StringVar(&addr, "addr", defaultAddr, "host and port; :8080 listens on every address")
	return c
}

// serveHouse wires everything that a server has and runs until ctx ends.
func (p *program) serveHouse(ctx context.Context, h *house, addr string) error {
	if err := h.openPress(ctx); err != nil {
		return err
	}
	post, err := h.openPost(ctx)
	if err != nil {
		return err
	}
	door, err := h.collecting(ctx)
	if err != nil {
		return err
	}
	pages, err := net.Listen("tcp", addr)
	if err != nil {
		return fault.Wrap(fault.Busy, err, "the server cannot listen on "+addr, "stop what listens there, or choose another address with --addr")
	}
	socket, err := listenSocket(p.dir)
	if err != nil {
		return errors.Join(err, pages.Close())
	}
	arrivals, err := h.runner.Arrivals(ctx)
	if err != nil {
		return errors.Join(err, pages.Close(), socket.Close())
	}
	h.log = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelInfo}))
	base := localURL(pages.Addr())
	outside := base // how people reach it: behind a proxy that is what the project says
	if h.project.Mail.BaseURL != project.DefaultBaseURL {
		outside = h.project.Mail.BaseURL
	}
	calendar := &jobs.Calendar{Runner: h.runner, Mailer: h.press.mailer, Alerts: h.alerter, Log: h.log}
	closing := make(chan struct{})
	web := &handlers.Handlers{
		Project: h.project, Runner: h.runner, Store: h.runner.Store, Lake: h.runner.Lake, Static: h.press.static, Outbox: h.outbox(), Mailer: h.press.mailer,
		Hasher: auth.NewHasher(2), Upcoming: calendar.Next, Peek: stage.Peek, Render: h.press.printer.Print, Now: time.Now, Log: h.log,
		BaseURL: outside, Version: version(), Closing: closing, Collect: door,
	}
	server := &http.Server{Handler: web.Routes(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	private := &http.Server{Handler: web.API(), ReadHeaderTimeout: 10 * time.Second, ConnContext: nameCaller}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(pages) }()
	go func() { ended <- private.Serve(socket) }()
	if err := calendar.Start(ctx); err != nil {
		return errors.Join(err, server.Close(), private.Close())
	}
	listening, hush := context.WithCancel(ctx)
	var listener sync.WaitGroup
	listener.Go(func() { h.press.mailer.Listen(listening, post.events()) })
	listener.Go(func() { h.attend(listening) })
	for _, queue := range arrivals {
		listener.Go(func() { h.runner.Await(listening, queue) })
	}
	defer listener.Wait()
	defer hush()
	p.printf("serving %s at %s\n", h.project.Name, base)
	if link, err := handlers.SetupLink(ctx, h.runner.Store, outside, time.Now()); err != nil {
		return errors.Join(err, server.Close(), private.Close(), calendar.Stop())
	} else if link != "" {
		p.printf("make the admin, once, at %s\n", link)
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-ended:
	}
	close(closing)
	h.runner.Close() // what runs is interrupted and made again at the next start
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	return errors.Join(err, calendar.Stop(), server.Shutdown(stopping), private.Shutdown(stopping))
}

// localURL is how a browser on this machine reaches the listener.
func localURL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return "http://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(strings.Trim(host, "[]"), port)
}
