package openapi

import "github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"

// described is a call's doc, with who may make it.
func described(m *model.Method) string {
	return m.Doc + "\n\nWho may call: " + m.LetsIn() + "."
}

// securityOf returns what a call asks for in place of what the document does:
// nothing, when everybody may make it.
func securityOf(m *model.Method) *[]security {
	if m.Public() {
		return &[]security{}
	}
	return nil
}
