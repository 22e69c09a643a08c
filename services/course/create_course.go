package course

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"time"
	_ "time/tzdata" // zones are known where the system has no database of them

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// CreateCourse drafts a course with its outline. Nobody hears of it before it
// is published.
func (s *Service) CreateCourse(ctx context.Context, tx *courseservice.Tx, req *coursev1.CreateCourseRequest) (*coursev1.CreateCourseResponse, error) {
	if err := checkCourse(req); err != nil {
		return nil, err
	}
	create := tx.Course.Create().
		SetID(tx.NewID()).
		SetCode(req.GetCode()).
		SetTitle(req.GetTitle()).
		SetSummary(req.GetSummary()).
		SetLevel(courseservice.CourseLevel(req.GetLevel())).
		SetStatus(entcourse.StatusDraft).
		SetLanguage(cmp.Or(req.GetLanguage(), "en")).
		SetInstructorID(req.GetInstructorId()).
		SetInstructorName(req.GetInstructorName()).
		SetPriceMinor(req.GetPriceMinor()).
		SetCurrency(req.GetCurrency()).
		SetAccessMonths(req.GetAccessMonths()).
		SetTopics(req.GetTopics()).
		SetLabels(req.GetLabels()).
		SetTimeZone(cmp.Or(req.GetTimeZone(), "UTC")).
		SetCreatedAt(tx.Now())
	if t := req.GetStartsAt(); t != nil {
		create.SetStartsAt(t.AsTime().Truncate(time.Microsecond))
	}
	course, err := create.Save(ctx)
	if ent.IsConstraintError(err) {
		return nil, connect.NewError(connect.CodeAlreadyExists, "code: another course has this code; use another one")
	}
	if err != nil {
		return nil, fmt.Errorf("store course: %w", err)
	}
	sections, err := storeOutline(ctx, tx, course.ID, req.GetOutline())
	if err != nil {
		return nil, err
	}
	return &coursev1.CreateCourseResponse{
		Course: courseservice.CourseProto(course), Sections: courseservice.SectionProtos(sections),
	}, nil
}

var (
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
	languageTag  = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
)

// checkCourse checks what the contract's rules cannot say.
func checkCourse(req *coursev1.CreateCourseRequest) error {
	_, err := time.LoadLocation(req.GetTimeZone())
	switch {
	case req.GetPriceMinor() > 0 && !currencyCode.MatchString(req.GetCurrency()):
		return rpc.Invalid("currency", "is not an ISO 4217 code like CHF, which a price needs")
	case req.GetLanguage() != "" && !languageTag.MatchString(req.GetLanguage()):
		return rpc.Invalid("language", "is not a language tag like de-CH")
	case err != nil || req.GetTimeZone() == "Local":
		return rpc.Invalid("time_zone", "is not an IANA name like Europe/Zurich")
	}
	return nil
}
