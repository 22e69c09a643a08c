package payment_test

import (
	"testing"

	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, a payment is recorded once and paid back once.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		id := capture(h, algebra()).GetId()
		for range 2 {
			req := &paymentv1.RequestRefundRequest{PaymentId: id, Reason: paymentv1.RefundReason_REFUND_REASON_WITHDRAWAL}
			if _, err := client(h, asAdmin).RequestRefund(h.T.Context(), req); err != nil {
				h.T.Fatal(err)
			}
		}
		h.Quiet()
	}, nil)
}
