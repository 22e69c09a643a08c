// Package course keeps the catalogue: courses that are drafted, published once,
// and extended with material.
package course

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
