package export

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/go-pdf/fpdf"

	"daybook/internal/text"
)

// Doc is what a printed edition holds. All its texts are written as readers see them; the document formats nothing.
type Doc struct {
	Title    string
	Subtitle string // the day in words
	Banner   string // what is wrong with this edition, empty when nothing is
	KPIs     []KPI
	Sections []Section
	MaxRows  int                   // of a table; 0 is 12
	More     func(rest int) string // "… and 88 more", below a table that shows no more rows
	Link     string                // the permalink: an http or https address, clickable
	Edition  string                // "edition 1"
	Hash     string                // of the figures
	Author   string
	Locale   text.Locale
	Created  time.Time // when the edition was built; no clock is asked
	Fonts    Fonts
}

// Fonts are the bytes of TrueType files (not OpenType with PostScript outlines). A character that a font lacks is drawn as a box.
type Fonts struct {
	Regular, SemiBold []byte
}

// KPI is a figure at the top.
type KPI struct {
	Label, Value string
	Changes      []string // one line each
}

// Section is a part of the report: whatever of text, chart and table it has, in this order.
type Section struct {
	Title, Subtitle string
	Text            string // paragraphs are parted by line ends
	Chart           *Chart
	Table           *Table
}

// Chart is a drawing. Its caption stands below it, or where there is none its alternative text, so that the numbers can be read and found.
type Chart struct {
	PNG          []byte
	Alt, Caption string
}

// Table is rows of words.
type Table struct {
	Heads []Head
	Rows  [][]string
	Count int // of rows in all, where Rows holds only the first of them
}

// Head is the head of a column.
type Head struct {
	Text  string
	Right bool // the column's cells stand to the right
}

// Sizes in millimetres on A4, and of type in points.
const (
	pageWidth    = 210.0
	pageHeight   = 297.0
	margin       = 15.0 // left and right
	edge         = 12.0 // above and below
	footerHeight = 11.0
	content      = pageWidth - 2*margin
	bottom       = pageHeight - edge - footerHeight
	defaultRows  = 12
	pointSize    = 25.4 / 72
)

// PDF writes the document on A4 pages with a footer of permalink, edition, hash and page. A font that cannot be used or a chart that is
// no PNG is an error.
func PDF(w io.Writer, d Doc) error {
	p, err := newPrinter(d)
	if err != nil {
		return err
	}
	p.opening()
	p.kpis(d.KPIs)
	for _, s := range d.Sections {
		if err := p.section(s); err != nil {
			return fmt.Errorf("print section %s: %w", oneLine(s.Title), err)
		}
	}
	p.footers()
	if err := p.pdf.Output(w); err != nil {
		return fmt.Errorf("write a PDF: %w", err)
	}
	return nil
}

// printer lays a document out from top to bottom.
type printer struct {
	doc    Doc
	pdf    *fpdf.Fpdf
	faces  map[weight]*face
	y      float64 // where the next thing goes
	widths map[int]bool
	link   string // the permalink, empty when it is none
}

func newPrinter(d Doc) (*printer, error) {
	p := &printer{doc: d, faces: map[weight]*face{}, widths: map[int]bool{}, link: pageAddress(d.Link)}
	if p.doc.MaxRows <= 0 {
		p.doc.MaxRows = defaultRows
	}
	p.pdf = fpdf.New("P", "mm", "A4", "")
	p.pdf.SetCatalogSort(true)
	p.pdf.SetAutoPageBreak(false, 0)
	p.pdf.SetMargins(margin, edge, margin)
	p.pdf.SetCellMargin(0)
	created := d.Created.UTC()
	if d.Created.IsZero() {
		created = time.Unix(0, 0).UTC() // a document without a time would get the clock's
	}
	p.pdf.SetCreationDate(created)
	p.pdf.SetModificationDate(created)
	p.pdf.SetProducer("Daybook", true)
	p.pdf.SetTitle(property(d.Title), true)
	p.pdf.SetSubject(property(d.Subtitle), true)
	p.pdf.SetAuthor(property(d.Author), true)
	p.pdf.SetLang(string(text.ParseLocale(string(d.Locale))))
	for w, file := range map[weight][]byte{regular: d.Fonts.Regular, semiBold: d.Fonts.SemiBold} {
		f, err := newFace(file)
		if err != nil {
			return nil, fmt.Errorf("use the %s font: %w", w, err)
		}
		p.faces[w] = f
	}
	p.pdf.AddUTF8FontFromBytes(family, string(regular), d.Fonts.Regular)
	p.pdf.AddUTF8FontFromBytes(family, string(semiBold), d.Fonts.SemiBold)
	if err := p.pdf.Error(); err != nil {
		return nil, fmt.Errorf("load the fonts: %w", err)
	}
	p.newPage()
	return p, nil
}

// property is a text for the document's properties, of characters that fpdf can spell there.
func property(s string) string {
	return capped(oneLine(strings.Map(func(r rune) rune {
		if r > 0xffff || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)), 255)
}

// pageAddress is a link that may be clicked, in ASCII; empty for what is no address of a page.
func pageAddress(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	s := u.String()
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}

func (p *printer) newPage() {
	p.pdf.AddPage()
	p.y = edge
}

// need starts a new page where less than height is left of this one.
func (p *printer) need(height float64) {
	if p.y+height > bottom && p.y > edge {
		p.newPage()
	}
}
