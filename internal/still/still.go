// Package still draws a chart option as SVG or PNG without a browser, the same bytes for the same option.
package still

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"daybook/internal/fault"

	"golang.org/x/text/unicode/norm"
)

const (
	scale     = 2 // device pixels to a pixel of the option
	largest   = 4000
	timeLimit = 10 * time.Second
	// The six kinds of chart keep a whole process under 60 MB; this stops one that would take the machine.
	memoryLimit = 256 << 20
)

// Fonts are the bytes of two OpenType or TrueType faces of one family.
type Fonts struct {
	Regular []byte
	Bold    []byte // for weights of 600 and more
}

// Picture is a chart as a mail or a document holds it.
type Picture struct {
	PNG           []byte // opaque, on white
	Width, Height int    // of the PNG in pixels, twice what was asked for
	Missing       []rune // characters that no font has, drawn as boxes; in order, each once
}

// Renderer draws charts. It is never changed after New, and several goroutines may use it at once.
type Renderer struct {
	bytecode []byte
	setup    string // colours and advances, as the script takes them
	faces    faces
	timeout  time.Duration
	memory   uintptr
}

// New compiles the script that lays charts out (dist/still.js), which takes about a quarter of a second. Colors are the values
// of the tokens that an option may name, such as "--accent" → "#2156a2".
func New(bundle []byte, fonts Fonts, colors map[string]string) (*Renderer, error) {
	if len(bundle) == 0 || len(fonts.Regular) == 0 || len(fonts.Bold) == 0 {
		return nil, fault.New(fault.Missing, "the script or the fonts that draw stills are not in this binary", "run make build")
	}
	r := &Renderer{timeout: timeLimit, memory: memoryLimit}
	var err error
	if r.faces.regular, err = parseFace(fonts.Regular); err != nil {
		return nil, fmt.Errorf("read the regular font of stills: %w", err)
	}
	if r.faces.bold, err = parseFace(fonts.Bold); err != nil {
		return nil, fmt.Errorf("read the bold font of stills: %w", err)
	}
	setup, err := json.Marshal(map[string]any{
		"colors": colors,
		"faces":  map[string]any{"regular": r.faces.regular.table(), "bold": r.faces.bold.table()},
	})
	if err != nil {
		return nil, fmt.Errorf("write the colours and advances of stills: %w", err)
	}
	r.setup = string(setup)
	if r.bytecode, err = compile(string(bundle)); err != nil {
		return nil, fmt.Errorf("compile the script that draws stills: %w", err)
	}
	return r, nil
}

// SVG draws an option (JSON, with colour tokens and named formatters in it) at a width and height in pixels.
func (r *Renderer) SVG(ctx context.Context, option []byte, width, height int) ([]byte, error) {
	if width < 1 || height < 1 || width > largest || height > largest {
		return nil, fmt.Errorf("draw chart: %d x %d is not between 1 and %d pixels", width, height, largest)
	}
	// The fonts hold hangul as whole syllables; a browser puts decomposed ones together by itself.
	svg, err := r.run(ctx, norm.NFC.String(string(option)), width, height)
	if err != nil {
		return nil, fmt.Errorf("draw chart: %w", err)
	}
	return []byte(svg), nil
}

// PNG draws an option as a picture of twice the given size.
func (r *Renderer) PNG(ctx context.Context, option []byte, width, height int) (Picture, error) {
	svg, err := r.SVG(ctx, option, width, height)
	if err != nil {
		return Picture{}, err
	}
	img, missing, err := rasterize(svg, r.faces)
	if err != nil {
		return Picture{}, fmt.Errorf("paint chart: %w", err)
	}
	body, err := encode(img)
	if err != nil {
		return Picture{}, fmt.Errorf("write the chart's PNG: %w", err)
	}
	return Picture{PNG: body, Width: img.Rect.Dx(), Height: img.Rect.Dy(), Missing: missing}, nil
}
