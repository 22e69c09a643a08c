package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
)

// latestVersion stands for the last version of a subject.
const latestVersion = -1

// parseVersion reads a version from a path: a number, "latest" or "-1".
func parseVersion(text string) (int, error) {
	if text == "latest" || text == "-1" {
		return latestVersion, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0, faultf(42202, "The specified version '%s' is not a valid version id. "+
			"Allowed values are between [1, 2^31-1] and the string \"latest\"", text)
	}
	return int(n), nil
}

// pick returns a version of a subject, or why there is none.
func (s *state) pick(name subjectName, number int, deleted bool) (*version, error) {
	versions := s.subjects[name.String()]
	last := latest(versions, deleted)
	if last == nil {
		return nil, subjectNotFound(name.String())
	}
	if number == latestVersion {
		return cmp.Or(latest(versions, false), last), nil
	}
	v := s.find(name, number)
	if v == nil || v.deleted && !deleted {
		return nil, versionNotFound(number)
	}
	return v, nil
}

// versionBody is a version as clients see it.
type versionBody struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	schemaFields
}

// schemaFields is a schema as clients see it.
type schemaFields struct {
	Schema     string          `json:"schema"`
	References []reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
}

func describe(v *version) versionBody {
	return versionBody{Subject: v.subject.String(), Version: v.number, ID: v.schema.id, schemaFields: describeSchema(v.schema)}
}

func describeSchema(c *schema) schemaFields {
	return schemaFields{Schema: c.text, References: c.references, Metadata: c.metadata, RuleSet: c.ruleSet}
}

// rawText is answered as it is, not as a JSON string.
type rawText string

func (r *Registry) version(req *http.Request) (versionBody, error) {
	number, err := parseVersion(req.PathValue("version"))
	if err != nil {
		return versionBody{}, err
	}
	var body versionBody
	err = r.read(func(s *state) error {
		v, err := s.pick(subjectOf(req), number, flag(req, "deleted"))
		if err != nil {
			return err
		}
		body = describe(v)
		body.Schema, err = s.text(req, v)
		return err
	})
	return body, err
}

// text returns the text of a version in the format that the request asks for:
// as it is registered, or with what it refers to written out.
func (s *state) text(req *http.Request, v *version) (string, error) {
	switch format := req.URL.Query().Get("format"); strings.ToLower(format) {
	case "", "default":
		return v.schema.text, nil
	case "resolved":
		parsed, err := s.parse(v)
		if err != nil {
			return "", unreadable(v, err)
		}
		return string(avro.Text(parsed)), nil
	default:
		return "", badRequest(fmt.Errorf("the format %q of an AVRO schema is not one of default and resolved", format))
	}
}

func (r *Registry) getVersion(req *http.Request) (any, error) { return r.version(req) }

func (r *Registry) getVersionText(req *http.Request) (any, error) {
	v, err := r.version(req)
	return rawText(v.Schema), err
}

func (r *Registry) listVersions(req *http.Request) (any, error) {
	name := subjectOf(req)
	numbers := []int{}
	err := r.read(func(s *state) error {
		versions := s.subjects[name.String()]
		if latest(versions, flag(req, "deleted") || flag(req, "deletedOnly")) == nil {
			return subjectNotFound(name.String())
		}
		for _, v := range versions {
			if shows(req, v) {
				numbers = append(numbers, v.number)
			}
		}
		return nil
	})
	return page(req, numbers), err
}

// shows applies the parameters deleted and deletedOnly.
func shows(req *http.Request, v *version) bool {
	if flag(req, "deletedOnly") {
		return v.deleted
	}
	return !v.deleted || flag(req, "deleted")
}

func (r *Registry) listReferers(req *http.Request) (any, error) {
	number, err := parseVersion(req.PathValue("version"))
	if err != nil {
		return nil, err
	}
	ids := []int{}
	err = r.read(func(s *state) error {
		v, err := s.pick(subjectOf(req), number, true)
		if err != nil {
			return err
		}
		for referer := range s.referers[v.key()] {
			if !referer.deleted || flag(req, "deleted") {
				ids = append(ids, referer.schema.id)
			}
		}
		return nil
	})
	slices.Sort(ids)
	return page(req, slices.Compact(ids)), err
}

// anyContext is the prefix of subjects in all contexts.
const anyContext = ":*:"

