// Package billing issues invoices, numbers them without gaps and keeps each as
// the document that was sent.
package billing

// Service implements the handlers of the context. It has no state.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }
