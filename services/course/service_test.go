package course_test

import (
	"math/big"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	"github.com/pulselearn/campus-hub/gen/proto/pl/course/v1/coursev1connect"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/identity"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/service"
	"github.com/pulselearn/campus-hub/services/course"
	"github.com/pulselearn/campus-hub/services/course/migrations"
)

func register(app *service.App) { courseservice.Register(app, course.New(), migrations.Files) }

// Who calls.
var (
	asAda        = platformtest.Student("ada")
	asEnrollment = platformtest.Context("enrollment")
	asGrace      = platformtest.Teacher("grace")
)

func client(h *platformtest.Harness, as identity.Caller) coursev1connect.CourseServiceClient {
	return coursev1connect.NewCourseServiceClient(h.Client("course", as))
}

func algebra() *coursev1.CreateCourseRequest {
	return &coursev1.CreateCourseRequest{
		Code: "MATH-101", Title: "Algebra I", Level: coursev1.CourseLevel_COURSE_LEVEL_INTRODUCTORY,
		InstructorId: "grace", InstructorName: "Grace", PriceMinor: 4950, Currency: "CHF", AccessMonths: 6,
		Topics: []string{"algebra"}, Labels: map[string]string{"term": "autumn"},
		StartsAt: timestamppb.New(time.Date(2030, 3, 1, 22, 30, 0, 0, time.UTC)), TimeZone: "Asia/Tokyo",
		Outline: []*coursev1.SectionDraft{
			{Title: "Numbers", Children: []*coursev1.SectionDraft{{Title: "Fractions", Minutes: 45}, {Title: "Powers"}}},
			{Title: "Equations"},
		},
	}
}

func create(h *platformtest.Harness) *coursev1.CreateCourseResponse {
	h.T.Helper()
	res, err := client(h, asGrace).CreateCourse(h.T.Context(), algebra())
	if err != nil {
		h.T.Fatal(err)
	}
	return res
}

func publish(h *platformtest.Harness, id string) (*coursev1.PublishCourseResponse, error) {
	return client(h, asGrace).PublishCourse(h.T.Context(), &coursev1.PublishCourseRequest{CourseId: id})
}

func wantCode(h *platformtest.Harness, what string, err error, want connect.Code) {
	h.T.Helper()
	if connect.CodeOf(err) != want {
		h.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestPublishCourse(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		created := create(h)
		h.Quiet()
		if n := len(platformtest.Published[*coursev1event.CoursePublished](h)); n != 0 {
			h.T.Fatalf("a draft was announced %d times", n)
		}
		id := created.GetCourse().GetId()
		if _, err := publish(h, id); err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		e := platformtest.One[*coursev1event.CoursePublished](h)
		if e.CourseID != id || e.Level != coursev1event.CourseLevelIntroductory || e.Labels["term"] != "autumn" || *e.Instructor.DisplayName != "Grace" {
			h.T.Errorf("published %v", e)
		}
		if e.Price.Amount.Cmp(big.NewRat(99, 2)) != 0 || e.Price.Currency != "CHF" || e.AccessPeriod.Months != 6 {
			h.T.Errorf("price %v, access %v", e.Price, e.AccessPeriod)
		}
		if got := e.FirstLessonAt.Format(time.DateTime); got != "2030-03-02 07:30:00" { // in Tokyo
			h.T.Errorf("first lesson at %s", got)
		}
		if got := e.StartsOn.Format(time.DateOnly); got != "2030-03-02" {
			h.T.Errorf("starts on %s", got)
		}
		if len(e.Outline) != 2 || len(e.Outline[0].Children) != 2 || e.Outline[0].Children[1].Title != "Powers" || e.Outline[0].Children[0].Minutes != 45 {
			h.T.Errorf("outline %v", e.Outline)
		}
		_, err := publish(h, id)
		wantCode(h, "publishing twice", err, connect.CodeFailedPrecondition)
		_, err = publish(h, "nothing")
		wantCode(h, "an unknown course", err, connect.CodeNotFound)
	})
}

