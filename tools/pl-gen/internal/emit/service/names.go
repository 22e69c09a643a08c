package service

import (
	"text/template"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/gofile"
	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// Funcs returns the functions of templates that print service code: those of
// package gofile, and what prints durations and retries. The map is the
// caller's, to add to.
func Funcs() template.FuncMap { return functions() }

// MessageIdent returns the Go type of a message.
func MessageIdent(m *model.Message) gofile.Ident { return messageIdent(m) }

// TypeIdent returns the variable that describes an event to the platform.
func TypeIdent(module string, e *model.Event) gofile.Ident { return typeIdent(module, e) }

// ProcedureIdent returns the constant with a call's full name.
func ProcedureIdent(s *model.Service, m *model.Method) gofile.Ident {
	return connectPackage(s).Ident(s.Name + m.Name + "Procedure")
}

// ClientField returns the field of Clients that calls a service, for example
// UserProfile.
func ClientField(s *model.Service) string { return clientField(s) }
