package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
)

// A reference lets a schema use the types of another subject's version.
type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// A schema is what an id stands for. It is immutable but for uses.
type schema struct {
	id         int
	text       string // as avro.TextWithout writes it
	references []reference
	metadata   json.RawMessage
	ruleSet    json.RawMessage
	contained  digest // of the text with its references inlined
	uses       map[*version]bool
}

type digest = [sha256.Size]byte

// A version is one place of a schema in a subject.
type version struct {
	subject subjectName
	number  int
	schema  *schema
	deleted bool // softly
}

type versionKey struct {
	subject string
	version int
}

func (v *version) key() versionKey { return versionKey{v.subject.String(), v.number} }

// A space is the ids of one context.
type space struct {
	lastID int
	byID   map[int]*schema
	byText map[digest]*schema
}

// A config is what is configured for a subject, a context or all; a zero field
// is not.
type config struct {
	Level     string `json:"level,omitempty"`
	Normalize *bool  `json:"normalize,omitempty"`
}

// The state is everything that the registry knows, indexed for every question.
type state struct {
	spaces   map[string]*space     // by context
	subjects map[string][]*version // by subject, ascending
	referers map[versionKey]map[*version]bool
	configs  map[string]config // by subject, ":.context:" or ""
	modes    map[string]string // likewise
}

func newState() *state {
	return &state{spaces: map[string]*space{defaultContext: newSpace()}, subjects: map[string][]*version{},
		referers: map[versionKey]map[*version]bool{}, configs: map[string]config{}, modes: map[string]string{}}
}

func newSpace() *space { return &space{byID: map[int]*schema{}, byText: map[digest]*schema{}} }

// The operations that entries record.
const (
	opRegister     = "register"
	opDelete       = "delete"
	opPurge        = "purge"
	opConfig       = "config"
	opConfigDelete = "config-delete"
	opMode         = "mode"
	opModeDelete   = "mode-delete"
)

// An entry is one change of the state, as the log keeps it.
type entry struct {
	Op         string          `json:"op"`
	Subject    string          `json:"subject,omitempty"`
	Version    int             `json:"version,omitempty"`
	ID         int             `json:"id,omitempty"`
	Schema     string          `json:"schema,omitempty"`
	References []reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
	Contained  []byte          `json:"contained,omitempty"` // SHA-256 of the self-contained text
	Versions   []int           `json:"versions,omitempty"`  // those that the change deletes or purges
	Whole      bool            `json:"whole,omitempty"`     // the subject's config and mode go too
	Config     config          `json:"config,omitzero"`
	Mode       string          `json:"mode,omitempty"`
}

// apply changes the state as an entry says. An error means that the entry does
// not fit the state, which only a damaged log can cause; nothing has changed
// then.
func (s *state) apply(e *entry) error {
	switch e.Op {
	case opRegister:
		return s.applyRegister(e)
	case opDelete, opPurge:
		return s.applyDelete(e)
	case opConfig:
		s.configs[e.Subject] = e.Config
	case opConfigDelete:
		delete(s.configs, e.Subject)
	case opMode:
		s.modes[e.Subject] = e.Mode
	case opModeDelete:
		delete(s.modes, e.Subject)
	default:
		return fmt.Errorf("the operation %q is unknown; a newer version wrote this log", e.Op)
	}
	return nil
}

func (s *state) applyRegister(e *entry) error {
	name := parseSubject(e.Subject)
	if e.Version < 1 || e.ID < 1 || s.find(name, e.Version) != nil {
		return fmt.Errorf("version %d of subject %q with id %d does not fit", e.Version, e.Subject, e.ID)
	}
	for _, n := range e.Versions {
		s.purge(s.find(name, n))
	}
	if s.spaces[name.context] == nil {
		s.spaces[name.context] = newSpace()
	}
	v := &version{subject: name, number: e.Version, schema: s.spaces[name.context].put(e)}
	v.schema.uses[v] = true
	versions := s.subjects[e.Subject]
	at, _ := findVersion(versions, e.Version)
	s.subjects[e.Subject] = slices.Insert(versions, at, v)
	s.addReferer(v)
	return nil
}

// space returns the ids of a context, to be read only: a context without
// schemas has none.
func (s *state) space(context string) *space {
	if p := s.spaces[context]; p != nil {
		return p
	}
	return &space{}
}

// put returns the schema of an entry's id, which it adds.
func (p *space) put(e *entry) *schema {
	p.lastID = max(p.lastID, e.ID)
	if known := p.byID[e.ID]; known != nil {
		return known
	}
	added := &schema{id: e.ID, text: e.Schema, references: e.References, metadata: e.Metadata, ruleSet: e.RuleSet,
		uses: map[*version]bool{}}
	copy(added.contained[:], e.Contained)
	p.byID[e.ID] = added
	p.byText[added.identity()] = added
	return added
}

// identity is what makes two schemas one.
func (c *schema) identity() digest {
	h := sha256.New()
	for _, part := range []any{c.text, c.references, c.metadata, c.ruleSet} {
		text, err := json.Marshal(part)
		if err != nil {
			panic("registry: strings and valid JSON always marshal: " + err.Error())
		}
		h.Write(append(text, '\n'))
	}
	return digest(h.Sum(nil))
}

func findVersion(versions []*version, number int) (int, bool) {
	return slices.BinarySearchFunc(versions, number, func(v *version, n int) int { return cmp.Compare(v.number, n) })
}

// find returns a version, also one that is deleted softly, or nil.
func (s *state) find(name subjectName, number int) *version {
	versions := s.subjects[name.String()]
	if i, ok := findVersion(versions, number); ok {
		return versions[i]
	}
	return nil
}

func (s *state) applyDelete(e *entry) error {
	name := parseSubject(e.Subject)
	for _, n := range e.Versions {
		if s.find(name, n) == nil {
			return fmt.Errorf("subject %q has no version %d to delete", e.Subject, n)
		}
	}
	for _, n := range e.Versions {
		if v := s.find(name, n); e.Op == opPurge {
			s.purge(v)
		} else {
			v.deleted = true
		}
	}
	if e.Whole {
		delete(s.configs, e.Subject)
		delete(s.modes, e.Subject)
	}
	return nil
}

// purge forgets a version and, with its last use, the schema. Ids are never
// given out again.
func (s *state) purge(v *version) {
	if v == nil {
		return
	}
	name := v.subject.String()
	i, _ := findVersion(s.subjects[name], v.number)
	if s.subjects[name] = slices.Delete(s.subjects[name], i, i+1); len(s.subjects[name]) == 0 {
		delete(s.subjects, name)
	}
	s.removeReferer(v)
	if delete(v.schema.uses, v); len(v.schema.uses) == 0 {
		ids := s.spaces[v.subject.context]
		delete(ids.byID, v.schema.id)
		delete(ids.byText, v.schema.identity())
	}
}

func refKey(ref reference, parent subjectName) versionKey {
	return versionKey{parseSubject(ref.Subject).inContextOf(parent).String(), ref.Version}
}

func (s *state) addReferer(v *version) {
	for _, ref := range v.schema.references {
		key := refKey(ref, v.subject)
		if s.referers[key] == nil {
			s.referers[key] = map[*version]bool{}
		}
		s.referers[key][v] = true
	}
}

func (s *state) removeReferer(v *version) {
	for _, ref := range v.schema.references {
		key := refKey(ref, v.subject)
		if delete(s.referers[key], v); len(s.referers[key]) == 0 {
			delete(s.referers, key)
		}
	}
}
