package enrollment_test

import (
	"testing"
	"time"

	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1/billingv1connect"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

const (
	activate = coursev1connect.CourseServiceActivateAccessProcedure
	issue    = billingv1connect.BillingServiceIssueInvoiceProcedure
)

// Whatever goes wrong around a purchase for a while, it ends in access and one
// invoice, and in no refund.
func TestFaultsOfAPurchase(t *testing.T) {
	for name, fault := range map[string]func(h *platformtest.Harness){
		"the broker is away":            (*platformtest.Harness).CutBroker,
		"publishes are lost":            func(h *platformtest.Harness) { h.BreakPublish(platformtest.Lost, 5) },
		"publishes are stuck":           func(h *platformtest.Harness) { h.BreakPublish(platformtest.Stuck, 2) },
		"commits of the saga are lost":  func(h *platformtest.Harness) { h.BreakCommit("enrollment", platformtest.Lost, 5) },
		"enrollments cannot be stored":  func(h *platformtest.Harness) { h.BreakTable("enrollment", "enrollments") },
		"enrollment's database is busy": func(h *platformtest.Harness) { h.LockDatabase("enrollment") },
		"activation is refused":         func(h *platformtest.Harness) { h.BreakCall(activate, platformtest.Refused, platformtest.Always) },
		"activation is stuck":           func(h *platformtest.Harness) { h.BreakCall(activate, platformtest.Stuck, platformtest.Always) },
		"answers of activation are lost": func(h *platformtest.Harness) {
			h.BreakCall(activate, platformtest.Lost, platformtest.Always)
		},
		"answers of billing are lost": func(h *platformtest.Harness) { h.BreakCall(issue, platformtest.Lost, platformtest.Always) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
				fault(h)
				s.buy(nil)
				h.Advance(10 * time.Minute)
				h.Mend()
				h.Advance(30 * time.Minute) // the back-off is at most 15 minutes
				platformtest.Repeat[*paymentv1event.Captured](h)
				h.Quiet()
				e := s.enrollment()
				if e.GetStatus() != enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_GRANTED || e.GetInvoiceId() == "" || !s.hasAccess() || s.isPaidBack(e) {
					h.T.Errorf("the purchase has ended as %v, with access: %t, paid back: %t", e, s.hasAccess(), s.isPaidBack(e))
				}
			})
		})
	}
}

// An activation whose answers are lost for good leaves open whether there is
// access. It ends in none, and in one refund.
func TestActivationWithoutAnswersIsTakenBack(t *testing.T) {
	run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
		h.BreakCall(activate, platformtest.Lost, platformtest.Always)
		paymentID := s.buy(nil)
		h.Advance(time.Minute)
		if !s.hasAccess() {
			h.T.Error("the activation was not done, so nothing is to be taken back")
		}
		h.Advance(8 * time.Hour)
		h.Quiet()
		s.refunded(paymentID)
	})
}
