package billing

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ent "github.com/pulselearn/campus-hub/gen/ent/billing"
)

func invoice(name, description string) *ent.Invoice {
	at := time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)
	return &ent.Invoice{
		ID: "id", Number: "2030-000042", PaymentID: "payment", StudentName: name, Description: description,
		AmountMinor: 5, Currency: "EUR", PaidAt: at, IssuedAt: at,
	}
}

func TestEqualInvoicesGiveEqualBytes(t *testing.T) {
	want, err := render(invoice("Zoë", "Algebra"))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		got, err := render(invoice("Zoë", "Algebra"))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("other bytes for the same invoice, %v", err)
		}
	}
	if other, err := render(invoice("Zoe", "Algebra")); err != nil || bytes.Equal(other, want) {
		t.Errorf("the same bytes for another invoice, %v", err)
	}
}

// FuzzRender writes names and descriptions of every kind; a document that
// cannot be written would leave a student without an invoice.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"", "Zoë", "学生 🎓", "Ωμέγα", "محمد", "a\xffb", "line\nbreak", "\u2028\ufeff\uffff", "e\u0301", strings.Repeat("w", 240), strings.Repeat("two words ", 24),
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, description string) {
		if len(name) > 480 || len(description) > 960 {
			return // the contract bounds both
		}
		pdf, err := render(invoice(name, description))
		if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			t.Errorf("%v", err)
		}
	})
}
