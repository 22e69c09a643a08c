package registry

import "net/http"

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
// after softly, and never what something else refers to. With the last version
// the subject's config and mode go too.
func (s *state) deletion(name subjectName, versions []*version, permanent, whole bool) (*entry, error) {
	if err := s.mayChange(name); err != nil {
		return nil, err
	}
	e := &entry{Op: opDelete, Subject: name.String()}
	if permanent {
		e.Op = opPurge
		e.Whole = len(versions) == len(s.subjects[name.String()])
	}
	for _, v := range versions {
		switch {
		case v.deleted && !permanent:
			return nil, faultf(40406, "Subject '%s' Version %d was soft deleted. Set permanent=true to delete permanently", name, v.number)
		case s.isReferenced(v, permanent, whole):
			return nil, referenced(v.key())
		case permanent && !v.deleted:
			return nil, notDeletedBefore(v, whole)
		}
		e.Versions = append(e.Versions, v.number)
	}
	return e, nil
}

func notDeletedBefore(v *version, whole bool) error {
	if whole {
		return faultf(40405, "Subject '%s' was not deleted first before being permanently deleted", v.subject)
	}
	return faultf(40407, "Subject '%s' Version %d was not deleted first before being permanently deleted", v.subject, v.number)
}

// isReferenced reports whether a schema refers to v. One that is deleted softly
// counts only when v is to go for good, because it may come back; one of the
// same subject does not when all of that goes.
func (s *state) isReferenced(v *version, permanent, whole bool) bool {
	for referer := range s.referers[v.key()] {
		if (permanent || !referer.deleted) && (!whole || referer.subject != v.subject) {
			return true
		}
	}
	return false
}
