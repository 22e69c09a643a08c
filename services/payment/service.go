// Package payment records what students have paid, and decides once for each
// payment whether it is paid back.
package payment

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
