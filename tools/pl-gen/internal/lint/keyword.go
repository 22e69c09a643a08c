package lint

import (
	"fmt"
	"go/token"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/diag"
)

// keywords reports events and what is in them when they are named like a
// reserved word of Go.
func (c *checker) keywords() {
	for _, e := range c.model.Events {
		c.keyword(e.Schema.NamePos, "event", e.Name)
	}
	for _, a := range c.set.Avro {
		if a.Schema == nil {
			continue
		}
		w := &walker{file: a.Path, seen: map[*avro.Schema]bool{}}
		w.visit(a.Schema)
		for _, s := range w.schemas {
			c.keyword(s.NamePos, "type", s.Name)
			for _, f := range s.Fields {
				c.keyword(f.NamePos, "field", f.Name)
			}
		}
	}
}

func (c *checker) keyword(pos diag.Pos, kind, name string) {
	if !token.IsKeyword(name) {
		return
	}
	c.report(diag.New(diag.GoName, pos, fmt.Sprintf("the %s is named %q, a reserved word of Go", kind, name)).Because(
		"no variable, parameter or package can have the name, so code about it would have to call it something else",
		fmt.Sprintf("choose a word that says more, for example %q", name+"Kind")))
}
