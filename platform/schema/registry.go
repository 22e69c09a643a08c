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

// maxReferences bounds the requests that one schema can cause.
const maxReferences = 64

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
	found, err := c.api.LookupSchema(ctx, subject, sr.Schema{Schema: text})
	if err != nil {
		return 0, classify(ctx, "look up schema of subject "+subject, err)
	}
	return found.ID, nil
}

// Register implements Registry.
func (c *Client) Register(ctx context.Context, subject, text string) (int, error) {
	id, err := c.api.RegisterSchema(ctx, subject, sr.Schema{Schema: text}, -1, -1)
	if err != nil {
		return 0, classify(ctx, "register schema of subject "+subject, err)
	}
	return id, nil
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
	if found.Type != sr.TypeAvro {
		return Document{}, fmt.Errorf("schema with %s is of type %s, not AVRO: %w", frame, found.Type, ErrIncompatible)
	}
	references, err := c.references(ctx, found.References)
	return Document{Text: found.Schema, References: references}, err
}

// references fetches what a schema refers to, each version once.
func (c *Client) references(ctx context.Context, open []sr.SchemaReference) (texts []string, err error) {
	type version struct {
		subject string
		number  int
	}
	seen := map[version]bool{}
	for len(open) > 0 {
		ref := open[0]
		open = open[1:]
		at := version{ref.Subject, ref.Version}
		if seen[at] {
			continue
		}
		seen[at] = true
		if len(seen) > maxReferences {
			return nil, fmt.Errorf("schema has more than %d references: %w", maxReferences, ErrIncompatible)
		}
		found, err := c.api.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return nil, classify(ctx, fmt.Sprintf("fetch version %d of subject %s", ref.Version, ref.Subject), err)
		}
		texts = append(texts, found.Schema.Schema)
		open = append(open, found.References...)
	}
	return texts, nil
}

// classify tells what an error of the registry means. Only an answer with the
// registry's own error code says anything about a schema: a bare 404 may come
// from a proxy, and refused credentials are for a person to mend.
func classify(ctx context.Context, doing string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s: %w", doing, cause)
	}
	reason := ErrUnavailable
	var response *sr.ResponseError
	if errors.As(err, &response) {
		switch response.ErrorCode {
		case sr.ErrSubjectNotFound.Code, sr.ErrVersionNotFound.Code, sr.ErrSchemaNotFound.Code,
			sr.ErrSubjectSoftDeleted.Code, sr.ErrSchemaVersionSoftDeleted.Code:
			reason = ErrUnknownSchema
		case sr.ErrIncompatibleSchema.Code, sr.ErrInvalidSchema.Code, sr.ErrInvalidCompatibilityLevel.Code,
			sr.ErrOperationNotPermitted.Code, sr.ErrInvalidSubject.Code, sr.ErrSchemaTooLarge.Code:
			reason = ErrIncompatible
		}
	}
	return fmt.Errorf("%s: %w: %w", doing, reason, err)
}
