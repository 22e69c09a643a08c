package billing

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	ent "github.com/pulselearn/campus-hub/gen/ent/billing"
	entinvoice "github.com/pulselearn/campus-hub/gen/ent/billing/invoice"
	entseries "github.com/pulselearn/campus-hub/gen/ent/billing/series"
	billingv1 "github.com/pulselearn/campus-hub/gen/proto/pl/billing/v1"
	billingservice "github.com/pulselearn/campus-hub/gen/service/billing"
)

// currencies are those that invoices are issued in: the ones that finance
// keeps accounts in.
var currencies = map[string]bool{"CHF": true, "DKK": true, "EUR": true, "GBP": true, "NOK": true, "SEK": true, "USD": true}

// IssueInvoice writes the invoice for a payment, with its document. A payment
// that has one already keeps it.
func (s *Service) IssueInvoice(ctx context.Context, tx *billingservice.Tx, req *billingv1.IssueInvoiceRequest) (*billingv1.IssueInvoiceResponse, error) {
	issued, err := tx.Invoice.Query().Where(entinvoice.PaymentID(req.GetPaymentId())).Only(ctx)
	if err == nil {
		return &billingv1.IssueInvoiceResponse{Invoice: billingservice.InvoiceProto(issued)}, nil
	}
	if !ent.IsNotFound(err) {
		return nil, fmt.Errorf("look for the invoice of payment %s: %w", req.GetPaymentId(), err)
	}
	if !currencies[req.GetCurrency()] {
		return nil, connect.NewError(connect.CodeFailedPrecondition, "currency: invoices are not issued in this currency")
	}
	invoice, err := store(ctx, tx, req)
	if ent.IsConstraintError(err) {
		return nil, connect.NewError(connect.CodeAborted, "payment_id: the payment's invoice was issued at this very moment; ask again")
	}
	if err != nil {
		return nil, err
	}
	if err := storeDocument(ctx, tx, invoice); err != nil {
		return nil, err
	}
	return &billingv1.IssueInvoiceResponse{Invoice: billingservice.InvoiceProto(invoice)}, nil
}

func store(ctx context.Context, tx *billingservice.Tx, req *billingv1.IssueInvoiceRequest) (*ent.Invoice, error) {
	number, err := nextNumber(ctx, tx)
	if err != nil {
		return nil, err
	}
	invoice, err := tx.Invoice.Create().
		SetID(tx.NewID()).
		SetNumber(number).
		SetPaymentID(req.GetPaymentId()).
		SetStudentID(req.GetStudentId()).
		SetStudentName(cmp.Or(req.GetStudentName(), req.GetStudentId())).
		SetDescription(req.GetDescription()).
		SetAmountMinor(req.GetAmountMinor()).
		SetCurrency(req.GetCurrency()).
		SetPaidAt(req.GetPaidAt().AsTime().Truncate(time.Microsecond)).
		SetIssuedAt(tx.Now()).
		Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("store the invoice of payment %s: %w", req.GetPaymentId(), err)
	}
	return invoice, nil
}

// nextNumber takes the next number of the year. The row of the year is locked
// until the invoice is committed, so a number is taken back with the invoice
// that fails, and the series has no gaps.
func nextNumber(ctx context.Context, tx *billingservice.Tx) (string, error) {
	year := strconv.Itoa(tx.Now().Year())
	err := tx.Series.Create().SetID(year).SetIssued(1).
		OnConflictColumns(entseries.FieldID).
		Update(func(u *ent.SeriesUpsert) { u.AddIssued(1) }).
		Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("take the next number of %s: %w", year, err)
	}
	series, err := tx.Series.Get(ctx, year)
	if err != nil {
		return "", fmt.Errorf("read the next number of %s: %w", year, err)
	}
	return fmt.Sprintf("%s-%06d", year, series.Issued), nil
}

func storeDocument(ctx context.Context, tx *billingservice.Tx, invoice *ent.Invoice) error {
	pdf, err := render(invoice)
	if err != nil {
		return fmt.Errorf("write the document of invoice %s: %w", invoice.Number, err)
	}
	if err := tx.Document.Create().SetID(invoice.ID).SetPdf(pdf).Exec(ctx); err != nil {
		return fmt.Errorf("store the document of invoice %s: %w", invoice.Number, err)
	}
	return nil
}
