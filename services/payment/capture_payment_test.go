package payment_test

import (
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/payment"
)

// TestStudentsDoNotReportPayments where a provider does.
func TestStudentsDoNotReportPayments(t *testing.T) {
	s := payment.New()
	if err := s.Configure(&service.Config{KafkaBrokers: []string{"kafka:9092"}}); err != nil {
		t.Fatal(err)
	}
	ctx := identity.With(t.Context(), identity.Caller{Subject: "ada", Roles: []string{identity.Student}})
	if _, err := s.CapturePayment(ctx, nil, algebra()); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("%v, want PermissionDenied", err)
	}
}
