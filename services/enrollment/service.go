// Package enrollment turns what students have paid for into access, and gives
// the money back where it cannot.
package enrollment

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
