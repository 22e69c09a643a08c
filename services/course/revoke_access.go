package course

import (
	"context"
	"fmt"

	entaccess "github.com/pulselearn/campus-hub/gen/ent/course/access"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
)

// RevokeAccess ends the access of an enrollment for good. For an enrollment
// that it has never heard of it leaves a mark, so that an activation which is
// still under way is refused when it arrives.
func (s *Service) RevokeAccess(ctx context.Context, tx *courseservice.Tx, req *coursev1.RevokeAccessRequest) (*coursev1.RevokeAccessResponse, error) {
	id := req.GetEnrollmentId()
	err := tx.Access.Create().
		SetID(id).
		SetStudentID("").
		SetCourseID("").
		SetStatus(entaccess.StatusRevoked).
		SetCreatedAt(tx.Now()).
		SetRevokedAt(tx.Now()).
		OnConflictColumns(entaccess.FieldID).
		Ignore().
		Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("mark enrollment %s as revoked: %w", id, err)
	}
	err = tx.Access.Update().
		Where(entaccess.ID(id), entaccess.StatusEQ(entaccess.StatusActive)).
		SetStatus(entaccess.StatusRevoked).
		SetRevokedAt(tx.Now()).
		Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("revoke access of enrollment %s: %w", id, err)
	}
	access, err := tx.Access.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read access of enrollment %s: %w", id, err)
	}
	return &coursev1.RevokeAccessResponse{Access: courseservice.AccessProto(access)}, nil
}
