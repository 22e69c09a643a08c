package register

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// requestTimeout bounds one request to the registry.
const requestTimeout = 30 * time.Second

// A Registry is a Schema Registry with Confluent's REST API. It is safe for
// concurrent use.
type Registry struct {
	// URL is the registry's address without credentials.
	URL string
	api *sr.Client
}

// Open returns a client of the registry at address, which may hold
// credentials: https://user:secret@host. It does not connect.
func Open(address string) (*Registry, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the registry's address is not a URL such as http://127.0.0.1:8081")
	}
	options := []sr.ClientOpt{sr.HTTPClient(&http.Client{Timeout: requestTimeout}), sr.UserAgent("pl-gen")}
	if u.User != nil {
		secret, _ := u.User.Password()
		options = append(options, sr.BasicAuth(u.User.Username(), secret))
		u.User = nil
	}
	api, err := sr.NewClient(append(options, sr.URLs(u.String()))...)
	if err != nil {
		return nil, fmt.Errorf("registry at %s: %w", u, err)
	}
	return &Registry{URL: u.String(), api: api}, nil
}

// A version is one version of a subject as the registry has it.
type version struct{ number, id int }

// Schema returns the self-contained text of the schema with an id.
func (r *Registry) Schema(ctx context.Context, id int) (string, error) {
	found, err := r.api.SchemaByID(ctx, id)
	if isNotFound(err) {
		return "", fmt.Errorf("the registry at %s has no schema with id %d: is it the registry of the environment that the record is from?", r.URL, id)
	}
	if err != nil {
		return "", r.explain(fmt.Sprintf("fetch schema %d", id), err)
	}
	if found.Type != sr.TypeAvro || len(found.References) > 0 {
		return "", fmt.Errorf("schema %d of the registry at %s is not self-contained Avro", id, r.URL)
	}
	return found.Schema, nil
}

// find returns the version that has the text, number 0 if none has.
func (r *Registry) find(ctx context.Context, subject, text string) (version, error) {
	found, err := r.api.LookupSchema(ctx, subject, sr.Schema{Schema: text})
	if isNotFound(err) {
		return version{}, nil
	}
	if err != nil {
		return version{}, r.explain("look up the schema of "+subject, err)
	}
	return version{found.Version, found.ID}, nil
}

// level returns the subject's own compatibility level, "" if it has none.
func (r *Registry) level(ctx context.Context, subject string) (string, error) {
	result := r.api.Compatibility(ctx, subject)[0]
	if isNotFound(result.Err) {
		return "", nil
	}
	if result.Err != nil {
		return "", r.explain("ask for the compatibility level of "+subject, result.Err)
	}
	return result.Level.String(), nil
}

func (r *Registry) setLevel(ctx context.Context, subject, level string) error {
	var want sr.SetCompatibility
	if err := want.Level.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("compatibility level of %s: %w", subject, err)
	}
	if err := r.api.SetCompatibility(ctx, want, subject)[0].Err; err != nil {
		return r.explain("set the compatibility level of "+subject, err)
	}
	return nil
}

func (r *Registry) register(ctx context.Context, subject, text string) error {
	if _, err := r.api.RegisterSchema(ctx, subject, sr.Schema{Schema: text}, -1, -1); err != nil {
		return r.explain("register the schema of "+subject, err)
	}
	return nil
}

// A past version is one that the registry has, oldest first. Its schema is nil
// when it cannot be read here, as with another registrant's references.
type past struct {
	number int
	schema *avro.Schema
}

func (r *Registry) history(ctx context.Context, subject string) ([]past, error) {
	versions, err := r.api.Schemas(ctx, subject)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, r.explain("fetch the versions of "+subject, err)
	}
	history := make([]past, 0, len(versions))
	for _, v := range versions {
		parsed, _ := avro.Parse(fmt.Sprintf("%s version %d", subject, v.Version), []byte(v.Schema.Schema), nil)
		history = append(history, past{v.Version, parsed})
	}
	return history, nil
}

// isNotFound reports whether the registry itself, not a proxy before it, says
// that it does not have something.
func isNotFound(err error) bool {
	var response *sr.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound && response.ErrorCode/100 == 404
}

// explain says what to do about an error.
func (r *Registry) explain(doing string, err error) error {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return fmt.Errorf("%s: %w; is a registry at %s?", doing, err, r.URL)
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%s: the registry at %s refuses the credentials: put them into the URL, https://user:secret@host, and check what they allow: %w", doing, r.URL, err)
	case http.StatusConflict:
		return fmt.Errorf("%s: the registry at %s finds the schema incompatible with an earlier version: %w", doing, r.URL, err)
	case http.StatusNotFound:
		return fmt.Errorf("%s: nothing at %s answers as a registry does: is the path right? %w", doing, r.URL, err)
	}
	return fmt.Errorf("%s: the registry at %s refuses: %w", doing, r.URL, err)
}
