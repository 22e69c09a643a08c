package course

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"

	ent "github.com/pulselearn/campus-hub/gen/ent/course"
	entcourse "github.com/pulselearn/campus-hub/gen/ent/course/course"
	"github.com/pulselearn/campus-hub/gen/ent/course/section"
	commonv1event "github.com/pulselearn/campus-hub/gen/event/common/v1"
	coursev1event "github.com/pulselearn/campus-hub/gen/event/course/v1"
	coursev1 "github.com/pulselearn/campus-hub/gen/proto/pl/course/v1"
	courseservice "github.com/pulselearn/campus-hub/gen/service/course"
	"github.com/pulselearn/campus-hub/platform/rpc"
)

// UploadMaterial adds material to a course. Students hear of it when the
// course is published.
func (s *Service) UploadMaterial(ctx context.Context, tx *courseservice.Tx, req *coursev1.UploadMaterialRequest) (*coursev1.UploadMaterialResponse, error) {
	media, err := mediaOf(req)
	if err != nil {
		return nil, err
	}
	course, err := tx.Course.Get(ctx, req.GetCourseId())
	if err != nil {
		return nil, fmt.Errorf("find course: %w", err)
	}
	if err := checkSection(ctx, tx, req); err != nil {
		return nil, err
	}
	material, err := tx.Material.Create().
		SetID(tx.NewID()).
		SetCourseID(course.ID).
		SetSectionID(req.GetSectionId()).
		SetTitle(req.GetTitle()).
		SetKind(courseservice.MaterialKind(req.GetKind())).
		SetURL(req.GetUrl()).
		SetMediaType(req.GetMediaType()).
		SetSizeBytes(req.GetSizeBytes()).
		SetSha256(req.GetSha256()).
		SetPages(req.GetPages()).
		SetSeconds(req.GetSeconds()).
		SetUploadedBy(req.GetUploadedBy()).
		SetUploadedAt(tx.Now()).
		Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store material of course %s: %w", course.ID, err)
	}
	if course.Status == entcourse.StatusPublished {
		if err := tx.Publish(ctx, uploaded(course, material, media)); err != nil {
			return nil, err
		}
	}
	return &coursev1.UploadMaterialResponse{Material: courseservice.MaterialProto(material)}, nil
}

func checkSection(ctx context.Context, tx *courseservice.Tx, req *coursev1.UploadMaterialRequest) error {
	if req.GetSectionId() == "" {
		return nil
	}
	known, err := tx.Section.Query().Where(section.ID(req.GetSectionId()), section.CourseID(req.GetCourseId())).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find section: %w", err)
	}
	if !known {
		return rpc.Invalid("section_id", "is not a section of this course")
	}
	return nil
}

// mediaOf returns the form of the material as events show it.
func mediaOf(req *coursev1.UploadMaterialRequest) (coursev1event.MaterialUploadedMedia, error) {
	var none coursev1event.MaterialUploadedMedia
	address, err := url.Parse(req.GetUrl())
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		return none, rpc.Invalid("url", "is not an address of the web like https://example.org/a.pdf")
	}
	if req.GetKind() == coursev1.MaterialKind_MATERIAL_KIND_LINK {
		return coursev1event.MaterialUploadedMediaOfLink(&coursev1event.Link{Host: address.Hostname()}), nil
	}
	file, err := fileOf(req)
	if err != nil {
		return none, err
	}
	if req.GetKind() == coursev1.MaterialKind_MATERIAL_KIND_VIDEO {
		if req.GetSeconds() == 0 {
			return none, rpc.Invalid("seconds", "is required for a video")
		}
		return coursev1event.MaterialUploadedMediaOfVideo(&coursev1event.Video{File: file, Seconds: req.GetSeconds()}), nil
	}
	document := &coursev1event.Document{File: file}
	if req.GetPages() > 0 {
		document.Pages = new(req.GetPages())
	}
	return coursev1event.MaterialUploadedMediaOfDocument(document), nil
}

func fileOf(req *coursev1.UploadMaterialRequest) (coursev1event.StoredFile, error) {
	file := coursev1event.StoredFile{MediaType: req.GetMediaType(), SizeBytes: req.GetSizeBytes()}
	digest, err := hex.DecodeString(req.GetSha256())
	switch {
	case file.MediaType == "":
		return file, rpc.Invalid("media_type", "is required for a document or a video")
	case file.SizeBytes == 0:
		return file, rpc.Invalid("size_bytes", "is required for a document or a video")
	case err != nil || len(digest) != len(file.Sha256):
		return file, rpc.Invalid("sha256", "is not a SHA-256 in hexadecimal, which a document or a video needs")
	}
	copy(file.Sha256[:], digest)
	return file, nil
}

func uploaded(c *ent.Course, m *ent.Material, media coursev1event.MaterialUploadedMedia) *coursev1event.MaterialUploaded {
	return &coursev1event.MaterialUploaded{
		CourseID:    c.ID,
		MaterialID:  m.ID,
		SectionID:   textOrNull(m.SectionID),
		CourseTitle: c.Title,
		Title:       m.Title,
		URL:         m.URL,
		Media:       media,
		UploadedBy:  commonv1event.UserRef{UserID: m.UploadedBy},
		OccurredAt:  m.UploadedAt,
	}
}
