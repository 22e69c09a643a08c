package payment_test

import (
	"math/big"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1/paymentv1connect"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/payment"
	"github.com/pulselearn/campus-hub/services/payment/migrations"
)

func register(app *service.App) { paymentservice.Register(app, payment.New(), migrations.Files) }

// Who calls.
var (
	asAdmin = platformtest.Admin("root")
)

func client(h *platformtest.Harness, as identity.Caller) paymentv1connect.PaymentServiceClient {
	return paymentv1connect.NewPaymentServiceClient(h.Client("payment", as))
}

func algebra() *paymentv1.CapturePaymentRequest {
	return &paymentv1.CapturePaymentRequest{
		ProviderReference: "ch_1", StudentId: "ada", StudentName: "Ada Lovelace", CourseId: "algebra", CourseTitle: "Algebra I",
		AmountMinor: 4950, Currency: "CHF", CapturedAt: timestamppb.New(time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)),
	}
}

func capture(h *platformtest.Harness, req *paymentv1.CapturePaymentRequest) *paymentv1.Payment {
	h.T.Helper()
	res, err := client(h, asAdmin).CapturePayment(h.T.Context(), req)
	if err != nil {
		h.T.Fatal(err)
	}
	return res.GetPayment()
}

func TestCapturePayment(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		first := capture(h, algebra())
		again := capture(h, algebra()) // the provider reports it again, under another idempotency key
		if !proto.Equal(first, again) {
			h.T.Errorf("captured %v, then %v", first, again)
		}
		h.Quiet()
		e := platformtest.One[*paymentv1event.Captured](h)
		if e.PaymentID != first.GetId() || e.StudentID != "ada" || *e.StudentName != "Ada Lovelace" || e.Course.CourseID != "algebra" || e.Course.Title != "Algebra I" {
			h.T.Errorf("published %v", e)
		}
		if e.Amount.Amount.Cmp(big.NewRat(99, 2)) != 0 || e.Amount.Currency != "CHF" || e.CapturedAt.Year() != 1999 {
			h.T.Errorf("amount %v, captured at %s", e.Amount, e.CapturedAt)
		}
	})
}

func TestRefusedPayments(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		capture(h, algebra())
		for _, test := range []struct {
			name   string
			change func(*paymentv1.CapturePaymentRequest)
			want   connect.Code
		}{
			{"another amount under the same reference", func(r *paymentv1.CapturePaymentRequest) { r.AmountMinor++ }, connect.CodeAlreadyExists},
			{"another student under the same reference", func(r *paymentv1.CapturePaymentRequest) { r.StudentId = "bob" }, connect.CodeAlreadyExists},
			{"no amount", func(r *paymentv1.CapturePaymentRequest) { r.AmountMinor = 0 }, connect.CodeInvalidArgument},
			{"an amount below zero", func(r *paymentv1.CapturePaymentRequest) { r.AmountMinor = -1 }, connect.CodeInvalidArgument},
			{"a currency that is none", func(r *paymentv1.CapturePaymentRequest) { r.Currency = "chf" }, connect.CodeInvalidArgument},
		} {
			req := algebra()
			test.change(req)
			if _, err := client(h, asAdmin).CapturePayment(h.T.Context(), req); connect.CodeOf(err) != test.want {
				h.T.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		h.Quiet()
		platformtest.One[*paymentv1event.Captured](h)
	})
}

func TestAPaymentIsPaidBackOnce(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx, c := h.T.Context(), client(h, asAdmin)
		id := capture(h, algebra()).GetId()
		before, err := c.GetPayment(ctx, &paymentv1.GetPaymentRequest{PaymentId: id})
		if err != nil || before.GetRefund() != nil {
			h.T.Fatalf("a refund before anybody asked: %v, %v", before.GetRefund(), err)
		}
		var refunds []*paymentv1.Refund
		for _, reason := range []paymentv1.RefundReason{
			paymentv1.RefundReason_REFUND_REASON_COURSE_ACTIVATION_FAILED,
			paymentv1.RefundReason_REFUND_REASON_COURSE_ACTIVATION_FAILED,
			paymentv1.RefundReason_REFUND_REASON_WITHDRAWAL,
		} {
			res, err := c.RequestRefund(ctx, &paymentv1.RequestRefundRequest{PaymentId: id, Reason: reason})
			if err != nil {
				h.T.Fatal(err)
			}
			refunds = append(refunds, res.GetRefund())
			h.Advance(30 * time.Hour) // beyond the memory of idempotency keys
		}
		if !proto.Equal(refunds[0], refunds[1]) || !proto.Equal(refunds[0], refunds[2]) {
			h.T.Errorf("refunds %v", refunds)
		}
		h.Quiet()
		e := platformtest.One[*paymentv1event.RefundRequested](h)
		if e.PaymentID != id || e.RefundID != refunds[0].GetId() || e.StudentID != "ada" ||
			e.Reason != paymentv1event.RefundReasonCourseActivationFailed || e.Amount.Amount.Cmp(big.NewRat(99, 2)) != 0 {
			h.T.Errorf("published %v", e)
		}
		after, err := c.GetPayment(ctx, &paymentv1.GetPaymentRequest{PaymentId: id})
		if err != nil || !proto.Equal(after.GetRefund(), refunds[0]) {
			h.T.Errorf("payment %v, %v", after, err)
		}
		_, err = c.RequestRefund(ctx, &paymentv1.RequestRefundRequest{PaymentId: "nothing", Reason: paymentv1.RefundReason_REFUND_REASON_DUPLICATE})
		if connect.CodeOf(err) != connect.CodeNotFound {
			h.T.Errorf("an unknown payment: %v", err)
		}
	})
}