// prefixed returns the names of the subjects that the parameter subjectPrefix
// selects, sorted.
func (s *state) prefixed(req *http.Request) []string {
	prefix, given := anyContext, req.URL.Query().Has("subjectPrefix")
	if given {
		prefix = req.URL.Query().Get("subjectPrefix")
	}
	rest, all := strings.CutPrefix(prefix, anyContext)
	want := parseSubject(prefix)
	var names []string
	for name := range maps.Keys(s.subjects) {
		subject := parseSubject(name)
		if all && strings.HasPrefix(subject.name, rest) ||
			!all && subject.context == want.context && strings.HasPrefix(subject.name, want.name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *Registry) listSubjects(req *http.Request) (any, error) {
	names := []string{}
	err := r.read(func(s *state) error {
		for _, name := range s.prefixed(req) {
			if showsSubject(req, s.subjects[name]) {
				names = append(names, name)
			}
		}
		return nil
	})
	return page(req, names), err
}

// showsSubject applies deleted and deletedOnly; a subject is deleted when all
// of its versions are.
func showsSubject(req *http.Request, versions []*version) bool {
	deleted := latest(versions, false) == nil
	if flag(req, "deletedOnly") {
		return deleted
	}
	return !deleted || flag(req, "deleted")
}

func (r *Registry) listSchemas(req *http.Request) (any, error) {
	all := []versionBody{}
	err := r.read(func(s *state) error {
		for _, name := range s.prefixed(req) {
			all = append(all, describeAll(req, s.subjects[name])...)
		}
		return nil
	})
	return page(req, all), err
}

func describeAll(req *http.Request, versions []*version) []versionBody {
	if flag(req, "latestOnly") {
		versions = versions[len(versions)-1:]
		if v := latest(versions, flag(req, "deleted")); v != nil {
			versions = []*version{v}
		}
	}
	var all []versionBody
	for _, v := range versions {
		if shows(req, v) {
			all = append(all, describe(v))
		}
	}
	return all
}

func (r *Registry) listContexts(*http.Request) (any, error) {
	var names []string
	err := r.read(func(s *state) error {
		names = slices.Sorted(maps.Keys(s.spaces))
		return nil
	})
	return names, err
}

// byID finds the schema of an id; the parameter subject says in which context.
func (r *Registry) byID(req *http.Request, use func(*state, *schema) error) error {
	id, err := strconv.Atoi(req.PathValue("id"))
	if err != nil {
		return &fault{status: http.StatusNotFound, Code: http.StatusNotFound, Message: "HTTP 404 Not Found"}
	}
	context := parseSubject(req.URL.Query().Get("subject")).context
	return r.read(func(s *state) error {
		found := s.space(context).byID[id]
		if found == nil {
			return schemaNotFound(id)
		}
		return use(s, found)
	})
}

// textByID returns the text of a schema as text does.
func (s *state) textByID(req *http.Request, c *schema) (string, error) {
	for v := range c.uses {
		return s.text(req, v)
	}
	return c.text, nil
}

// idBody is the answer for an id; subject and version where the request names
// a subject that has it.
type idBody struct {
	schemaFields
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
	MaxID   int    `json:"maxId,omitempty"`
}

func (r *Registry) getByID(req *http.Request) (any, error) {
	var body idBody
	wanted := parseSubject(req.URL.Query().Get("subject"))
	err := r.byID(req, func(s *state, c *schema) (err error) {
		body.schemaFields = describeSchema(c)
		body.Schema, err = s.textByID(req, c)
		for v := range c.uses {
			if v.subject == wanted && v.number > body.Version {
				body.Subject, body.Version = wanted.String(), v.number
			}
		}
		if flag(req, "fetchMaxId") {
			body.MaxID = s.space(wanted.context).lastID
		}
		return err
	})
	return body, err
}

func (r *Registry) getTextByID(req *http.Request) (any, error) {
	var text string
	err := r.byID(req, func(s *state, c *schema) (err error) {
		text, err = s.textByID(req, c)
		return err
	})
	return rawText(text), err
}

// use is a subject and version where a schema stands.
type use struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

func (r *Registry) uses(req *http.Request) ([]use, error) {
	uses := []use{}
	wanted := parseSubject(req.URL.Query().Get("subject"))
	err := r.byID(req, func(_ *state, c *schema) error {
		for v := range c.uses {
			if shows(req, v) && (wanted.name == "" || wanted == v.subject) {
				uses = append(uses, use{v.subject.String(), v.number})
			}
		}
		return nil
	})
	slices.SortFunc(uses, func(a, b use) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return uses, err
}

func (r *Registry) listUses(req *http.Request) (any, error) {
	uses, err := r.uses(req)
	return page(req, uses), err
}

func (r *Registry) listSubjectsOf(req *http.Request) (any, error) {
	uses, err := r.uses(req)
	names := []string{}
	for _, u := range uses {
		names = append(names, u.Subject)
	}
	return page(req, slices.Compact(names)), err
}
