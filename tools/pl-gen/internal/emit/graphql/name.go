package graphql

import (
	"fmt"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// nameEvents gives the types of events names. An event's own type has the name
// of the event; those of the records and enums within begin with Event, so that
// they keep their names when a message gets the same.
func (s *schema) nameEvents(heard []*model.Event) {
	taken := map[string]bool{}
	for _, name := range s.names {
		taken[name], taken[inputName(name)] = true, true
	}
	for _, e := range heard {
		s.occurrences[e] = free(taken, versioned(e.GoName, e.Version), e.Context)
	}
	for _, e := range heard {
		s.nameWithin(taken, e.Schema)
	}
}

// versioned is a name with the version behind it from the second one on.
func versioned(name string, version int) string {
	if version > 1 {
		name += fmt.Sprintf("V%d", version)
	}
	return name
}

// free is the name that nothing has yet, behind that of the context where
// something has it.
func free(taken map[string]bool, name, context string) string {
	for taken[name] || reserved[name] {
		name = strings.ToUpper(context[:1]) + context[1:] + name
	}
	taken[name] = true
	return name
}

// nameWithin names the types of a record's fields.
func (s *schema) nameWithin(taken map[string]bool, t *avro.Schema) {
	for _, f := range t.Fields {
		s.nameType(taken, f.Type)
	}
}

func (s *schema) nameType(taken map[string]bool, t *avro.Schema) {
	switch t.Kind {
	case avro.Array:
		s.nameType(taken, t.Items)
	case avro.Union:
		for _, b := range t.Branches {
			s.nameType(taken, b)
		}
	case avro.Record, avro.Enum:
		if s.records[t.FullName()] != "" {
			return
		}
		context, version := "other", 1
		_, _ = fmt.Sscanf(strings.ReplaceAll(t.Namespace, ".", " "), "pl %s v%d", &context, &version) // namespaces are pl.<context>.v<N>
		s.records[t.FullName()] = free(taken, versioned("Event"+t.Name, version), context)
		s.nameWithin(taken, t)
	}
}

// fieldNames are badgeAwarded for BadgeAwarded; behind the name of the context
// where two contexts have the same.
func fieldNames(heard []*model.Event) map[*model.Event]string {
	taken, names := map[string]bool{}, map[*model.Event]string{}
	for _, e := range heard {
		names[e] = lowerFirst(free(taken, versioned(e.GoName, e.Version), e.Context))
	}
	return names
}
