package enrollment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"

	"google.golang.org/protobuf/types/known/timestamppb"

	entenrollment "github.com/pulselearn/campus-hub/gen/ent/enrollment/enrollment"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	enrollmentv1event "github.com/pulselearn/campus-hub/gen/event/enrollment/v1"
	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	"github.com/pulselearn/campus-hub/platform/bus"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/saga"
)

// enrollPremiumCourse turns a payment into access to a course. A student who
// cannot be given access gets the money back; an invoice that cannot be issued
// is left to a person and takes nothing from the student.
type enrollPremiumCourse struct{}

// EnrollPremiumCourse returns what the steps of the saga do.
func (*Service) EnrollPremiumCourse() enrollmentservice.EnrollPremiumCourse {
	return enrollPremiumCourse{}
}

// Begin opens an enrollment for the payment. Its id follows from the payment:
// should this run again, after a restore from a backup, the calls of the steps
// are the same as before.
func (enrollPremiumCourse) Begin(ctx context.Context, tx *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress, e *paymentv1event.Captured) error {
	minor, err := minorOf(e.Amount)
	if err != nil {
		return err
	}
	state.EnrollmentId = event.DeriveID(e.CapturedAt, "enrollment of payment "+e.PaymentID)
	state.PaymentId = e.PaymentID
	state.StudentId = e.StudentID
	if e.StudentName != nil {
		state.StudentName = *e.StudentName
	}
	state.CourseId = e.Course.CourseID
	state.CourseTitle = e.Course.Title
	state.AmountMinor = minor
	state.Currency = e.Amount.Currency
	state.CapturedAt = timestamppb.New(e.CapturedAt)
	err = tx.Enrollment.Create().
		SetID(state.EnrollmentId).
		SetPaymentID(state.PaymentId).
		SetStudentID(state.StudentId).
		SetCourseID(state.CourseId).
		SetCourseTitle(state.CourseTitle).
		SetStatus(entenrollment.StatusPending).
		SetCreatedAt(tx.Now()).
		Exec(ctx)
	if err != nil {
		return fmt.Errorf("open the enrollment of payment %s: %w", state.PaymentId, err)
	}
	return nil
}

// ActivateAccess asks course to let the student in.
func (enrollPremiumCourse) ActivateAccess(_ context.Context, state *enrollmentv1.EnrollmentProgress) (*coursev1.ActivateAccessRequest, error) {
	return &coursev1.ActivateAccessRequest{
		EnrollmentId: state.GetEnrollmentId(), StudentId: state.GetStudentId(), CourseId: state.GetCourseId(),
	}, nil
}

// ActivateAccessDone keeps how long the student has access.
func (enrollPremiumCourse) ActivateAccessDone(_ context.Context, _ *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress, res *coursev1.ActivateAccessResponse) error {
	state.AccessUntil = res.GetAccess().GetExpiresAt()
	return nil
}

// ActivateAccessUndo takes the access back, also one that may still come into
// being.
func (enrollPremiumCourse) ActivateAccessUndo(_ context.Context, state *enrollmentv1.EnrollmentProgress, _ *saga.Failure) (*coursev1.RevokeAccessRequest, error) {
	return &coursev1.RevokeAccessRequest{EnrollmentId: state.GetEnrollmentId()}, nil
}

// Grant marks the enrollment as granted and announces it.
func (enrollPremiumCourse) Grant(ctx context.Context, tx *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress) (*enrollmentv1event.Granted, error) {
	e := &enrollmentv1event.Granted{
		StudentID:    state.GetStudentId(),
		EnrollmentID: state.GetEnrollmentId(),
		PaymentID:    state.GetPaymentId(),
		Course:       commonv1event.CourseRef{CourseID: state.GetCourseId(), Title: state.GetCourseTitle()},
		OccurredAt:   tx.Now(),
	}
	if until := state.GetAccessUntil(); until != nil {
		end := until.AsTime()
		e.AccessUntil = &end
	}
	err := tx.Enrollment.UpdateOneID(e.EnrollmentID).
		SetStatus(entenrollment.StatusGranted).
		SetNillableAccessUntil(e.AccessUntil).
		SetGrantedAt(tx.Now()).
		Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("grant enrollment %s: %w", e.EnrollmentID, err)
	}
	return e, nil
}

