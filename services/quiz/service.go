// Package quiz keeps quizzes with their answer keys, and grades what students
// submit.
package quiz

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
