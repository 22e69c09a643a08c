// Package achievement gives badges: for what students reach in quizzes, and by
// the hand of a teacher.
package achievement

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