// Invoice asks billing for the invoice.
func (enrollPremiumCourse) Invoice(_ context.Context, state *enrollmentv1.EnrollmentProgress) (*billingv1.IssueInvoiceRequest, error) {
	return &billingv1.IssueInvoiceRequest{
		PaymentId:   state.GetPaymentId(),
		StudentId:   state.GetStudentId(),
		StudentName: state.GetStudentName(),
		Description: "Course: " + cmp.Or(state.GetCourseTitle(), state.GetCourseId()),
		AmountMinor: state.GetAmountMinor(),
		Currency:    state.GetCurrency(),
		PaidAt:      state.GetCapturedAt(),
	}, nil
}

// InvoiceDone notes which invoice belongs to the enrollment.
func (enrollPremiumCourse) InvoiceDone(ctx context.Context, tx *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress, res *billingv1.IssueInvoiceResponse) error {
	err := tx.Enrollment.UpdateOneID(state.GetEnrollmentId()).SetInvoiceID(res.GetInvoice().GetId()).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the invoice of enrollment %s: %w", state.GetEnrollmentId(), err)
	}
	return nil
}

// InvoiceFailed tells finance, and whoever is on call, that an invoice is
// missing.
func (enrollPremiumCourse) InvoiceFailed(ctx context.Context, tx *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress, cause *saga.Failure) error {
	return tx.Publish(ctx, &enrollmentv1event.InvoiceFailed{
		EnrollmentID: state.GetEnrollmentId(),
		PaymentID:    state.GetPaymentId(),
		StudentID:    state.GetStudentId(),
		Amount:       commonv1event.Money{Amount: big.NewRat(state.GetAmountMinor(), minorUnits), Currency: state.GetCurrency()},
		Cause:        cause.Error(),
		OccurredAt:   tx.Now(),
	})
}

// Compensate asks for the money back. Only activation can fail in a way that
// leads here.
func (enrollPremiumCourse) Compensate(_ context.Context, state *enrollmentv1.EnrollmentProgress, _ *saga.Failure) (*paymentv1.RequestRefundRequest, error) {
	return &paymentv1.RequestRefundRequest{
		PaymentId: state.GetPaymentId(), Reason: paymentv1.RefundReason_REFUND_REASON_COURSE_ACTIVATION_FAILED,
	}, nil
}

// Ended closes an enrollment whose money goes back.
func (enrollPremiumCourse) Ended(ctx context.Context, tx *enrollmentservice.Tx, state *enrollmentv1.EnrollmentProgress, outcome saga.Outcome, _ *saga.Failure) error {
	if outcome != saga.OutcomeCompensated {
		return nil
	}
	err := tx.Enrollment.UpdateOneID(state.GetEnrollmentId()).SetStatus(entenrollment.StatusRefunded).Exec(ctx)
	if err != nil {
		return fmt.Errorf("close enrollment %s: %w", state.GetEnrollmentId(), err)
	}
	return nil
}

// minorUnits is how many of a currency's smallest unit make its main unit.
// Currencies with another subdivision are not sold in.
const minorUnits = 100

// minorOf returns an amount in the smallest unit of its currency.
func minorOf(m commonv1event.Money) (int64, error) {
	minor := new(big.Rat).Mul(m.Amount, big.NewRat(minorUnits, 1))
	if !minor.IsInt() || !minor.Num().IsInt64() {
		return 0, bus.Reject(errors.New("amount: has no whole number of hundredths"))
	}
	return minor.Num().Int64(), nil
}
