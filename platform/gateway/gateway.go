// Package gateway is the front door behind every protocol that is not an RPC
// one: what it serves is listed in tables that pl-gen makes of the contracts,
// and every call goes through one [Invoker], in the name of the caller that
// package identity finds in the context.
package gateway

import (
	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/pulselearn/campus-hub/platform/realtime"
)

// An API is what the front door knows of one context. Generated code has one
// for each; it must not be changed.
type API struct {
	// Context is the context's name, "quiz".
	Context string
	// Methods are its calls, in the order of the contract.
	Methods []Method
}

// A Front is what the front door of a process serves. Generated code makes it.
type Front struct {
	// APIs are the contexts whose calls it serves, in this process or
	// elsewhere.
	APIs []API
	// OpenAPI is the document of their REST APIs, in JSON.
	OpenAPI []byte
	// GraphQL is the schema over all of them; the zero Graph is none.
	GraphQL Graph
	// Realtime is which events people can listen to; without any, nobody can.
	Realtime realtime.Routes
}

// Contexts returns the names of the contexts whose calls the door serves.
func (f Front) Contexts() []string {
	names := make([]string, len(f.APIs))
	for i, api := range f.APIs {
		names[i] = api.Context
	}
	return names
}

// A Method is one unary call of a context.
type Method struct {
	// Procedure is the call's name on the wire, "/pl.quiz.v1.QuizService/GetQuiz".
	Procedure string
	// Query tells that the call changes nothing, so that it may be repeated
	// and cached.
	Query bool
	// Request and Response make the empty messages of the call.
	Request, Response func() proto.Message
	// Route is where REST serves the call; the zero Route is nowhere.
	Route Route
}

// A Route is a place in the REST API.
type Route struct {
	// Verb is the HTTP method.
	Verb string
	// Path begins with a slash. A segment in braces, {student_id}, stands for
	// the field of that name in the request.
	Path string
}

// spec returns what Connect has to know of the call.
func (m *Method) spec() connect.Spec {
	s := connect.Spec{Procedure: m.Procedure, StreamType: connect.StreamTypeUnary}
	if m.Query {
		s.IdempotencyLevel = connect.IdempotencyNoSideEffects
	}
	return s
}
