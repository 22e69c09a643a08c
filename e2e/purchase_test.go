//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1/billingv1connect"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1/enrollmentv1connect"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1/paymentv1connect"
	"github.com/pulselearn/campus-hub/internal/pgtest"
)

// TestPurchases pays for courses, some of which do not exist, while the hub is
// killed again and again: every payment ends in access with an invoice, or in
// one refund, never in both.
func TestPurchases(t *testing.T) {
	t.Parallel()
	hub := newStand(t).hub(t)
	hub.startReady()
	s := newShop(t, func(string) string { return hub.url() })
	const purchases, kills = 30, 3
	for i := range purchases {
		if i%(purchases/kills) == purchases/kills-1 {
			hub.kill()
			hub.startReady()
		}
		s.buy(i)
	}
	hub.kill()
	hub.startReady()
	await(t, 120*time.Second, s.settled) // what a killed process had begun is leased to it for a while
	s.checkInvoices()
	if problem := s.settled(); problem != nil { // still, and once
		t.Error(problem)
	}
}

// TestPurchasesBetweenProcesses is TestPurchases with a process and a
// PostgreSQL database for each of the contexts, which are killed in turn: the
// calls of the saga go through the network, and what they lead to is settled by
// keys and ids alone.
func TestPurchasesBetweenProcesses(t *testing.T) {
	t.Parallel()
	contexts := []string{"payment", "course", "billing", "enrollment"}
	d := &deployment{stand: newStand(t), t: t, services: map[string]*program{}, urls: map[string]string{}}
	d.broker = d.hub(t, "broker")
	d.startBroker()
	for _, name := range contexts {
		d.urls[name] = pgtest.URL(t)
		d.services[name] = d.service(name, name, filepath.Join(build(t, "", contexts...), name))
	}
	for _, called := range []string{"payment", "course", "billing"} {
		d.services["enrollment"].set("PL_CALLS_" + strings.ToUpper(called) + "=" + d.services[called].url())
	}
	for _, name := range contexts {
		d.services[name].startReady()
	}
	s := newShop(t, func(context string) string {
		if program := d.services[context]; program != nil {
			return program.url()
		}
		return d.broker.url() // for contexts that sell nothing
	})
	for i := range 20 {
		s.buy(i)
		if i%5 == 4 {
			name := contexts[len(contexts)-1-i/5]
			d.services[name].kill()
			d.services[name].startReady()
		}
	}
	await(t, 120*time.Second, s.settled)
	s.checkInvoices()
}

// A shop is the part of the campus that sells courses.
type shop struct {
	*campus
	payments    paymentv1connect.PaymentServiceClient
	enrollments enrollmentv1connect.EnrollmentServiceClient
	invoices    billingv1connect.BillingServiceClient
	courseID    string
	// paid are the payments by student; every third student's course does not
	// exist.
	paid map[string]*paymentv1.Payment
}

func newShop(t *testing.T, url func(context string) string) *shop {
	t.Helper()
	client := func(context string) *connect.Client {
		return connect.NewClient(connecthttp.NewTransport(&http.Client{Timeout: 15 * time.Second}, url(context)), issuer.As(registrar))
	}
	c := newCampus(t, url)
	return &shop{
		campus: c, courseID: c.newClass("shop", 0, 0).course.GetId(), paid: map[string]*paymentv1.Payment{},
		payments:    paymentv1connect.NewPaymentServiceClient(client("payment")),
		enrollments: enrollmentv1connect.NewEnrollmentServiceClient(client("enrollment")),
		invoices:    billingv1connect.NewBillingServiceClient(client("billing")),
	}
}

func (s *shop) buy(i int) {
	s.t.Helper()
	student, course := fmt.Sprintf("student-%d", i), s.courseID
	if i%3 == 0 {
		course = "withdrawn"
	}
	res, err := s.payments.CapturePayment(s.t.Context(), &paymentv1.CapturePaymentRequest{
		ProviderReference: fmt.Sprintf("ch_%d", i), StudentId: student, StudentName: "Ada Lovelace",
		CourseId: course, CourseTitle: "Algebra I", AmountMinor: 4950, Currency: "CHF",
	})
	s.must("pay for a course", err)
	s.paid[student] = res.GetPayment()
}

// settled fails as long as a purchase is under way, or has an end that it must
// not have.
func (s *shop) settled() error {
	for student, payment := range s.paid {
		if err := s.settledFor(student, payment); err != nil {
			return fmt.Errorf("%s: %w", student, err)
		}
	}
	return nil
}

func (s *shop) settledFor(student string, payment *paymentv1.Payment) error {
	ctx := s.t.Context()
	enrolled, err := s.enrollments.ListEnrollments(ctx, &enrollmentv1.ListEnrollmentsRequest{StudentId: student})
	if err != nil {
		return err
	}
	if len(enrolled.GetEnrollments()) != 1 {
		return fmt.Errorf("%d enrollments, want one", len(enrolled.GetEnrollments()))
	}
	paid, err := s.payments.GetPayment(ctx, &paymentv1.GetPaymentRequest{PaymentId: payment.GetId()})
	if err != nil {
		return err
	}
	access, err := s.courses.HasAccess(ctx, &coursev1.HasAccessRequest{StudentId: student, CourseId: payment.GetCourseId()})
	if err != nil {
		return err
	}
	e, refunded := enrolled.GetEnrollments()[0], paid.GetRefund() != nil
	switch e.GetStatus() {
	case enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_GRANTED:
		if refunded || !access.GetAllowed() || payment.GetCourseId() != s.courseID || e.GetInvoiceId() == "" {
			return fmt.Errorf("granted: refunded %t, access %t, invoice %q", refunded, access.GetAllowed(), e.GetInvoiceId())
		}
	case enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_REFUNDED:
		if !refunded || access.GetAllowed() || payment.GetCourseId() == s.courseID {
			return fmt.Errorf("refunded: refunded %t, access %t", refunded, access.GetAllowed())
		}
	default:
		return fmt.Errorf("the enrollment is %s", e.GetStatus())
	}
	return nil
}

// checkInvoices wants a document for every purchase that was granted, and
// numbers without a gap.
func (s *shop) checkInvoices() {
	s.t.Helper()
	ctx, numbers := s.t.Context(), map[string]bool{}
	for student, payment := range s.paid {
		if payment.GetCourseId() != s.courseID {
			continue
		}
		enrolled, err := s.enrollments.ListEnrollments(ctx, &enrollmentv1.ListEnrollmentsRequest{StudentId: student})
		s.must("list enrollments", err)
		id := enrolled.GetEnrollments()[0].GetInvoiceId()
		invoice, err := s.invoices.GetInvoice(ctx, &billingv1.GetInvoiceRequest{InvoiceId: id})
		s.must("get an invoice", err)
		file, err := s.invoices.DownloadInvoice(ctx, &billingv1.DownloadInvoiceRequest{InvoiceId: id})
		s.must("download an invoice", err)
		if invoice.GetInvoice().GetPaymentId() != payment.GetId() || !bytes.HasPrefix(file.GetPdf(), []byte("%PDF-")) {
			s.t.Errorf("invoice %v of payment %s, %d bytes", invoice, payment.GetId(), len(file.GetPdf()))
		}
		numbers[invoice.GetInvoice().GetNumber()] = true
	}
	year := time.Now().UTC().Year()
	for n := range numbers {
		var y, i int
		if _, err := fmt.Sscanf(n, "%d-%d", &y, &i); err != nil || y < year-1 || i < 1 || i > len(numbers) {
			s.t.Errorf("invoice number %s among %d", n, len(numbers))
		}
	}
}
