package payment

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/payment"
	entpayment "github.com/pulselearn/campus-hub/gen/ent/payment/payment"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// CapturePayment records money that the provider has captured, and announces
// it. Providers report a capture more than once, without our idempotency key,
// so their reference settles it. A student's word counts in the embedded
// default alone.
func (s *Service) CapturePayment(ctx context.Context, tx *paymentservice.Tx, req *paymentv1.CapturePaymentRequest) (*paymentv1.CapturePaymentResponse, error) {
	if c := identity.From(ctx); c.Has(identity.Student) && !c.Has(identity.Admin) && !s.play {
		return nil, connect.NewError(connect.CodePermissionDenied, "the payment provider reports payments here; students report their own only where there is no provider, in the embedded default")
	}
	if !currencyCode.MatchString(req.GetCurrency()) {
		return nil, rpc.Invalid("currency", "is not an ISO 4217 code like CHF")
	}
	id := tx.NewID()
	if err := record(ctx, tx, id, req); err != nil {
		return nil, err
	}
	payment, err := tx.Payment.Query().Where(entpayment.ProviderReference(req.GetProviderReference())).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the payment of the reference: %w", err)
	}
	if !same(payment, req) {
		return nil, connect.NewError(connect.CodeAlreadyExists, "provider_reference: another payment was recorded under it")
	}
	if payment.ID == id {
		if err := tx.Publish(ctx, captured(payment)); err != nil {
			return nil, err
		}
	}
	return &paymentv1.CapturePaymentResponse{Payment: paymentservice.PaymentProto(payment)}, nil
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// record stores a payment unless its reference has one already.
func record(ctx context.Context, tx *paymentservice.Tx, id string, req *paymentv1.CapturePaymentRequest) error {
	capturedAt := tx.Now()
	if t := req.GetCapturedAt(); t != nil {
		capturedAt = t.AsTime().Truncate(time.Microsecond)
	}
	err := tx.Payment.Create().
		SetID(id).
		SetProviderReference(req.GetProviderReference()).
		SetStudentID(req.GetStudentId()).
		SetStudentName(req.GetStudentName()).
		SetCourseID(req.GetCourseId()).
		SetCourseTitle(req.GetCourseTitle()).
		SetAmountMinor(req.GetAmountMinor()).
		SetCurrency(req.GetCurrency()).
		SetCapturedAt(capturedAt).
		SetCreatedAt(tx.Now()).
		OnConflictColumns(entpayment.FieldProviderReference).
		Ignore().
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("store payment: %w", err)
	}
	return nil
}

// same reports whether a report is about the payment that was recorded.
func same(p *ent.Payment, req *paymentv1.CapturePaymentRequest) bool {
	return p.StudentID == req.GetStudentId() && p.CourseID == req.GetCourseId() &&
		p.AmountMinor == req.GetAmountMinor() && p.Currency == req.GetCurrency()
}

func captured(p *ent.Payment) *paymentv1event.Captured {
	e := &paymentv1event.Captured{
		PaymentID:  p.ID,
		StudentID:  p.StudentID,
		Course:     commonv1event.CourseRef{CourseID: p.CourseID, Title: p.CourseTitle},
		Amount:     amountOf(p),
		CapturedAt: p.CapturedAt,
		OccurredAt: p.CreatedAt,
	}
	if p.StudentName != "" {
		e.StudentName = &p.StudentName
	}
	return e
}
