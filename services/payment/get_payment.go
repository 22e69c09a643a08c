package payment

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/payment"
	entrefund "github.com/pulselearn/campus-hub/gen/ent/payment/refund"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// GetPayment returns a payment and its refund, if it has one.
func (s *Service) GetPayment(ctx context.Context, r *paymentservice.Reader, req *paymentv1.GetPaymentRequest) (*paymentv1.GetPaymentResponse, error) {
	payment, err := r.Payment.Get(ctx, req.GetPaymentId())
	if err != nil {
		return nil, fmt.Errorf("find payment: %w", err)
	}
	if !identity.From(ctx).ActsFor(payment.StudentID, identity.Admin) {
		return nil, fmt.Errorf("find payment: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	res := &paymentv1.GetPaymentResponse{Payment: paymentservice.PaymentProto(payment)}
	refund, err := r.Refund.Query().Where(entrefund.PaymentID(payment.ID)).Only(ctx)
	if ent.IsNotFound(err) {
		return res, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refund of payment %s: %w", payment.ID, err)
	}
	res.Refund = paymentservice.RefundProto(refund)
	return res, nil
}
