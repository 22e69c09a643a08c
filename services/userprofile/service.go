// Package userprofile keeps the profile of every student, teacher and
// administrator.
package userprofile

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
