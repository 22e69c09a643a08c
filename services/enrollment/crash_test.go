package enrollment_test

import (
	"testing"

	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1/paymentv1connect"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
)

// Wherever the process dies, the purchase ends in access and one invoice. That
// there is one of each event is part of what is compared.
func TestCrashesOfAPurchase(t *testing.T) {
	platformtest.CrashEverywhere(t, new(campus).register, func(h *platformtest.Harness) {
		open(h).buy(nil)
		h.Quiet()
	}, func(h *platformtest.Harness) {
		s := find(h)
		e := s.enrollment()
		if e.GetStatus() != enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_GRANTED || e.GetInvoiceId() == "" || !s.hasAccess() || s.isPaidBack(e) {
			h.T.Errorf("%v", e)
		}
	})
}

// Wherever the process dies, a purchase that cannot be granted ends in one
// refund. The first attempt to activate access fails in a way that leaves open
// what it did, so that access is revoked in every run.
func TestCrashesOfARefund(t *testing.T) {
	register := func(app *service.App) {
		c := new(campus)
		c.activation.set(errDown)
		c.activation.once.Store(true)
		c.register(app)
	}
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		open(h).buy(func(r *paymentv1.CapturePaymentRequest) { r.CourseId = "withdrawn" })
		h.Quiet()
	}, func(h *platformtest.Harness) {
		s := find(h)
		e := s.enrollment()
		if e.GetStatus() != enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_REFUNDED || s.hasAccess() || !s.isPaidBack(e) {
			h.T.Errorf("%v", e)
		}
	})
}

func (s *shop) isPaidBack(e *enrollmentv1.Enrollment) bool {
	s.h.T.Helper()
	client := paymentv1connect.NewPaymentServiceClient(s.h.Client("payment", platformtest.Student("ada")))
	res, err := client.GetPayment(s.h.T.Context(), &paymentv1.GetPaymentRequest{PaymentId: e.GetPaymentId()})
	if err != nil {
		s.h.T.Fatal(err)
	}
	return res.GetRefund() != nil
}
