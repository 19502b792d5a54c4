package export

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"

	"github.com/go-pdf/fpdf"
)

const maxPixels = 40_000_000 // of a chart

// drawing is a chart's picture in the document.
type drawing struct {
	name          string
	width, height float64
}

// drawing takes the picture of a chart into the document; nil for none.
func (p *printer) drawing(c *Chart) (*drawing, error) {
	if c == nil || len(c.PNG) == 0 {
		return nil, nil
	}
	config, err := png.DecodeConfig(bytes.NewReader(c.PNG))
	if err != nil {
		return nil, fmt.Errorf("read a chart: %w", err)
	}
	if config.Width == 0 || config.Height == 0 || config.Width > maxPixels/config.Height {
		return nil, errors.New("read a chart: its size cannot be")
	}
	file, by := c.PNG, 0
	for p.widths[config.Width+by] { // fpdf puts pictures of one width into no certain order
		by++
	}
	p.widths[config.Width+by] = true
	if by > 0 {
		if file, err = widened(c.PNG, by); err != nil {
			return nil, fmt.Errorf("read a chart: %w", err)
		}
	}
	name := fmt.Sprintf("chart%d", len(p.widths))
	p.pdf.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(file))
	if err := p.pdf.Error(); err != nil {
		return nil, fmt.Errorf("take a chart in: %w", err)
	}
	d := &drawing{name: name, width: content}
	d.height = content * float64(config.Height) / float64(config.Width)
	if tallest := bottom - edge - 40; d.height > tallest {
		d.width, d.height = d.width*tallest/d.height, tallest
	}
	return d, nil
}

// widened is the picture with columns added at the right that repeat its last.
func widened(file []byte, by int) ([]byte, error) {
	src, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	b := src.Bounds()
	bounds := image.Rect(0, 0, b.Dx()+by, b.Dy())
	var set func(x, y int, c color.Color)
	var dst image.Image
	if p, ok := src.(*image.Paletted); ok {
		out := image.NewPaletted(bounds, p.Palette)
		for y := range b.Dy() {
			row := out.Pix[y*out.Stride : (y+1)*out.Stride]
			n := copy(row, p.Pix[y*p.Stride:y*p.Stride+b.Dx()])
			for x := n; x < len(row); x++ {
				row[x] = row[n-1]
			}
		}
		dst = out
	} else {
		out := image.NewNRGBA(bounds)
		dst, set = out, out.Set
	}
	for y := 0; set != nil && y < b.Dy(); y++ {
		for x := range b.Dx() + by {
			set(x, y, src.At(b.Min.X+min(x, b.Dx()-1), b.Min.Y+y))
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, dst); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// place draws the picture and what is said below it.
func (p *printer) place(d drawing, c Chart) {
	words := c.Caption
	if words == "" {
		words = c.Alt
	}
	lines := p.fold(inkSoft(), oneLine(words), content, 6)
	p.need(d.height + inkSoft().line())
	p.pdf.ImageOptions(d.name, margin+(content-d.width)/2, p.y, d.width, d.height, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	p.y += d.height + 1
	p.write(inkSoft(), lines)
	p.y++
}
