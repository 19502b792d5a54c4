package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"daybook/handlers"
	"daybook/internal/calendar"
	"daybook/internal/fault"
	"daybook/internal/store"
	"daybook/jobs"
)

// remoteDoor is the server that owns the project, through its socket.
type remoteDoor struct{ client *http.Client }

// dial finds the server that owns the project; ok is false when none answers.
func dial(ctx context.Context, dir string) (door, bool) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, false
	}
	var d net.Dialer
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	probe, err := d.DialContext(short, "unix", path)
	if err != nil {
		return nil, false
	}
	probe.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) }}
	return remoteDoor{&http.Client{Transport: transport}}, true
}

// post sends a request and returns the answer's body. What the server refused comes back as the fault it was.
func (d remoteDoor) post(ctx context.Context, what string, body any) (io.ReadCloser, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daybook/api/v1/"+what, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var answer struct{ Error remoteFault }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Error.Message == "" {
		return nil, fmt.Errorf("ask the server: it answered %s", resp.Status)
	}
	return nil, answer.Error.fault()
}

// remoteFault is a fault as the API writes it.
type remoteFault struct {
	Code, Message, Hint string
}

func (f remoteFault) fault() error { return fault.New(f.Code, f.Message, f.Hint) }

func (d remoteDoor) ask(ctx context.Context, what string, body, answer any) error {
	resp, err := d.post(ctx, what, body)
	if err != nil {
		return err
	}
	defer resp.Close()
	if err := json.NewDecoder(resp).Decode(answer); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

func (d remoteDoor) Plan(ctx context.Context, req jobs.Request) (jobs.Plan, error) {
	var plan jobs.Plan
	return plan, d.ask(ctx, "plan", req, &plan)
}

// Run follows the run as it goes, a line of JSON for each change.
func (d remoteDoor) Run(ctx context.Context, req jobs.Request) (store.Run, error) {
	body, err := d.post(ctx, "runs", req)
	if err != nil {
		return store.Run{}, err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var line struct {
			Task  *store.Task
			Run   *store.Run
			Error *remoteFault
		}
		err := lines.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return store.Run{}, errors.New("follow the run: the server went away before it ended; look at its page")
		case err != nil:
			return store.Run{}, fmt.Errorf("follow the run: %w", err)
		case line.Error != nil:
			return store.Run{}, line.Error.fault()
		case line.Run != nil:
			return *line.Run, nil
		case line.Task != nil && req.Observe != nil:
			req.Observe(*line.Task)
		}
	}
}

func (d remoteDoor) Query(ctx context.Context, sql string, day calendar.Day) ([]string, [][]any, error) {
	resp, err := d.post(ctx, "query", struct {
		SQL string       `json:"sql"`
		Day calendar.Day `json:"day"`
	}{sql, day})
	if err != nil {
		return nil, nil, err
	}
	defer resp.Close()
	var answer struct {
		Columns []string `json:"columns"`
		Rows    [][]any  `json:"rows"`
	}
	numbers := json.NewDecoder(resp)
	numbers.UseNumber() // counts above 2^53 stay what they are
	if err := numbers.Decode(&answer); err != nil {
		return nil, nil, fmt.Errorf("read the server's answer: %w", err)
	}
	return answer.Columns, answer.Rows, nil
}

func (d remoteDoor) Print(ctx context.Context, report string, day calendar.Day, format, section, locale string) ([]byte, error) {
	resp, err := d.post(ctx, "report", map[string]string{"report": report, "day": day.String(), "format": format, "section": section, "locale": locale})
	if err != nil {
		return nil, err
	}
	defer resp.Close()
	return io.ReadAll(resp)
}

// SaveAccount leaves it to the server to find out who asks.
func (d remoteDoor) SaveAccount(ctx context.Context, a handlers.Account, _ string) error {
	return d.ask(ctx, "account", a, &struct{}{})
}

func (d remoteDoor) Close() error {
	d.client.CloseIdleConnections()
	return nil
}
