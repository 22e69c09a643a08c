package billing

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/billing"
	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// DownloadInvoice returns an invoice's document, byte for byte as it was
// issued.
func (s *Service) DownloadInvoice(ctx context.Context, r *billingservice.Reader, req *billingv1.DownloadInvoiceRequest) (*billingv1.DownloadInvoiceResponse, error) {
	invoice, err := r.Invoice.Get(ctx, req.GetInvoiceId())
	if err != nil {
		return nil, fmt.Errorf("find invoice: %w", err)
	}
	if !identity.From(ctx).ActsFor(invoice.StudentID, identity.Admin) {
		return nil, fmt.Errorf("find invoice: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	document, err := r.Document.Get(ctx, invoice.ID)
	if err != nil {
		return nil, fmt.Errorf("read the document of invoice %s: %w", invoice.Number, err)
	}
	return &billingv1.DownloadInvoiceResponse{FileName: "invoice-" + invoice.Number + ".pdf", Pdf: document.Pdf}, nil
}
