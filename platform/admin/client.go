package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// requestTimeout bounds one request, but for an export.
const requestTimeout = 60 * time.Second

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 20

// An Error is a request that the process has refused.
type Error struct {
	// Status is that of HTTP.
	Status int `json:"-"`
	// Message says what is wrong, Fix what to do; Fix may be empty.
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// Error returns the message and the fix.
func (e *Error) Error() string {
	if e.Fix == "" {
		return e.Message
	}
	return e.Message + "; " + e.Fix
}

// A Client speaks to the admin API of one process. It is safe for concurrent
// use.
type Client struct {
	base, token, actor string
	http               *http.Client
}

// NewClient returns a client of the API at base, an http or https URL. token
// may be empty where the process asks for none; actor is who asks, for the
// audit. It does not connect.
func NewClient(base, token, actor string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a URL such as %s", base, DefaultURL)
	}
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, actor: actor, http: http.DefaultClient}, nil
}

// URL returns the base that the client was made with.
func (c *Client) URL() string { return c.base }

// Service returns what the process serves.
func (c *Client) Service(ctx context.Context) (Service, error) {
	return get[Service](ctx, c, "/v1", nil)
}

// Groups returns the letters that f chooses, by signature, most first.
func (c *Client) Groups(ctx context.Context, f Filter) ([]Group, error) {
	return get[[]Group](ctx, c, "/v1/hold", f.Query())
}

// Letters returns up to limit of the letters that f chooses, by consumer, topic,
// partition and offset.
func (c *Client) Letters(ctx context.Context, f Filter, limit int) ([]Letter, error) {
	q := page(f, limit)
	q.Set("rows", "true")
	return get[[]Letter](ctx, c, "/v1/hold", q)
}

// Letter returns everything about one letter. unmask shows personal data too,
// and is audited with reason.
func (c *Client) Letter(ctx context.Context, id string, unmask bool, reason string) (Detail, error) {
	q := url.Values{}
	if unmask {
		q.Set("unmask", "true")
		q.Set("reason", reason)
	}
	return get[Detail](ctx, c, "/v1/hold/"+escape(id), q)
}

// Change carries out action, "redrive", "park" or "drop".
func (c *Client) Change(ctx context.Context, action string, ch Change) (Changed, error) {
	return post[Changed](ctx, c, "/v1/hold/"+action, ch)
}

// DryRun runs the handler of a letter in a transaction that is rolled back.
func (c *Client) DryRun(ctx context.Context, id string) (Trial, error) {
	return post[Trial](ctx, c, "/v1/hold/dry-run", Change{IDs: []string{id}})
}

// Progress returns how far the letters of a job are.
func (c *Client) Progress(ctx context.Context, context, job string) (Progress, error) {
	return get[Progress](ctx, c, "/v1/hold/jobs/"+url.PathEscape(job), url.Values{"context": {context}})
}

// Export calls line for each line of an export of the letters that f chooses.
func (c *Client) Export(ctx context.Context, f Filter, line func(json []byte) error) error {
	body, err := c.send(ctx, http.MethodGet, "/v1/hold/export", f.Query(), nil)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		if err := line(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the export broke off, and what was written is not complete: %w", err)
	}
	return nil
}

// Consumers returns the consumers of a context, or one of them.
func (c *Client) Consumers(ctx context.Context, context, consumer string) ([]Consumer, error) {
	return get[[]Consumer](ctx, c, "/v1/consumers", url.Values{"context": {context}, "consumer": {consumer}})
}

// Reset moves the positions of a consumer.
func (c *Client) Reset(ctx context.Context, r Reset) ([]Moved, error) {
	return post[[]Moved](ctx, c, "/v1/consumers/reset", r)
}

// Outbox returns the state of a context's outbox.
func (c *Client) Outbox(ctx context.Context, context string) (Outbox, error) {
	return get[Outbox](ctx, c, "/v1/outbox", url.Values{"context": {context}})
}

// Replay publishes events again.
func (c *Client) Replay(ctx context.Context, r Replay) (Replayed, error) {
	return post[Replayed](ctx, c, "/v1/outbox/replay", r)
}

// Event returns what a context knows about an event. sameAs is the attribute
// of that name, or empty; source is the event's, or empty in the context that
// published it.
func (c *Client) Event(ctx context.Context, context, id, source, sameAs string) (Event, error) {
	return get[Event](ctx, c, "/v1/events/"+url.PathEscape(id),
		url.Values{"context": {context}, "source": {source}, "sameAs": {sameAs}})
}

// escape makes an id with slashes a part of a path.
func escape(id string) string {
	parts := strings.Split(id, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	return answer[T](ctx, c, http.MethodGet, path, q, nil)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return answer[T](ctx, c, http.MethodPost, path, nil, body)
}

func answer[T any](ctx context.Context, c *Client, method, path string, q url.Values, in any) (out T, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := c.send(ctx, method, path, q, in)
	if err != nil {
		return out, err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(&out); err != nil {
		return out, fmt.Errorf("read the answer of %s%s: %w", c.base, path, err)
	}
	return out, nil
}

// send returns the body of an answer that is no error.
func (c *Client) send(ctx context.Context, method, path string, q url.Values, in any) (io.ReadCloser, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
	}
	target := c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderActor, c.actor)
	if c.token != "" {
		req.Header.Set(HeaderToken, "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, noAnswer(err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	return nil, refusal(res)
}

// noAnswer is the error of a request that got no answer. It leaves out the URL,
// which callers name.
func noAnswer(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("ask the admin API: %w", err)
	}
	return fmt.Errorf("ask the admin API: %w; is the process running, and is that its PL_ADMIN_ADDR?", err)
}

func refusal(res *http.Response) error {
	var answer struct {
		Error *Error `json:"error"`
	}
	err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&answer)
	if err != nil || answer.Error == nil {
		return fmt.Errorf("%s answered %s, and not as an admin API does: is it PL_ADMIN_ADDR of a process?", res.Request.URL.Host, res.Status)
	}
	answer.Error.Status = res.StatusCode
	return answer.Error
}
