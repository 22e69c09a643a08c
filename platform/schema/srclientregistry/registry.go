// Package srclientregistry lets a service that has a client of
// github.com/riferrei/srclient reach its schema registry through it. A service
// that has none uses schema.NewClient.
package srclientregistry

import (
	"context"
	"errors"
	"fmt"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/pulselearn/campus-hub/platform/schema"
)

// A Registry is a schema.Registry over an srclient. It differs from a
// schema.Client where srclient leaves no choice:
//
//   - srclient knows no contexts. A call returns as soon as its context ends,
//     but its request goes on until it is answered or the timeout of the
//     client's http.Client ends it; until then it holds a goroutine and one of
//     the client's permits, of which there are 16 unless it was made with
//     others. An http.Client without a timeout can lose them for good.
//   - Register makes a second request, for the schema that it registered.
//   - A record that names its schema by a GUID fails with ErrIncompatible.
//   - With CodecCreationEnabled, a schema that goavro refuses is reported as
//     ErrUnavailable.
//
// It is safe for concurrent use.
type Registry struct {
	client *srclient.SchemaRegistryClient
}

// New returns a Registry that sends its requests with client, under its
// credentials and timeout. It does not connect.
func New(client *srclient.SchemaRegistryClient) *Registry { return &Registry{client: client} }

// Lookup implements schema.Registry.
func (r *Registry) Lookup(ctx context.Context, subject, text string) (int, error) {
	doing := "look up schema of subject " + subject
	found, err := call(ctx, doing, func() (*srclient.Schema, error) {
		return r.client.LookupSchema(subject, text, srclient.Avro)
	})
	if err != nil {
		return 0, err
	}
	return schema.CheckID(doing, found.ID())
}

// Register implements schema.Registry.
func (r *Registry) Register(ctx context.Context, subject, text string) (int, error) {
	doing := "register schema of subject " + subject
	created, err := call(ctx, doing, func() (*srclient.Schema, error) {
		return r.client.CreateSchema(subject, text, srclient.Avro)
	})
	if err != nil {
		return 0, err
	}
	return schema.CheckID(doing, created.ID())
}

// SetCompatibility implements schema.Registry.
func (r *Registry) SetCompatibility(ctx context.Context, subject, level string) error {
	_, err := call(ctx, "set compatibility level of subject "+subject, func() (*srclient.CompatibilityLevel, error) {
		return r.client.ChangeSubjectCompatibilityLevel(subject, srclient.CompatibilityLevel(level))
	})
	return err
}

// Schema implements schema.Registry.
func (r *Registry) Schema(ctx context.Context, frame schema.Frame) (schema.Document, error) {
	if frame.GUID != (schema.GUID{}) {
		return schema.Document{}, fmt.Errorf("fetch schema with %s: srclient finds schemas by id alone; use schema.NewClient: %w",
			frame, schema.ErrIncompatible)
	}
	found, err := r.get(ctx, "fetch schema with "+frame.String(), func() (*srclient.Schema, error) {
		return r.client.GetSchema(frame.ID)
	})
	if err != nil {
		return schema.Document{}, err
	}
	return schema.ReadDocument(frame, found, func(ref sr.SchemaReference) (sr.Schema, error) {
		return r.get(ctx, fmt.Sprintf("fetch version %d of subject %s", ref.Version, ref.Subject), func() (*srclient.Schema, error) {
			return r.client.GetSchemaByVersion(ref.Subject, ref.Version)
		})
	})
}

func (r *Registry) get(ctx context.Context, doing string, request func() (*srclient.Schema, error)) (sr.Schema, error) {
	found, err := call(ctx, doing, request)
	if err != nil {
		return sr.Schema{}, err
	}
	return translate(doing, found)
}

// translate puts a schema into the terms of the other client.
func translate(doing string, found *srclient.Schema) (sr.Schema, error) {
	s := sr.Schema{Schema: found.Schema()}
	if t := found.SchemaType(); t != nil {
		if err := s.Type.UnmarshalText([]byte(*t)); err != nil {
			return sr.Schema{}, fmt.Errorf("%s: %w: %w", doing, schema.ErrIncompatible, err)
		}
	}
	for _, ref := range found.References() {
		s.References = append(s.References, sr.SchemaReference(ref))
	}
	return s, nil
}

// call waits for a request or for the end of ctx, and tells what an error
// means.
func call[T any](ctx context.Context, doing string, request func() (T, error)) (answer T, err error) {
	if err := ctx.Err(); err != nil {
		return answer, fmt.Errorf("%s: %w", doing, err)
	}
	type result struct {
		answer T
		err    error
	}
	done := make(chan result, 1) // buffered, so that a request that nobody waits for any more can end
	go func() {
		answer, err := guard(request)
		done <- result{answer, err}
	}()
	select {
	case <-ctx.Done():
		return answer, fmt.Errorf("%s: %w", doing, ctx.Err())
	case r := <-done:
		if r.err != nil {
			return answer, fmt.Errorf("%s: %w: %w", doing, reason(r.err), r.err)
		}
		return r.answer, nil
	}
}

// guard turns a panic into an error: srclient panics when an answer is the
// JSON value null, and nobody can recover for this goroutine.
func guard[T any](request func() (T, error)) (answer T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("srclient panicked over the answer; check that a schema registry is at this address: %v", p)
		}
	}()
	return request()
}

func reason(err error) error {
	var response srclient.Error
	if errors.As(err, &response) {
		return schema.ReasonOf(response.Code)
	}
	return schema.ErrUnavailable
}
