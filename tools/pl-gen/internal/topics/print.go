package topics

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Text writes the plan as a table and a summary.
func (p *Plan) Text(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range p.Changes {
		fmt.Fprintf(table, "%s %s\t%s\n", c.mark(), c.Topic, c.text())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range p.Changes {
		if c.Refused != "" {
			fmt.Fprintf(w, "\nrefused: %s: %s\n  cause: %s\n  fix:   %s\n", c.Topic, c.text(), c.Refused, c.Fix)
		}
	}
	if len(p.Changes) > 0 {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintln(w, p.summary())
	return err
}

func (p *Plan) summary() string {
	same := fmt.Sprintf("%d as the contracts say", p.Same)
	if len(p.Changes) == 0 {
		return same
	}
	accepted := func(a Action) int {
		return p.count(func(c Change) bool { return c.Action == a && c.Refused == "" })
	}
	return fmt.Sprintf("%d to create, %d to change, %d to delete, %d refused, %s",
		accepted(Create), accepted(Configure), accepted(Delete), p.Refused(), same)
}

func (c Change) mark() string {
	switch {
	case c.Refused != "":
		return "!"
	case c.Action == Create:
		return "+"
	case c.Action == Delete:
		return "-"
	}
	return "~"
}

func (c Change) text() string {
	switch c.Action {
	case Create:
		return c.To
	case Delete:
		return "delete (" + c.From + ")"
	}
	return c.Setting + " " + c.From + " → " + c.To
}

// JSON writes the plan for programs.
func (p *Plan) JSON(w io.Writer) error {
	out := struct {
		Changes []Change `json:"changes"`
		Refused int      `json:"refused"`
		Same    int      `json:"same"`
	}{p.Changes, p.Refused(), p.Same}
	if out.Changes == nil {
		out.Changes = []Change{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}
