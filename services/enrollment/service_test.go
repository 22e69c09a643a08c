package enrollment_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	enrollmentv1event "github.com/pulselearn/campus-hub/gen/event/enrollment/v1"
	paymentv1event "github.com/pulselearn/campus-hub/gen/event/payment/v1"
	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1/billingv1connect"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	enrollmentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/enrollment/v1/enrollmentv1connect"
	paymentv1 "github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/payment/v1/paymentv1connect"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	enrollmentservice "github.com/pulselearn/campus-hub/gen/service/enrollment"
	paymentservice "github.com/pulselearn/campus-hub/gen/service/payment"
	"github.com/pulselearn/campus-hub/platform/database"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/billing"
	billingmigrations "github.com/pulselearn/campus-hub/services/billing/migrations"
	"github.com/pulselearn/campus-hub/services/course"
	coursemigrations "github.com/pulselearn/campus-hub/services/course/migrations"
	"github.com/pulselearn/campus-hub/services/enrollment"
	"github.com/pulselearn/campus-hub/services/enrollment/migrations"
	"github.com/pulselearn/campus-hub/services/payment"
	paymentmigrations "github.com/pulselearn/campus-hub/services/payment/migrations"
)

// A campus is the contexts that a purchase goes through. Two of their calls
// can be made to fail.
type campus struct {
	activation, invoicing fault
}

// A fault is what a call does in place of its work, always or once; nil means
// nothing.
type fault struct {
	err  atomic.Pointer[error]
	once atomic.Bool
}

func (f *fault) set(err error) { f.err.Store(&err) }
func (f *fault) clear()        { f.err.Store(nil) }

func (f *fault) hit() error {
	err := f.err.Load()
	if err == nil {
		return nil
	}
	if f.once.Load() {
		f.clear()
	}
	return *err
}

var errDown = connect.NewError(connect.CodeUnavailable, "down")

func (c *campus) register(app *service.App) {
	enrollmentservice.Register(app, enrollment.New(), migrations.Files)
	paymentservice.Register(app, payment.New(), paymentmigrations.Files)
	courseservice.Register(app, &courses{course.New(), &c.activation}, coursemigrations.Files)
	billingservice.Register(app, &bills{billing.New(), &c.invoicing}, billingmigrations.Files)
}

type courses struct {
	*course.Service
	fault *fault
}

func (c *courses) ActivateAccess(ctx context.Context, tx *courseservice.Tx, req *coursev1.ActivateAccessRequest) (*coursev1.ActivateAccessResponse, error) {
	if err := c.fault.hit(); err != nil {
		return nil, err
	}
	return c.Service.ActivateAccess(ctx, tx, req)
}

type bills struct {
	*billing.Service
	fault *fault
}

func (b *bills) IssueInvoice(ctx context.Context, tx *billingservice.Tx, req *billingv1.IssueInvoiceRequest) (*billingv1.IssueInvoiceResponse, error) {
	if err := b.fault.hit(); err != nil {
		return nil, err
	}
	return b.Service.IssueInvoice(ctx, tx, req)
}

// run starts a campus with a course that is on sale.
func run(t *testing.T, test func(h *platformtest.Harness, c *campus, s *shop)) {
	t.Helper()
	c := new(campus)
	platformtest.Run(t, c.register, func(h *platformtest.Harness) { test(h, c, open(h)) })
}

// A shop is what a student sees of the campus.
type shop struct {
	h        *platformtest.Harness
	courseID string
}

func open(h *platformtest.Harness) *shop {
	h.T.Helper()
	s := &shop{h: h}
	res, err := s.courses().CreateCourse(h.T.Context(), &coursev1.CreateCourseRequest{
		Code: "MATH-101", Title: "Algebra I", Level: coursev1.CourseLevel_COURSE_LEVEL_INTRODUCTORY,
		InstructorId: "grace", PriceMinor: 4950, Currency: "CHF", AccessMonths: 6,
	})
	if err != nil {
		h.T.Fatal(err)
	}
	s.courseID = res.GetCourse().GetId()
	if _, err := s.courses().PublishCourse(h.T.Context(), &coursev1.PublishCourseRequest{CourseId: s.courseID}); err != nil {
		h.T.Fatal(err)
	}
	return s
}

