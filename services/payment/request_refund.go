package payment

import (
	"context"
	"fmt"
	"math/big"

	ent "github.com/pulselearn/campus-hub/gen/ent/payment"
	entrefund "github.com/pulselearn/campus-hub/gen/ent/payment/refund"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
)

// RequestRefund decides that a payment is paid back, and announces it. Who
// asks again gets the decision that stands: money goes back once.
func (s *Service) RequestRefund(ctx context.Context, tx *paymentservice.Tx, req *paymentv1.RequestRefundRequest) (*paymentv1.RequestRefundResponse, error) {
	payment, err := tx.Payment.Get(ctx, req.GetPaymentId())
	if err != nil {
		return nil, fmt.Errorf("find payment: %w", err)
	}
	id := tx.NewID()
	err = tx.Refund.Create().
		SetID(id).
		SetPaymentID(payment.ID).
		SetReason(paymentservice.RefundReason(req.GetReason())).
		SetRequestedAt(tx.Now()).
		OnConflictColumns(entrefund.FieldPaymentID).
		Ignore().
		Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("store refund of payment %s: %w", payment.ID, err)
	}
	refund, err := tx.Refund.Query().Where(entrefund.PaymentID(payment.ID)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read refund of payment %s: %w", payment.ID, err)
	}
	if refund.ID == id {
		if err := tx.Publish(ctx, requested(payment, refund)); err != nil {
			return nil, err
		}
	}
	return &paymentv1.RequestRefundResponse{Refund: paymentservice.RefundProto(refund)}, nil
}

func requested(p *ent.Payment, r *ent.Refund) *paymentv1event.RefundRequested {
	return &paymentv1event.RefundRequested{
		PaymentID:  p.ID,
		RefundID:   r.ID,
		StudentID:  p.StudentID,
		Amount:     amountOf(p),
		Reason:     reasonOf(r.Reason),
		OccurredAt: r.RequestedAt,
	}
}

func reasonOf(r entrefund.Reason) paymentv1event.RefundReason {
	switch r {
	case entrefund.ReasonCourseActivationFailed:
		return paymentv1event.RefundReasonCourseActivationFailed
	case entrefund.ReasonWithdrawal:
		return paymentv1event.RefundReasonWithdrawal
	case entrefund.ReasonDuplicate:
		return paymentv1event.RefundReasonDuplicate
	}
	return paymentv1event.RefundReasonUnknown
}

// minorUnits is how many of a currency's smallest unit make its main unit.
// Currencies with another subdivision are not sold in.
const minorUnits = 100

func amountOf(p *ent.Payment) commonv1event.Money {
	return commonv1event.Money{Amount: big.NewRat(p.AmountMinor, minorUnits), Currency: p.Currency}
}
