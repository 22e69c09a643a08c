package register

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A Report is what one run of register has to say. Unless it is a dry run or
// the plan is refused, the plan was applied before.
type Report struct {
	Registry, Env string
	DryRun        bool
	Plan          Plan
}

// Text writes the report as a table, with what keeps a subject from being
// registered below it, and a summary.
func (r Report) Text(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Plan {
		fmt.Fprintf(table, "%s %s\t%s\t%s\n", s.mark(), s.Subject(), s.schemaText(r.applied()), s.levelText())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range r.Plan {
		s.explain(w)
	}
	_, err := fmt.Fprintf(w, "\n%s: %s\n", r.Registry, r.summary())
	return err
}

// applied reports whether the plan was carried out.
func (r Report) applied() bool { return !r.DryRun && !r.Plan.Refused() }

func (r Report) summary() string {
	switch {
	case r.Plan.Refused():
		return fmt.Sprintf("%d of %d subjects cannot be registered, so nothing was changed", r.Plan.count(Refused), len(r.Plan))
	case r.Plan.pending() == 0:
		return fmt.Sprintf("all %d subjects are up to date", len(r.Plan))
	case r.DryRun:
		return fmt.Sprintf("%d of %d subjects would change", r.Plan.pending(), len(r.Plan))
	}
	return fmt.Sprintf("%d of %d subjects changed", r.Plan.pending(), len(r.Plan))
}

func (s *Step) mark() string {
	switch {
	case s.Action == Refused:
		return "!"
	case s.Action == Add:
		return "+"
	case s.Releveled():
		return "~"
	}
	return "="
}

func (s *Step) schemaText(applied bool) string {
	switch {
	case s.Action == Refused:
		return fmt.Sprintf("version %d is incompatible", s.Version)
	case s.Action == Add && !applied:
		return fmt.Sprintf("would register version %d", s.Version)
	case s.Action == Add:
		return fmt.Sprintf("registered version %d, id %d", s.Version, s.ID)
	}
	return fmt.Sprintf("version %d, id %d", s.Version, s.ID)
}

func (s *Step) levelText() string {
	switch {
	case !s.Releveled():
		return s.Event.Compatibility
	case s.LevelBefore == "":
		return "level → " + s.Event.Compatibility
	}
	return "level " + s.LevelBefore + " → " + s.Event.Compatibility
}

func (s *Step) explain(w io.Writer) {
	if s.Action != Refused {
		return
	}
	fmt.Fprintf(w, "\n%s: %s does not allow this change:\n", s.Event.File, s.Event.Compatibility)
	for _, v := range s.Violations {
		fmt.Fprintf(w, "  %s: %s: %s (%s, %s)\n", v.place(s), v.Type, v.Message, v.Pointer, v.direction())
	}
	fmt.Fprintf(w, "  fix: change the schema so that both sides can read each other, or leave it and add %s, a new topic\n", s.next())
}

func (v Violation) direction() string {
	if v.NewReads {
		return fmt.Sprintf("the new schema reads version %d", v.Version)
	}
	return fmt.Sprintf("version %d reads the new schema", v.Version)
}

// place is where the cause stands in the contract.
func (v Violation) place(s *Step) string {
	pos := v.ReaderPos
	if !v.NewReads {
		pos = v.WriterPos
	}
	if pos.Line == 0 {
		pos = s.Event.Pos
	}
	return fmt.Sprintf("%s:%d:%d", pos.File, pos.Line, pos.Col)
}

// next is the path of the event's next version.
func (s *Step) next() string {
	return strings.Replace(s.Event.File, fmt.Sprintf("/v%d/", s.Event.Version), fmt.Sprintf("/v%d/", s.Event.Version+1), 1)
}

type jsonReport struct {
	Registry string     `json:"registry"`
	Env      string     `json:"env"`
	Applied  bool       `json:"applied"`
	Subjects []jsonStep `json:"subjects"`
}

type jsonStep struct {
	Subject     string          `json:"subject"`
	Topic       string          `json:"topic"`
	File        string          `json:"file"`
	Action      Action          `json:"action"`
	ID          int             `json:"id,omitempty"`
	Version     int             `json:"version"`
	Fingerprint string          `json:"fingerprint"`
	Level       string          `json:"level"`
	LevelBefore string          `json:"levelBefore,omitempty"`
	Violations  []jsonViolation `json:"violations,omitempty"`
}

type jsonViolation struct {
	Version   int    `json:"version"`
	Direction string `json:"direction"`
	Place     string `json:"place"`
	Type      string `json:"type"`
	Pointer   string `json:"pointer"`
	Path      string `json:"path"`
	Message   string `json:"message"`
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	out := jsonReport{Registry: r.Registry, Env: r.Env, Applied: r.applied(), Subjects: []jsonStep{}}
	for _, s := range r.Plan {
		out.Subjects = append(out.Subjects, s.json())
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}

func (s *Step) json() jsonStep {
	j := jsonStep{Subject: s.Subject(), Topic: s.Event.Topic, File: s.Event.File, Action: s.Action, ID: s.ID, Version: s.Version,
		Fingerprint: fmt.Sprintf("%016x", s.Event.Fingerprint), Level: s.Event.Compatibility, LevelBefore: s.LevelBefore}
	for _, v := range s.Violations {
		j.Violations = append(j.Violations, jsonViolation{Version: v.Version, Direction: v.direction(), Place: v.place(s),
			Type: string(v.Type), Pointer: v.Pointer, Path: v.Path, Message: v.Message})
	}
	return j
}