// find returns the shop that is open already.
func find(h *platformtest.Harness) *shop {
	h.T.Helper()
	s := &shop{h: h}
	list, err := s.courses().ListCourses(h.T.Context(), &coursev1.ListCoursesRequest{})
	if err != nil || len(list.GetCourses()) != 1 {
		h.T.Fatalf("%d courses are on sale, want one; %v", len(list.GetCourses()), err)
	}
	s.courseID = list.GetCourses()[0].GetId()
	return s
}

func (s *shop) courses() coursev1connect.CourseServiceClient {
	return coursev1connect.NewCourseServiceClient(s.h.Client("course", platformtest.Admin("root")))
}

func (s *shop) purchase() *paymentv1.CapturePaymentRequest {
	return &paymentv1.CapturePaymentRequest{
		ProviderReference: "ch_1", StudentId: "ada", StudentName: "Ada Lovelace", CourseId: s.courseID, CourseTitle: "Algebra I",
		AmountMinor: 4950, Currency: "CHF",
	}
}

// buy pays for a course and returns the payment's id.
func (s *shop) buy(change func(*paymentv1.CapturePaymentRequest)) string {
	s.h.T.Helper()
	req := s.purchase()
	if change != nil {
		change(req)
	}
	res, err := paymentv1connect.NewPaymentServiceClient(s.h.Client("payment", platformtest.Admin("root"))).CapturePayment(s.h.T.Context(), req)
	if err != nil {
		s.h.T.Fatal(err)
	}
	return res.GetPayment().GetId()
}

// enrollment returns the student's only enrollment.
func (s *shop) enrollment() *enrollmentv1.Enrollment {
	s.h.T.Helper()
	client := enrollmentv1connect.NewEnrollmentServiceClient(s.h.Client("enrollment", platformtest.Student("ada")))
	list, err := client.ListEnrollments(s.h.T.Context(), &enrollmentv1.ListEnrollmentsRequest{StudentId: "ada"})
	if err != nil {
		s.h.T.Fatal(err)
	}
	if len(list.GetEnrollments()) != 1 {
		s.h.T.Fatalf("%d enrollments, want one", len(list.GetEnrollments()))
	}
	res, err := client.GetEnrollment(s.h.T.Context(), &enrollmentv1.GetEnrollmentRequest{EnrollmentId: list.GetEnrollments()[0].GetId()})
	if err != nil {
		s.h.T.Fatal(err)
	}
	return res.GetEnrollment()
}

func (s *shop) hasAccess() bool {
	s.h.T.Helper()
	res, err := s.courses().HasAccess(s.h.T.Context(), &coursev1.HasAccessRequest{StudentId: "ada", CourseId: s.courseID})
	if err != nil {
		s.h.T.Fatal(err)
	}
	return res.GetAllowed()
}

// granted checks that the purchase led to access, once, and to no refund.
func (s *shop) granted(paymentID string) {
	s.h.T.Helper()
	e, got := platformtest.One[*enrollmentv1event.Granted](s.h), s.enrollment()
	if e.PaymentID != paymentID || e.StudentID != "ada" || e.EnrollmentID != got.GetId() || e.Course.CourseID != s.courseID || e.AccessUntil == nil {
		s.h.T.Errorf("granted %v", e)
	}
	if got.GetStatus() != enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_GRANTED || got.GetPaymentId() != paymentID || got.GetGrantedAt() == nil {
		s.h.T.Errorf("enrollment %v", got)
	}
	if !s.hasAccess() {
		s.h.T.Error("granted without access")
	}
	if n := len(platformtest.Published[*paymentv1event.RefundRequested](s.h)); n != 0 {
		s.h.T.Errorf("granted, and %d refunds", n)
	}
}

// refunded checks that the purchase led to one refund and to no access.
func (s *shop) refunded(paymentID string) {
	s.h.T.Helper()
	e := platformtest.One[*paymentv1event.RefundRequested](s.h)
	if e.PaymentID != paymentID || e.Reason != paymentv1event.RefundReasonCourseActivationFailed {
		s.h.T.Errorf("refund %v", e)
	}
	if n := len(platformtest.Published[*enrollmentv1event.Granted](s.h)); n != 0 {
		s.h.T.Errorf("refunded, and granted %d times", n)
	}
	if got := s.enrollment(); got.GetStatus() != enrollmentv1.EnrollmentStatus_ENROLLMENT_STATUS_REFUNDED || got.GetInvoiceId() != "" {
		s.h.T.Errorf("enrollment %v", got)
	}
	if s.hasAccess() {
		s.h.T.Error("refunded with access")
	}
}

