// Package notification keeps what students are told, in words for people.
package notification

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