func TestRefusedCourses(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		create(h)
		deep := &coursev1.SectionDraft{Title: "1"}
		for range 6 {
			deep = &coursev1.SectionDraft{Title: "up", Children: []*coursev1.SectionDraft{deep}}
		}
		for _, test := range []struct {
			name   string
			change func(*coursev1.CreateCourseRequest)
			want   connect.Code
		}{
			{"a code that is taken", func(*coursev1.CreateCourseRequest) {}, connect.CodeAlreadyExists},
			{"a price without currency", func(r *coursev1.CreateCourseRequest) { r.Currency = "" }, connect.CodeInvalidArgument},
			{"an unknown zone", func(r *coursev1.CreateCourseRequest) { r.TimeZone = "Mars/Olympus" }, connect.CodeInvalidArgument},
			{"a section without a title", func(r *coursev1.CreateCourseRequest) { r.Outline[0].Children[1].Title = "" }, connect.CodeInvalidArgument},
			{"seven levels", func(r *coursev1.CreateCourseRequest) { r.Code, r.Outline = "MATH-102", []*coursev1.SectionDraft{deep} }, connect.CodeInvalidArgument},
		} {
			req := algebra()
			test.change(req)
			_, err := client(h, asGrace).CreateCourse(h.T.Context(), req)
			wantCode(h, test.name, err, test.want)
		}
	})
}

func TestUploadMaterial(t *testing.T) {
	const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		ctx := h.T.Context()
		created := create(h)
		id := created.GetCourse().GetId()
		upload := func(req *coursev1.UploadMaterialRequest) error {
			req.CourseId, req.Title, req.UploadedBy = id, "Reader", "grace"
			_, err := client(h, asGrace).UploadMaterial(ctx, req)
			return err
		}
		link := &coursev1.UploadMaterialRequest{Kind: coursev1.MaterialKind_MATERIAL_KIND_LINK, Url: "https://example.org/a"}
		if err := upload(link); err != nil { // nobody sees the draft
			h.T.Fatal(err)
		}
		if _, err := publish(h, id); err != nil {
			h.T.Fatal(err)
		}
		document := &coursev1.UploadMaterialRequest{
			Kind: coursev1.MaterialKind_MATERIAL_KIND_DOCUMENT, Url: "https://example.org/b.pdf", SectionId: created.GetSections()[1].GetId(),
			MediaType: "application/pdf", SizeBytes: 1, Sha256: digest, Pages: 12,
		}
		if err := upload(document); err != nil {
			h.T.Fatal(err)
		}
		h.Quiet()
		e := platformtest.One[*coursev1event.MaterialUploaded](h)
		if d, ok := e.Media.AsDocument(); !ok || *d.Pages != 12 || d.File.Sha256[0] != 0xe3 || *e.SectionID != document.SectionId {
			h.T.Errorf("published %v", e)
		}
		wantCode(h, "a document without digest", upload(&coursev1.UploadMaterialRequest{
			Kind: coursev1.MaterialKind_MATERIAL_KIND_DOCUMENT, Url: "https://example.org/c", MediaType: "text/plain", SizeBytes: 1,
		}), connect.CodeInvalidArgument)
		wantCode(h, "no address", upload(&coursev1.UploadMaterialRequest{
			Kind: coursev1.MaterialKind_MATERIAL_KIND_LINK, Url: "somewhere",
		}), connect.CodeInvalidArgument)
		link.SectionId = "nothing"
		wantCode(h, "an unknown section", upload(link), connect.CodeInvalidArgument)

		res, err := client(h, asGrace).GetCourse(ctx, &coursev1.GetCourseRequest{CourseId: id})
		if err != nil {
			h.T.Fatal(err)
		}
		if len(res.GetMaterials()) != 2 || len(res.GetSections()) != 4 || res.GetSections()[1].GetDepth() != 1 {
			h.T.Errorf("course %v", res)
		}
	})
}

func TestListCourses(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		id := create(h).GetCourse().GetId()
		count := func(req *coursev1.ListCoursesRequest) int {
			res, err := client(h, asGrace).ListCourses(h.T.Context(), req)
			if err != nil {
				h.T.Fatal(err)
			}
			return len(res.GetCourses())
		}
		draft := &coursev1.ListCoursesRequest{Status: coursev1.CourseStatus_COURSE_STATUS_DRAFT}
		if count(&coursev1.ListCoursesRequest{}) != 0 || count(draft) != 1 {
			h.T.Error("drafts are listed only when they are asked for")
		}
		if _, err := publish(h, id); err != nil {
			h.T.Fatal(err)
		}
		if count(&coursev1.ListCoursesRequest{InstructorId: "grace"}) != 1 || count(draft) != 0 || count(&coursev1.ListCoursesRequest{InstructorId: "bob"}) != 0 {
			h.T.Error("published courses are listed by teacher")
		}
	})
}
