package course

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	"github.com/pulselearn/campus-hub/gen/ent/course/section"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// The limits of an outline.
const (
	maxDepth    = 6
	maxSections = 500
)

// An outliner turns drafts, which nest, into rows, parents before their
// children.
type outliner struct {
	tx       *courseservice.Tx
	courseID string
	rows     []*ent.SectionCreate
}

func storeOutline(ctx context.Context, tx *courseservice.Tx, courseID string, drafts []*coursev1.SectionDraft) ([]*ent.Section, error) {
	o := &outliner{tx: tx, courseID: courseID}
	if err := o.add(drafts, "", 0); err != nil {
		return nil, err
	}
	sections, err := tx.Section.CreateBulk(o.rows...).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store outline of course %s: %w", courseID, err)
	}
	return sections, nil
}

func (o *outliner) add(drafts []*coursev1.SectionDraft, parentID string, depth int32) error {
	if len(drafts) > 0 && depth >= maxDepth {
		return rpc.Invalid("outline", fmt.Sprintf("is more than %d levels deep", maxDepth))
	}
	for _, d := range drafts {
		if len(o.rows) == maxSections {
			return rpc.Invalid("outline", fmt.Sprintf("has more than %d sections", maxSections))
		}
		id := o.tx.NewID()
		o.rows = append(o.rows, o.tx.Section.Create().
			SetID(id).
			SetCourseID(o.courseID).
			SetParentID(parentID).
			SetPosition(int32(len(o.rows))).
			SetDepth(depth).
			SetTitle(d.GetTitle()).
			SetSummary(d.GetSummary()).
			SetMinutes(d.GetMinutes()))
		if err := o.add(d.GetChildren(), id, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// outline reads the sections of a course in reading order.
func outline(ctx context.Context, query *ent.SectionQuery, courseID string) ([]*ent.Section, error) {
	sections, err := query.Where(section.CourseID(courseID)).Order(section.ByPosition()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read outline of course %s: %w", courseID, err)
	}
	return sections, nil
}

// nest returns the sections below a parent as events show them.
func nest(sections []*ent.Section, parentID string) []coursev1event.Section {
	var out []coursev1event.Section
	for _, s := range sections {
		if s.ParentID != parentID {
			continue
		}
		out = append(out, coursev1event.Section{
			SectionID: s.ID,
			Title:     s.Title,
			Summary:   textOrNull(s.Summary),
			Minutes:   s.Minutes,
			Children:  nest(sections, s.ID),
		})
	}
	return out
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
