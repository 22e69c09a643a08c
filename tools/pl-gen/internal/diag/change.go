package diag

// A Change is what a finding knows about the change that it is about. All
// texts may be empty.
type Change struct {
	// Event is the topic, and Field the path of the field in the event, with
	// "[]" for the items of an array and "{}" for the values of a map.
	Event string `json:"event,omitempty"`
	Field string `json:"field,omitempty"`
	// Type, Pointer and Reason are the violation in the words of Apache Avro
	// for Java; Pointer leads into the reader's schema. Buf is buf's rule.
	Type    string `json:"type,omitempty"`
	Pointer string `json:"pointer,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Buf     string `json:"buf,omitempty"`
	// Was tells what the change was compared with, and where it stands there.
	Was string `json:"was,omitempty"`
	// Registry is what a schema registry will answer.
	Registry string `json:"registry,omitempty"`
	// Readers tells who consumes the event, what they read and what happens to
	// them, one consumer a line.
	Readers string `json:"readers,omitempty"`
}

// each calls do for everything that is known, in the order in which it is
// printed.
func (c Change) each(do func(label, text string)) {
	java := c.Type
	if c.Pointer != "" {
		java += " at " + c.Pointer
	}
	if c.Reason != "" {
		java += ": " + c.Reason
	}
	for _, l := range [][2]string{
		{"event", c.Event}, {"field", c.Field}, {"avro", java}, {"buf", c.Buf},
		{"was", c.Was}, {"http", c.Registry}, {"reads", c.Readers},
	} {
		if l[1] != "" {
			do(l[0], l[1])
		}
	}
}
