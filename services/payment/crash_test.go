package payment_test

import (
	"testing"

	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/platform/platformtest"
)

// Wherever the process dies, a payment is captured once and paid back once.
func TestCrashes(t *testing.T) {
	platformtest.CrashEverywhere(t, register, func(h *platformtest.Harness) {
		payment := capture(h, algebra())
		_, err := client(h).RequestRefund(h.T.Context(), &paymentv1.RequestRefundRequest{
			PaymentId: payment.GetId(), Reason: paymentv1.RefundReason_REFUND_REASON_WITHDRAWAL,
		})
		if err != nil {
			h.T.Fatal(err)
		}
	}, nil)
}
