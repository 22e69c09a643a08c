// Package payment records what students have paid, and decides once for each
// payment whether it is paid back.
package payment

import "github.com/pulselearn/campus-hub/platform/service"

// Service implements the handlers of the context.
type Service struct {
	// play is the embedded default, where no provider takes money: students
	// report their own payments.
	play bool
}

// New returns the service.
func New() *Service { return &Service{} }

// Configure implements [service.Configurable].
func (s *Service) Configure(cfg *service.Config) error {
	s.play = cfg.Embedded()
	return nil
}
