package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// A Registry stores schemas under ids. Implementations are safe for concurrent
// use. Their errors match ErrUnavailable, ErrUnknownSchema or ErrIncompatible,
// unless ctx ended.
type Registry interface {
	// Lookup returns the id under which text is registered for subject.
	Lookup(ctx context.Context, subject, text string) (int, error)
	// Register registers text for subject and returns its id. Text that is
	// registered already keeps its id.
	Register(ctx context.Context, subject, text string) (int, error)
	// SetCompatibility sets the compatibility level of subject, such as
	// FULL_TRANSITIVE.
	SetCompatibility(ctx context.Context, subject, level string) error
	// Schema returns the schema that frame names.
	Schema(ctx context.Context, frame Frame) (Document, error)
}

// A Document is a registered Avro schema.
type Document struct {
	// Text is the schema as it is registered.
	Text string
	// References are the texts of the schemas that Text refers to, those that
	// they refer to included, in no particular order.
	References []string
}

// requestTimeout bounds one request to the registry.
const requestTimeout = 10 * time.Second

// A Client is a Registry reached over Confluent's REST API.
type Client struct{ api *sr.Client }

// NewClient returns a client of the registry at url; options may add
// credentials or a TLS configuration. It does not connect.
func NewClient(url string, options ...sr.ClientOpt) (*Client, error) {
	base := []sr.ClientOpt{sr.HTTPClient(&http.Client{Timeout: requestTimeout}), sr.URLs(url)}
	api, err := sr.NewClient(append(base, options...)...)
	if err != nil {
		return nil, fmt.Errorf("schema registry client for %s: %w", url, err)
	}
	return &Client{api: api}, nil
}

// Lookup implements Registry.
func (c *Client) Lookup(ctx context.Context, subject, text string) (int, error) {
	doing := "look up schema of subject " + subject
	found, err := c.api.LookupSchema(ctx, subject, sr.Schema{Schema: text})
	if err != nil {
		return 0, classify(ctx, doing, err)
	}
	return CheckID(doing, found.ID)
}

// Register implements Registry.
func (c *Client) Register(ctx context.Context, subject, text string) (int, error) {
	doing := "register schema of subject " + subject
	id, err := c.api.RegisterSchema(ctx, subject, sr.Schema{Schema: text}, -1, -1)
	if err != nil {
		return 0, classify(ctx, doing, err)
	}
	return CheckID(doing, id)
}

// SetCompatibility implements Registry.
func (c *Client) SetCompatibility(ctx context.Context, subject, level string) error {
	var want sr.SetCompatibility
	if err := want.Level.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("compatibility level of subject %s: %w: %w", subject, ErrIncompatible, err)
	}
	for _, result := range c.api.SetCompatibility(ctx, want, subject) {
		if result.Err != nil {
			return classify(ctx, "set compatibility level of subject "+subject, result.Err)
		}
	}
	return nil
}

// Schema implements Registry.
func (c *Client) Schema(ctx context.Context, frame Frame) (Document, error) {
	var found sr.Schema
	var err error
	if frame.GUID != (GUID{}) {
		var byGUID sr.SubjectSchema
		byGUID, err = c.api.SchemaByGUID(ctx, frame.GUID.String())
		found = byGUID.Schema
	} else {
		found, err = c.api.SchemaByID(ctx, frame.ID)
	}
	if err != nil {
		return Document{}, classify(ctx, "fetch schema with "+frame.String(), err)
	}
	return ReadDocument(frame, found, func(ref sr.SchemaReference) (sr.Schema, error) {
		found, err := c.api.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return sr.Schema{}, classify(ctx, fmt.Sprintf("fetch version %d of subject %s", ref.Version, ref.Subject), err)
		}
		return found.Schema, nil
	})
}

// classify tells what an error of the registry means.
func classify(ctx context.Context, doing string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	reason := ErrUnavailable
	var response *sr.ResponseError
	if errors.As(err, &response) {
		reason = ReasonOf(response.ErrorCode)
	}
	return fmt.Errorf("%s: %w: %w", doing, reason, err)
}
