package registry

import (
	"fmt"
	"net/http"
)

func (r *Registry) deleteVersion(req *http.Request) (any, error) {
	name, permanent := subjectOf(req), flag(req, "permanent")
	number, err := parseVersion(req.PathValue("version"))
	if err != nil {
		return nil, err
	}
	err = r.change(func(s *state) (*entry, error) {
		v, err := s.pick(name, number, true)
		if err != nil {
			return nil, err
		}
		number = v.number
		return s.deletion(name, []*version{v}, permanent, false)
	})
	return number, err
}

func (r *Registry) deleteSubject(req *http.Request) (any, error) {
	name, permanent := subjectOf(req), flag(req, "permanent")
	gone := []int{}
	err := r.change(func(s *state) (*entry, error) {
		versions := s.subjects[name.String()]
		if len(versions) == 0 {
			return nil, subjectNotFound(name.String())
		}
		if !permanent {
			versions = live(versions)
		}
		if len(versions) == 0 {
			return nil, faultf(40404, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", name)
		}
		e, err := s.deletion(name, versions, permanent, true)
		if err == nil {
			gone = e.Versions
		}
		return e, err
	})
	return gone, err
}

// deletion decides whether versions may go, softly or for good: for good only
// after softly, and never what something refers to.
func (s *state) deletion(name subjectName, versions []*version, permanent, whole bool) (*entry, error) {
	if mode := s.modeOf(name); mode == modeReadOnly || mode == modeReadOnlyOverride {
		return nil, notPermitted("Subject %s is in read-only mode", name)
	}
	e := &entry{Op: opDelete, Subject: name.String(), Whole: whole}
	if permanent {
		e.Op = opPurge
	}
	for _, v := range versions {
		if v.deleted != permanent {
			return nil, s.wrongState(v, whole)
		}
		if s.isReferenced(v, permanent) {
			return nil, referenced(v.key())
		}
		e.Versions = append(e.Versions, v.number)
	}
	return e, nil
}

func (s *state) wrongState(v *version, whole bool) error {
	what := fmt.Sprintf("Subject '%s' Version %d", v.subject, v.number)
	code := 40407
	switch {
	case v.deleted:
		return faultf(40406, "%s was soft deleted. Set permanent=true to delete permanently", what)
	case whole:
		what, code = fmt.Sprintf("Subject '%s'", v.subject), 40405
	}
	return faultf(code, "%s was not deleted first before being permanently deleted", what)
}

// isReferenced reports whether a schema refers to v; one that is deleted
// softly counts only when v is to go for good, because it may come back.
func (s *state) isReferenced(v *version, permanent bool) bool {
	for referer := range s.referers[v.key()] {
		if permanent || !referer.deleted {
			return true
		}
	}
	return false
}
