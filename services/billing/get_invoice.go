package billing

import (
	"context"
	"fmt"

	ent "github.com/pulselearn/campus-hub/gen/ent/billing"
	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
	"github.com/pulselearn/campus-hub/platform/identity"
)

// GetInvoice returns an invoice.
func (s *Service) GetInvoice(ctx context.Context, r *billingservice.Reader, req *billingv1.GetInvoiceRequest) (*billingv1.GetInvoiceResponse, error) {
	invoice, err := r.Invoice.Get(ctx, req.GetInvoiceId())
	if err != nil {
		return nil, fmt.Errorf("find invoice: %w", err)
	}
	if !identity.From(ctx).ActsFor(invoice.StudentID, identity.Admin) {
		return nil, fmt.Errorf("find invoice: %w", &ent.NotFoundError{}) // nobody learns whether it exists
	}
	return &billingv1.GetInvoiceResponse{Invoice: billingservice.InvoiceProto(invoice)}, nil
}
