package registry

import (
	"errors"
	"net/http"
)

// registered is the answer to a registration.
type registered struct {
	ID      int `json:"id"`
	Version int `json:"version"`
}

func (r *Registry) register(req *http.Request) (any, error) {
	name := subjectOf(req)
	if err := name.check(); err != nil {
		return nil, err
	}
	body, err := schemaBody(req)
	if err != nil {
		return nil, err
	}
	var answer registered
	err = r.change(func(s *state) (*entry, error) {
		e, err := s.register(name, body, &answer)
		return e, err
	})
	return answer, err
}

// register decides a registration. It returns no entry when the subject has
// the schema already.
func (s *state) register(name subjectName, req *schemaRequest, answer *registered) (*entry, error) {
	if err := s.mayRegister(name, req.ID > 0); err != nil {
		return nil, err
	}
	c, err := s.candidate(name, req)
	if err != nil {
		return nil, err
	}
	imports := s.modeOf(name) == modeImport
	if !imports {
		c.inherit(latest(s.subjects[name.String()], false))
	}
	if v := s.registeredAs(name, req, c); v != nil {
		*answer = registered{ID: v.schema.id, Version: v.number}
		return nil, nil
	}
	if err := c.readsBack(); err != nil {
		return nil, err
	}
	if !imports {
		if err := s.mayFollow(name, c); err != nil {
			return nil, err
		}
	}
	*answer = registered{ID: s.idFor(name, c, req.ID), Version: s.nextVersion(name)}
	if err := s.place(name, req, c, imports, answer); err != nil {
		return nil, err
	}
	return s.registration(name, c, *answer), nil
}

// registeredAs returns the version that a registration would repeat, or nil.
func (s *state) registeredAs(name subjectName, req *schemaRequest, c *candidate) *version {
	v := s.same(name, c, false)
	if req.Version > 0 {
		v = s.find(name, req.Version)
	}
	if v == nil || v.deleted || !v.schema.equals(c.schema) || req.ID > 0 && req.ID != v.schema.id {
		return nil
	}
	return v
}

// mayRegister applies the mode: ids are given by clients when importing, and
// only then.
func (s *state) mayRegister(name subjectName, withID bool) error {
	if err := s.mayChange(name); err != nil {
		return err
	}
	switch mode := s.modeOf(name); {
	case mode == modeImport && !withID:
		return notPermitted("Subject %s is in import mode, where a registration names its id", name)
	case mode != modeImport && withID:
		return notPermitted("Subject %s is not in import mode", name)
	}
	return nil
}

// mayFollow checks a schema against the versions before it.
func (s *state) mayFollow(name subjectName, c *candidate) error {
	reasons, err := s.checkLevel(s.configOf(name).Level, c.parsed, live(s.subjects[name.String()]))
	if err == nil && len(reasons) > 0 {
		err = incompatible(name, reasons)
	}
	return err
}

func (s *state) idFor(name subjectName, c *candidate, wanted int) int {
	if wanted > 0 {
		return wanted
	}
	ids := s.space(name.context)
	if known := ids.byText[c.schema.identity()]; known != nil {
		return known.id
	}
	return ids.lastID + 1
}

func (s *state) nextVersion(name subjectName) int {
	if v := latest(s.subjects[name.String()], true); v != nil {
		return v.number + 1
	}
	return 1
}

// place takes over the id and version that the client wants, if they fit.
func (s *state) place(name subjectName, req *schemaRequest, c *candidate, imports bool, answer *registered) error {
	if holder := s.space(name.context).byID[answer.ID]; holder != nil && holder.identity() != c.schema.identity() {
		return notPermitted("Overwrite new schema with id %d is not permitted.", answer.ID)
	}
	if req.Version <= 0 || req.Version == answer.Version {
		return nil
	}
	if !imports {
		return faultf(42201, "Invalid schema: version is not one more than previous version")
	}
	if s.find(name, req.Version) != nil {
		return notPermitted("Subject %s already has version %d", name, req.Version)
	}
	answer.Version = req.Version
	return nil
}

// registration makes the entry. Softly deleted earlier versions of the same
// schema go, as in Confluent's registry, unless something refers to them.
func (s *state) registration(name subjectName, c *candidate, as registered) *entry {
	e := &entry{Op: opRegister, Subject: name.String(), Version: as.Version, ID: as.ID, Schema: c.schema.text,
		References: c.schema.references, Metadata: c.schema.metadata, RuleSet: c.schema.ruleSet, Contained: c.schema.contained[:]}
	for _, v := range s.subjects[name.String()] {
		if v.deleted && v.schema.id == as.ID && v.number < as.Version && len(s.referers[v.key()]) == 0 {
			e.Versions = append(e.Versions, v.number)
		}
	}
	return e
}

func live(versions []*version) []*version {
	var kept []*version
	for _, v := range versions {
		if !v.deleted {
			kept = append(kept, v)
		}
	}
	return kept
}

func (r *Registry) lookup(req *http.Request) (any, error) {
	name := subjectOf(req)
	body, err := schemaBody(req)
	if err != nil {
		return nil, err
	}
	deleted := flag(req, "deleted")
	var found versionBody
	err = r.read(func(s *state) error {
		c, err := s.candidate(name, body)
		if err != nil {
			return err
		}
		v := s.same(name, c, deleted)
		if v == nil && c.inherit(latest(s.subjects[name.String()], false)) {
			v = s.same(name, c, deleted)
		}
		switch {
		case v != nil:
			found = describe(v)
			return nil
		case latest(s.subjects[name.String()], deleted) == nil:
			return subjectNotFound(name.String())
		}
		return faultf(40403, "Schema not found")
	})
	return found, err
}

// checked is the answer to a compatibility check.
type checked struct {
	Compatible bool     `json:"is_compatible"`
	Messages   []string `json:"messages,omitempty"`
}

// compatibility checks a schema against one version of a subject, or against
// those that a registration would be checked against.
func (r *Registry) compatibility(req *http.Request) (any, error) {
	name := subjectOf(req)
	body, err := schemaBody(req)
	if err != nil {
		return nil, err
	}
	var answer checked
	err = r.read(func(s *state) error {
		earlier, err := s.earlier(name, req.PathValue("version"))
		if err != nil {
			return err
		}
		c, err := s.candidate(name, body)
		if err == nil {
			err = c.readsBack()
		}
		if err != nil {
			return answer.invalid(err, flag(req, "verbose"))
		}
		reasons, err := s.checkLevel(s.configOf(name).Level, c.parsed, earlier)
		answer.Compatible = err == nil && len(reasons) == 0
		if flag(req, "verbose") {
			answer.Messages = reasons
		}
		return err
	})
	return answer, err
}

// invalid answers for a schema that is none: to who asks for verbosity, with
// the message instead of an error.
func (c *checked) invalid(err error, verbose bool) error {
	var f *fault
	if !verbose || !errors.As(err, &f) || f.Code != 42201 {
		return err
	}
	c.Messages = []string{f.Message}
	return nil
}

func (s *state) earlier(name subjectName, text string) ([]*version, error) {
	versions := live(s.subjects[name.String()])
	if text == "" {
		return versions, nil
	}
	number, err := parseVersion(text)
	if err != nil {
		return nil, err
	}
	if number == latestVersion {
		return versions[max(0, len(versions)-1):], nil
	}
	if i, ok := findVersion(versions, number); ok {
		return versions[i : i+1], nil
	}
	return nil, versionNotFound(number)
}
