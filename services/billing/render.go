package billing

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	ent "github.com/pulselearn/campus-hub/gen/ent/billing"
)

// The fonts have Latin, Greek, Cyrillic, Armenian, Georgian and Hebrew letters,
// and letters of other scripts without the forms that those join them in. For
// what they lack a box is printed: names in Chinese, Japanese or Korean have to
// be given in Latin letters to be read.
//
//go:embed font/DejaVuSansCondensed.ttf
var regular []byte

//go:embed font/DejaVuSansCondensed-Bold.ttf
var bold []byte

const font = "DejaVu"

// A page is a sheet of A4 in millimetres, with everything between the margins.
const (
	left, right = 25.0, 185.0
	width       = right - left
	line        = 6.0
	amountWidth = 40.0
)

// render returns an invoice as a PDF document. Equal invoices give equal bytes.
func render(i *ent.Invoice) ([]byte, error) {
	p := fpdf.New("P", "mm", "A4", "")
	p.SetCreationDate(i.IssuedAt)
	p.SetModificationDate(i.IssuedAt)
	p.SetCatalogSort(true)
	p.SetTitle("Invoice "+i.Number, true)
	p.SetAuthor(issuer[0], true)
	p.SetLang("en")
	p.AddUTF8FontFromBytes(font, "", regular)
	p.AddUTF8FontFromBytes(font, "B", bold)
	p.SetMargins(left, 25, 210-right)
	p.SetCellMargin(0)
	p.SetAutoPageBreak(false, 0)
	p.AddPage()
	(&sheet{p}).invoice(i)
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	return out.Bytes(), nil
}

// issuer is who writes the invoices.
var issuer = []string{"PulseLearn Campus Hub", "Campus Office"}

// A sheet is one page in the making.
type sheet struct{ pdf *fpdf.Fpdf }

func (s *sheet) invoice(i *ent.Invoice) {
	s.head()
	s.addressee(i)
	s.facts([][2]string{
		{"Invoice number", i.Number},
		{"Date of issue", day(i.IssuedAt)},
		{"Paid on", day(i.PaidAt)},
		{"Payment", i.PaymentID},
	})
	s.items(i)
	s.text("", 9, 110)
	s.pdf.Ln(2 * line)
	s.pdf.MultiCell(width, 5, "This invoice has been paid in full; nothing is due. The amount includes all taxes. Please keep it for your records.", "", "L", false)
}

func (s *sheet) head() {
	s.text("B", 12, 0)
	s.row(issuer[0])
	s.text("", 9, 110)
	for _, l := range issuer[1:] {
		s.row(l)
	}
	s.pdf.Ln(2 * line)
}

func (s *sheet) addressee(i *ent.Invoice) {
	s.text("", 9, 110)
	s.row("Invoice to")
	s.text("B", 11, 0)
	s.pdf.MultiCell(width, line, printable(i.StudentName), "", "L", false)
	s.pdf.Ln(2 * line)
	s.text("B", 20, 0)
	s.pdf.CellFormat(width, 10, "Invoice", "", 1, "L", false, 0, "")
	s.pdf.Ln(line / 2)
}

// facts prints names and values in two columns.
func (s *sheet) facts(facts [][2]string) {
	for _, f := range facts {
		s.text("", 10, 110)
		s.pdf.CellFormat(amountWidth, line, f[0], "", 0, "L", false, 0, "")
		s.text("", 10, 0)
		s.pdf.CellFormat(width-amountWidth, line, printable(f[1]), "", 1, "L", false, 0, "")
	}
	s.pdf.Ln(line)
}

// items prints what was bought and what it cost, once: a payment is for one
// thing.
func (s *sheet) items(i *ent.Invoice) {
	s.text("B", 10, 0)
	s.columns("Description", "Amount")
	s.rule()
	s.text("", 10, 0)
	top := s.pdf.GetY()
	s.pdf.MultiCell(width-amountWidth, line, printable(i.Description), "", "L", false)
	bottom := s.pdf.GetY()
	s.pdf.SetXY(right-amountWidth, top)
	s.pdf.CellFormat(amountWidth, line, money(i), "", 0, "R", false, 0, "")
	s.pdf.SetXY(left, bottom)
	s.rule()
	s.text("B", 11, 0)
	s.columns("Total", money(i))
}

func (s *sheet) columns(name, amount string) {
	s.pdf.CellFormat(width-amountWidth, line, name, "", 0, "L", false, 0, "")
	s.pdf.CellFormat(amountWidth, line, amount, "", 1, "R", false, 0, "")
}

func (s *sheet) rule() {
	s.pdf.SetDrawColor(180, 180, 180)
	y := s.pdf.GetY() + 1
	s.pdf.Line(left, y, right, y)
	s.pdf.Ln(2.5)
}

func (s *sheet) row(text string) {
	s.pdf.CellFormat(width, line, text, "", 1, "L", false, 0, "")
}

// text sets the font's style and size and how light it is, from 0 for black.
func (s *sheet) text(style string, size float64, light int) {
	s.pdf.SetFont(font, style, size)
	s.pdf.SetTextColor(light, light, light)
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// minorUnits is how many hundredths make a currency's main unit; currencies
// divides none of its currencies otherwise.
const minorUnits = 100

func money(i *ent.Invoice) string {
	return fmt.Sprintf("%s %d.%02d", i.Currency, i.AmountMinor/minorUnits, i.AmountMinor%minorUnits)
}

// printable returns text in one line, with a box for what no font of the
// document can have: characters beyond the Basic Multilingual Plane, and
// controls.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF || r < ' ' || r == 0x7F {
			return '\u25a1'
		}
		return r
	}, strings.ToValidUTF8(text, "\u25a1"))
}
