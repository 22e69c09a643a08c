package graphql

import (
	"slices"
	"strings"

	"github.com/pulselearn/campus-hub/platform/avro"
	"github.com/pulselearn/campus-hub/platform/avro/avrojson"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// eventScalars are what events have besides what messages have.
const eventScalars = `"""A day as RFC 3339 has it: 2026-05-01."""
scalar Date

"""A time of day: 12:00:00.5."""
scalar TimeOfDay

"""A time as the clock on a wall shows it, in no time zone: 2026-05-01T12:00:00.5."""
scalar LocalTimestamp

"""A decimal number as text: 19.90."""
scalar Decimal

"""A period of the calendar."""
type CalendarPeriod {
  """Months."""
  months: UInt32!
  """Days, besides the months."""
  days: UInt32!
  """Milliseconds, besides the days."""
  millis: UInt32!
}
`

// events adds a subscription for every event that people can listen to.
func (s *schema) events(all []*model.Event) {
	heard := slices.DeleteFunc(slices.Clone(all), func(e *model.Event) bool {
		_, _, ok := e.Channel()
		return !ok
	})
	fields := fieldNames(heard)
	s.nameEvents(heard)
	for _, e := range heard {
		family, field, _ := e.Channel()
		s.subscriptions = append(s.subscriptions, subscription{fields[e], e.Topic, family, field.Name})
		of := s.eventType(e, family == model.UserChannels && (field == e.Key || field == e.Subject))
		s.subscription = append(s.subscription, subscriptionField(e, fields[e], family, field, s.argument(field), of))
	}
}

func subscriptionField(e *model.Event, name, family string, field *avro.Field, argument, of string) string {
	doc := e.Schema.Doc + "\n\nTells the events of one channel, as they happen, to whom may listen to " + family + ":{" + field.Name + "}."
	if family == model.UserChannels {
		doc += " Without " + field.Name + " it is the caller's own."
	} else {
		argument += "!"
	}
	arguments := []string{
		description(field.Doc, "    ") + "    " + field.Name + ": " + argument + "\n",
		description("The _position of the last event that the client has, to go on behind it.", "    ") + "    after: String\n",
	}
	return description(doc, "  ") + "  " + name + "(\n" + strings.Join(arguments, "") + "  ): " + of + "!\n"
}

// argument is the type of the argument that names a channel.
func (s *schema) argument(f *avro.Field) string {
	if f.Type.Kind == avro.String || f.Type.Kind == avro.Fixed {
		return "ID"
	}
	of, _ := s.valueType(f.Type, "", f.Name)
	return of
}

// about are the fields that every event has besides its own.
const about = `  """The event's id: an event that came before has the same."""
  _id: ID!
  """When it happened."""
  _time: Timestamp
  """Where the subscription is after this event; what after takes."""
  _position: String!
`

// eventType adds the type of an event and returns its name. Personal data that
// its channel never carries is left out.
func (s *schema) eventType(e *model.Event, personal bool) string {
	name := s.occurrences[e]
	at := len(s.types)
	s.types = append(s.types, "")
	lines := []string{about}
	for _, f := range e.Schema.Fields {
		if personal || avrojson.Personal(f) == "" {
			lines = append(lines, s.datumField(name, f))
		}
	}
	s.types[at] = block(e.Schema.Doc, "type "+name, lines)
	return name
}