func TestAPaymentBecomesAccessAndAnInvoice(t *testing.T) {
	run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
		paymentID := s.buy(nil)
		h.Quiet()
		s.granted(paymentID)
		s.calledUnder("course", "/pl.course.v1.CourseService/ActivateAccess", "EnrollPremiumCourse/"+s.run().ID+"/activate_access")
		bills := billingv1connect.NewBillingServiceClient(h.Client("billing", platformtest.Student("ada")))
		id := s.enrollment().GetInvoiceId()
		got, err := bills.GetInvoice(h.T.Context(), &billingv1.GetInvoiceRequest{InvoiceId: id})
		if err != nil {
			h.T.Fatal(err)
		}
		if i := got.GetInvoice(); i.GetPaymentId() != paymentID || i.GetStudentName() != "Ada Lovelace" || i.GetAmountMinor() != 4950 || i.GetDescription() != "Course: Algebra I" {
			h.T.Errorf("invoice %v", i)
		}
		file, err := bills.DownloadInvoice(h.T.Context(), &billingv1.DownloadInvoiceRequest{InvoiceId: id})
		if err != nil || !bytes.HasPrefix(file.GetPdf(), []byte("%PDF-")) {
			h.T.Errorf("document of %d bytes, %v", len(file.GetPdf()), err)
		}
	})
}

// calledUnder checks the only call of a procedure that its context remembers.
func (s *shop) calledUnder(context, procedure, key string) {
	s.h.T.Helper()
	var keys []string
	err := database.Each(s.h.T.Context(), s.h.Database(context).Reading(), `SELECT key FROM pl_command WHERE method = $1`, []any{procedure},
		func(rows *sql.Rows) error {
			keys = append(keys, "")
			return rows.Scan(&keys[len(keys)-1])
		})
	if err != nil || len(keys) != 1 || keys[0] != key {
		s.h.T.Errorf("%s was called under the keys %q, want %q; %v", procedure, keys, key, err)
	}
}

func TestARefusedActivationGivesTheMoneyBackOnce(t *testing.T) {
	run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
		paymentID := s.buy(func(r *paymentv1.CapturePaymentRequest) { r.CourseId = "withdrawn" })
		h.Quiet()
		s.refunded(paymentID)
		h.Advance(2 * time.Hour)
		s.refunded(paymentID)
	})
}

func TestAnActivationThatIsLateIsRefused(t *testing.T) {
	run(t, func(h *platformtest.Harness, c *campus, s *shop) {
		c.activation.set(errDown)
		paymentID := s.buy(nil)
		h.Advance(5 * time.Hour)
		if n := len(platformtest.Published[*paymentv1event.RefundRequested](h)); n != 0 {
			h.T.Errorf("%d refunds while the activation is still tried", n)
		}
		h.Advance(2 * time.Hour)
		s.refunded(paymentID)
		c.activation.clear()
		_, err := s.courses().ActivateAccess(h.T.Context(), &coursev1.ActivateAccessRequest{
			EnrollmentId: s.enrollment().GetId(), StudentId: "ada", CourseId: s.courseID,
		})
		if connect.CodeOf(err) != connect.CodeFailedPrecondition {
			h.T.Errorf("a late activation: %v, want FailedPrecondition", err)
		}
		s.refunded(paymentID)
	})
}

func TestCourseComesBackAfterHours(t *testing.T) {
	run(t, func(h *platformtest.Harness, c *campus, s *shop) {
		c.activation.set(errDown)
		paymentID := s.buy(nil)
		h.Advance(5 * time.Hour)
		c.activation.clear()
		h.Advance(30 * time.Minute) // the back-off is at most 15 minutes
		s.granted(paymentID)
	})
}

