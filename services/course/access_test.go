package course_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/platformtest"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// published makes a course whose access lasts six months.
func published(h *platformtest.Harness) string {
	h.T.Helper()
	id := create(h).GetCourse().GetId()
	if _, err := publish(h, id); err != nil {
		h.T.Fatal(err)
	}
	return id
}

func activate(h *platformtest.Harness, enrollment, student, course string) (*coursev1.Access, error) {
	res, err := client(h, asEnrollment).ActivateAccess(h.T.Context(), &coursev1.ActivateAccessRequest{EnrollmentId: enrollment, StudentId: student, CourseId: course})
	return res.GetAccess(), err
}

func revoke(h *platformtest.Harness, enrollment string) *coursev1.Access {
	h.T.Helper()
	res, err := client(h, asEnrollment).RevokeAccess(h.T.Context(), &coursev1.RevokeAccessRequest{EnrollmentId: enrollment})
	if err != nil {
		h.T.Fatal(err)
	}
	return res.GetAccess()
}

func hasAccess(h *platformtest.Harness, student, course string) bool {
	h.T.Helper()
	res, err := client(h, asGrace).HasAccess(h.T.Context(), &coursev1.HasAccessRequest{StudentId: student, CourseId: course})
	if err != nil {
		h.T.Fatal(err)
	}
	return res.GetAllowed()
}

func TestActivateAccess(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		course, enrollment := published(h), event.NewID()
		if hasAccess(h, "ada", course) {
			h.T.Error("access before it was activated")
		}
		first, err := activate(h, enrollment, "ada", course)
		if err != nil {
			h.T.Fatal(err)
		}
		h.Advance(30 * time.Hour) // beyond the memory of idempotency keys
		again, err := activate(h, enrollment, "ada", course)
		if err != nil || !proto.Equal(first, again) {
			h.T.Errorf("activated %v, then %v, %v", first, again, err)
		}
		if !hasAccess(h, "ada", course) || hasAccess(h, "bob", course) || hasAccess(h, "ada", "another") {
			h.T.Error("access is for one student and one course")
		}
		_, err = activate(h, enrollment, "bob", course)
		wantCode(h, "another student under the same enrollment", err, connect.CodeAlreadyExists)
		_, err = activate(h, event.NewID(), "ada", "nothing")
		wantCode(h, "an unknown course", err, connect.CodeFailedPrecondition)
		if end := first.GetExpiresAt().AsTime(); !end.Equal(first.GetCreatedAt().AsTime().AddDate(0, 6, 0)) {
			h.T.Errorf("access until %s, not for six months", end)
		}
	})
}

func TestAccessExpires(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		h.InTx("course", func(ctx context.Context, core *tx.Tx) error {
			tx := courseservice.NewTx(core)
			return tx.Access.Create().SetID(tx.NewID()).SetStudentID("ada").SetCourseID("algebra").SetStatus(entaccess.StatusActive).
				SetExpiresAt(tx.Now().Add(2 * time.Hour)).SetCreatedAt(tx.Now()).Exec(ctx)
		})
		h.Advance(time.Hour)
		if !hasAccess(h, "ada", "algebra") {
			h.T.Error("no access before it expires")
		}
		h.Advance(time.Hour)
		if hasAccess(h, "ada", "algebra") {
			h.T.Error("access after it has expired")
		}
	})
}

func TestADraftCannotBeUsed(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		_, err := activate(h, event.NewID(), "ada", create(h).GetCourse().GetId())
		wantCode(h, "a draft", err, connect.CodeFailedPrecondition)
	})
}

func TestALateActivationIsRefused(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		course, used, unknown := published(h), event.NewID(), event.NewID()
		if _, err := activate(h, used, "ada", course); err != nil {
			h.T.Fatal(err)
		}
		for _, enrollment := range []string{used, unknown} {
			first := revoke(h, enrollment)
			h.Advance(30 * time.Hour)
			if again := revoke(h, enrollment); !proto.Equal(first, again) || again.GetStatus() != coursev1.AccessStatus_ACCESS_STATUS_REVOKED {
				h.T.Errorf("revoked %v, then %v", first, again)
			}
			_, err := activate(h, enrollment, "ada", course)
			wantCode(h, "activating what was revoked", err, connect.CodeFailedPrecondition)
		}
		if hasAccess(h, "ada", course) {
			h.T.Error("access after it was revoked")
		}
	})
}

func TestListAccess(t *testing.T) {
	platformtest.Run(t, register, func(h *platformtest.Harness) {
		course := published(h)
		var want []string
		for range 3 {
			want = append(want, event.NewID())
			if _, err := activate(h, want[len(want)-1], "ada", course); err != nil {
				h.T.Fatal(err)
			}
		}
		revoke(h, want[1])
		req := &coursev1.ListAccessRequest{StudentId: "ada", PageSize: 1}
		var got []string
		for first := true; first || req.PageToken != ""; first = false {
			res, err := client(h, asAda).ListAccess(h.T.Context(), req)
			if err != nil {
				h.T.Fatal(err)
			}
			for _, a := range res.GetAccess() {
				got = append(got, a.GetId())
			}
			req.PageToken = res.GetNextPageToken()
		}
		if len(got) != 2 || got[0] != want[0] || got[1] != want[2] {
			h.T.Errorf("listed %v of %v", got, want)
		}
	})
}
