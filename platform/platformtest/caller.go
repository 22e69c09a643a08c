package platformtest

import "github.com/pulselearn/campus-hub/platform/identity"

// Student returns the student with the id.
func Student(id string) identity.Caller { return person(id, identity.Student) }

// Teacher returns the teacher with the id.
func Teacher(id string) identity.Caller { return person(id, identity.Teacher) }

// Admin returns the administrator with the id.
func Admin(id string) identity.Caller { return person(id, identity.Admin) }

func person(id, role string) identity.Caller {
	return identity.Caller{Subject: id, Roles: []string{role}}
}

// Context returns the context with the name, as it calls others.
func Context(name string) identity.Caller { return identity.Caller{Service: name} }