func TestAnInvoiceThatFailsTakesNothingFromTheStudent(t *testing.T) {
	run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
		paymentID := s.buy(func(r *paymentv1.CapturePaymentRequest) { r.Currency = "XBT" }) // billing has no accounts in it
		h.Quiet()
		s.granted(paymentID)
		e := platformtest.One[*enrollmentv1event.InvoiceFailed](h)
		if e.PaymentID != paymentID || e.EnrollmentID != s.enrollment().GetId() || e.Amount.Currency != "XBT" || !strings.Contains(e.Cause, "failed_precondition") {
			h.T.Errorf("alert %v", e)
		}
		h.Advance(2 * time.Hour)
		s.granted(paymentID)
		platformtest.One[*enrollmentv1event.InvoiceFailed](h)
	})
}

// run returns the student's only run through the saga.
func (s *shop) run() *saga.Details {
	s.h.T.Helper()
	ctx, db := s.h.T.Context(), s.h.Database("enrollment")
	list, err := saga.List(ctx, db, saga.Filter{Saga: "EnrollPremiumCourse"})
	if err != nil || len(list) != 1 {
		s.h.T.Fatalf("%d instances, want one; %v", len(list), err)
	}
	details, err := saga.Show(ctx, db, list[0].Saga, list[0].ID)
	if err != nil {
		s.h.T.Fatal(err)
	}
	return details
}

func TestAPersonHasAnInvoiceIssuedLater(t *testing.T) {
	run(t, func(h *platformtest.Harness, c *campus, s *shop) {
		c.invoicing.set(connect.NewError(connect.CodeFailedPrecondition, "the books of the year are closed"))
		paymentID := s.buy(nil)
		h.Quiet()
		at := s.run()
		last := at.Steps[len(at.Steps)-1]
		if at.Status != saga.StatusCompleted || at.Parked != 1 || last.Step != "invoice" || !strings.Contains(last.Reason, "the books of the year are closed") {
			h.T.Fatalf("%+v", at)
		}
		if !strings.Contains(string(at.State), `"[personal data]"`) || strings.Contains(string(at.State), "Ada") {
			h.T.Fatalf("the state that operators see names the student: %s", at.State)
		}
		c.invoicing.clear()
		h.Advance(time.Hour)
		if s.enrollment().GetInvoiceId() != "" {
			h.T.Error("an invoice that nobody asked for")
		}
		err := saga.Retry(h.T.Context(), h.Database("enrollment"), saga.Decision{
			Saga: at.Saga, ID: at.ID, Version: at.Version, Step: "invoice", Actor: "grace", Reason: "the books are open again",
		})
		if err != nil {
			h.T.Fatal(err)
		}
		h.Advance(time.Minute)
		if at := s.run(); at.Status != saga.StatusCompleted || at.Parked != 0 || s.enrollment().GetInvoiceId() == "" {
			h.T.Errorf("%+v, enrollment %v", at, s.enrollment())
		}
		s.granted(paymentID)
	})
}

func TestBillingComesBackAfterHours(t *testing.T) {
	run(t, func(h *platformtest.Harness, c *campus, s *shop) {
		c.invoicing.set(errors.New("the printer is on fire"))
		paymentID := s.buy(nil)
		h.Advance(time.Minute)
		s.granted(paymentID)
		c.invoicing.clear()
		h.Advance(time.Hour)
		if s.enrollment().GetInvoiceId() == "" || len(platformtest.Published[*enrollmentv1event.InvoiceFailed](h)) != 0 {
			h.T.Errorf("enrollment %v", s.enrollment())
		}
	})
}

func TestAPaymentThatIsHeardOfTwiceIsOnePurchase(t *testing.T) {
	run(t, func(h *platformtest.Harness, _ *campus, s *shop) {
		paymentID := s.buy(nil)
		h.Quiet()
		captured := platformtest.One[*paymentv1event.Captured](h)
		h.Given(captured, captured) // other events about the same payment
		s.granted(paymentID)
		h.Advance(time.Hour)
		h.Given(captured)
		s.granted(paymentID)
	})
}

func TestARestartLosesNothing(t *testing.T) {
	run(t, func(h *platformtest.Harness, c *campus, s *shop) {
		c.activation.set(errDown)
		paymentID := s.buy(nil)
		h.Advance(time.Minute)
		h.Restart()
		c.activation.clear()
		h.Advance(time.Hour)
		s.granted(paymentID)

		c.activation.set(errDown)
		h.Restart()
		h.Advance(time.Hour)
		s.granted(paymentID)
	})
}
