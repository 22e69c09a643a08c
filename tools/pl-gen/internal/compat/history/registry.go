package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/source"
)

// A restAPI reads a schema registry that speaks Confluent's REST API.
// Credentials are taken from the URL.
type restAPI struct {
	base string

	mu    sync.Mutex
	known map[string]registered
}

// A registered schema is one version of a subject.
type registered struct {
	Subject    string `json:"subject"`
	Version    int    `json:"version"`
	SchemaType string `json:"schemaType"`
	Schema     string `json:"schema"`
	References []struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	} `json:"references"`
}

// subjectPattern matches the subjects of events; others are none of ours.
var subjectPattern = regexp.MustCompile(`^pl\.([a-z][a-z0-9]*)\.([a-z][a-z0-9_]*)\.(v[1-9][0-9]*)-value$`)

// atOnce bounds the requests under way.
const atOnce = 8

func openRegistry(ctx context.Context, base string) (*Base, error) {
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a schema registry; write for example registry:http://127.0.0.1:8081", base)
	}
	r := &restAPI{base: base, known: map[string]registered{}}
	var subjects []string
	if err := r.get(ctx, &subjects, "", "subjects"); err != nil {
		return nil, err
	}
	subjects = slices.DeleteFunc(subjects, func(s string) bool { return !subjectPattern.MatchString(s) })
	slices.Sort(subjects)
	b := &Base{Name: "registry:" + r.name(), Label: "the registry", Faulty: map[string]string{}, Registered: true, older: r.older, level: r.level}
	return b, r.load(ctx, b, subjects)
}

// name is the URL without a password.
func (r *restAPI) name() string {
	u, err := url.Parse(r.base)
	if err != nil {
		return "registry"
	}
	u.User = nil
	return u.String()
}

func (r *restAPI) load(ctx context.Context, b *Base, subjects []string) error {
	set := &source.Set{Module: "compared", Avro: make([]*source.Avro, len(subjects))}
	faults := make([]error, len(subjects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, subject := range subjects {
		group.Go(func() error {
			path := pathOf(subject)
			v, err := r.version(ctx, subject, "latest")
			if err != nil {
				return err
			}
			set.Avro[i] = &source.Avro{Path: path, Text: []byte(v.Schema)}
			set.Avro[i].Schema, faults[i] = r.parse(ctx, v)
			var unreadable avro.Faults
			if faults[i] != nil && !errors.As(faults[i], &unreadable) {
				return faults[i]
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.Set = set
	b.Model, _ = model.Build(set)
	for i, err := range faults {
		if err != nil {
			b.Faulty[set.Avro[i].Path] = err.Error()
		}
	}
	return nil
}

// pathOf is where the schema of a subject stands among contracts.
func pathOf(subject string) string {
	m := subjectPattern.FindStringSubmatch(subject)
	return fmt.Sprintf("%s/%s/%s/%s.avsc", source.AvroRoot, m[1], m[3], m[2])
}

// older returns the versions of an event's subject before the last one.
func (r *restAPI) older(ctx context.Context, e *model.Event) ([]Version, error) {
	subject := e.Topic + "-value"
	var numbers []int
	if err := r.get(ctx, &numbers, "", "subjects", subject, "versions"); err != nil {
		return nil, err
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	var versions []Version
	for _, n := range numbers[min(1, len(numbers)):] {
		v, err := r.version(ctx, subject, strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		s, err := r.parse(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("read version %d of %s: %w", n, subject, err)
		}
		if e, err := eventOf(pathOf(subject), []byte(v.Schema), s); err == nil {
			versions = append(versions, Version{Name: fmt.Sprintf("version %d", n), Event: e})
		}
	}
	return distinct(e, versions), nil
}

// version returns a version of a subject; numbered ones never change.
func (r *restAPI) version(ctx context.Context, subject, number string) (registered, error) {
	key := subject + " " + number
	r.mu.Lock()
	v, ok := r.known[key]
	r.mu.Unlock()
	if ok {
		return v, nil
	}
	if err := r.get(ctx, &v, "", "subjects", subject, "versions", number); err != nil {
		return v, err
	}
	if v.SchemaType != "" && v.SchemaType != "AVRO" {
		return v, fmt.Errorf("read version %s of %s: it is of type %s, and events are AVRO", number, subject, v.SchemaType)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[key] = v
	return v, nil
}

func (r *restAPI) parse(ctx context.Context, v registered) (*avro.Schema, error) {
	known := &avro.Names{}
	if err := r.references(ctx, v, known, nil); err != nil {
		return nil, err
	}
	return avro.Parse(fmt.Sprintf("%s/subjects/%s/versions/%d", r.name(), v.Subject, v.Version), []byte(v.Schema), known)
}

// references adds the types that a schema refers to, the deepest first.
func (r *restAPI) references(ctx context.Context, v registered, known *avro.Names, path []string) error {
	for _, ref := range v.References {
		if slices.Contains(path, ref.Subject) {
			return fmt.Errorf("read %s: its references lead in a circle", v.Subject)
		}
		w, err := r.version(ctx, ref.Subject, strconv.Itoa(ref.Version))
		if err != nil {
			return err
		}
		if err := r.references(ctx, w, known, append(path, ref.Subject)); err != nil {
			return err
		}
		s, err := avro.Parse(ref.Subject, []byte(w.Schema), known)
		if err != nil {
			return fmt.Errorf("read version %d of %s, which %s refers to: %w", w.Version, w.Subject, v.Subject, err)
		}
		known.Add(s)
	}
	return nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// level returns the level of an event's subject, or the registry's own.
func (r *restAPI) level(ctx context.Context, topic string) (string, error) {
	var config struct {
		Level string `json:"compatibilityLevel"`
	}
	err := r.get(ctx, &config, "?defaultToGlobal=true", "config", topic+"-value")
	return config.Level, err
}

// get reads a JSON answer.
func (r *restAPI) get(ctx context.Context, into any, query string, segments ...string) error {
	path := r.base
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	path += query
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return fmt.Errorf("ask the registry: %w", err)
	}
	req.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the registry: %w; is it running at %s?", err, r.name())
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask the registry for %s: %w", strings.Join(segments, "/"), err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the registry for %s: HTTP %d: %.200s", strings.Join(segments, "/"), res.StatusCode, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("ask the registry for %s: the answer is not what Confluent's API says: %w", strings.Join(segments, "/"), err)
	}
	return nil
}
