package registry

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	modeReadWrite        = "READWRITE"
	modeReadOnly         = "READONLY"
	modeReadOnlyOverride = "READONLY_OVERRIDE"
	modeImport           = "IMPORT"
)

var modes = []string{modeReadWrite, modeReadOnly, modeReadOnlyOverride, modeImport}

// configOf returns the config that holds for a subject: each field from the
// subject, else from its context, else the global one, else the default.
func (s *state) configOf(name subjectName) config {
	own, context, global := s.configs[name.String()], s.configs[name.whole().String()], s.configs[""]
	return config{
		Level:     cmp.Or(own.Level, context.Level, global.Level, levelDefault),
		Normalize: cmp.Or(own.Normalize, context.Normalize, global.Normalize),
	}
}

// modeOf returns the mode that holds for a subject.
func (s *state) modeOf(name subjectName) string {
	if s.modes[""] == modeReadOnlyOverride {
		return modeReadOnlyOverride
	}
	return cmp.Or(s.modes[name.String()], s.modes[name.whole().String()], s.modes[""], modeReadWrite)
}

// configAnswer is a config as GET answers it.
type configAnswer struct {
	Level     string `json:"compatibilityLevel"`
	Normalize *bool  `json:"normalize,omitempty"`
}

// deletedConfig is a config as DELETE answers it: Confluent's registry names
// the level as GET does, its clients in Go expect the name of PUT.
type deletedConfig struct {
	configAnswer
	Level string `json:"compatibility"`
}

func (r *Registry) getConfig(req *http.Request) (any, error) {
	name := subjectOf(req)
	var c config
	err := r.read(func(s *state) error {
		var own bool
		c, own = s.configs[name.String()]
		if name.String() == "" || flag(req, "defaultToGlobal") {
			c = s.configOf(name)
		} else if !own {
			return faultf(40408, "Subject '%s' does not have subject-level compatibility configured", name)
		}
		return nil
	})
	return configAnswer(c), err
}

// A configRequest is what PUT reads and answers.
type configRequest struct {
	Level     string `json:"compatibility,omitempty"`
	Normalize *bool  `json:"normalize,omitempty"`
}

// foreignConfig are settings of Confluent's that would change what this
// registry does and that it does not have.
var foreignConfig = []string{"alias", "compatibilityGroup", "compatibilityPolicy", "defaultMetadata", "overrideMetadata",
	"defaultRuleSet", "overrideRuleSet", "validateFields", "validateNames"}

func (r *Registry) putConfig(req *http.Request) (any, error) {
	name := subjectOf(req)
	var body configRequest
	if err := readConfig(req, &body); err != nil {
		return nil, err
	}
	err := r.change(func(s *state) (*entry, error) {
		if err := s.mayChange(name); err != nil {
			return nil, err
		}
		before, had := s.configs[name.String()]
		after := config{Level: cmp.Or(body.Level, before.Level), Normalize: cmp.Or(body.Normalize, before.Normalize)}
		body = configRequest(after)
		if had && sameConfig(before, after) {
			return nil, nil
		}
		return &entry{Op: opConfig, Subject: name.String(), Config: after}, nil
	})
	return body, err
}

func sameConfig(a, b config) bool {
	return a.Level == b.Level && (a.Normalize == b.Normalize ||
		a.Normalize != nil && b.Normalize != nil && *a.Normalize == *b.Normalize)
}

func readConfig(req *http.Request, into *configRequest) error {
	body, err := readBody(req)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return badRequest(err)
	}
	for _, name := range foreignConfig {
		if text := all[name]; text != nil && string(text) != "null" {
			return unsupported("does not have the setting " + name)
		}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return badRequest(err)
	}
	if into.Level != "" {
		into.Level, err = parseLevel(into.Level)
	}
	return err
}

// mayChange refuses changes of what is read-only; its mode can be changed.
func (s *state) mayChange(name subjectName) error {
	if mode := s.modeOf(name); mode == modeReadOnly || mode == modeReadOnlyOverride {
		return notPermitted("Subject %s is in read-only mode", name)
	}
	return nil
}

func (r *Registry) deleteConfig(req *http.Request) (any, error) {
	name := subjectOf(req)
	var before config
	err := r.change(func(s *state) (*entry, error) {
		if err := s.mayChange(name); err != nil {
			return nil, err
		}
		var had bool
		before, had = s.configs[name.String()]
		switch {
		case had:
			return &entry{Op: opConfigDelete, Subject: name.String()}, nil
		case name.String() == "":
			before = s.configOf(name)
			return nil, nil
		}
		return nil, subjectNotFound(name.String())
	})
	return deletedConfig{configAnswer(before), before.Level}, err
}

type modeBody struct {
	Mode string `json:"mode"`
}

func (r *Registry) getMode(req *http.Request) (any, error) {
	name := subjectOf(req)
	var body modeBody
	err := r.read(func(s *state) error {
		body.Mode = s.modes[name.String()]
		if name.String() == "" || flag(req, "defaultToGlobal") {
			body.Mode = s.modeOf(name)
		} else if body.Mode == "" {
			return faultf(40409, "Subject '%s' does not have subject-level mode configured", name)
		}
		return nil
	})
	return body, err
}

func (r *Registry) putMode(req *http.Request) (any, error) {
	name := subjectOf(req)
	text, err := readBody(req)
	if err != nil {
		return nil, err
	}
	var body modeBody
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, badRequest(err)
	}
	if body.Mode = strings.ToUpper(body.Mode); !slices.Contains(modes, body.Mode) {
		return nil, faultf(42204, "Invalid mode. Valid values are %s", strings.Join(modes, ", "))
	}
	err = r.change(func(s *state) (*entry, error) {
		if body.Mode == modeImport && s.modes[name.String()] != modeImport && !flag(req, "force") && s.hasSubjects(name) {
			return nil, notPermitted("Cannot import since found existing subjects")
		}
		if s.modes[name.String()] == body.Mode {
			return nil, nil
		}
		return &entry{Op: opMode, Subject: name.String(), Mode: body.Mode}, nil
	})
	return body, err
}

// hasSubjects reports whether there are schemas where a mode would hold.
func (s *state) hasSubjects(name subjectName) bool {
	if name.name != "" {
		return len(s.subjects[name.String()]) > 0
	}
	for subject := range maps.Keys(s.subjects) {
		if parseSubject(subject).context == name.context {
			return true
		}
	}
	return false
}

func (r *Registry) deleteMode(req *http.Request) (any, error) {
	name := subjectOf(req)
	var body modeBody
	err := r.change(func(s *state) (*entry, error) {
		body.Mode = s.modes[name.String()]
		switch {
		case body.Mode != "":
			return &entry{Op: opModeDelete, Subject: name.String()}, nil
		case name.String() == "":
			body.Mode = modeReadWrite
			return nil, nil
		}
		return nil, subjectNotFound(name.String())
	})
	return body, err
}
