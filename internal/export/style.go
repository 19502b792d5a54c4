package export

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// look is what a cell looks like.
type look struct {
	pattern                  string
	title, note, head, right bool
}

// palette makes each style of a workbook once: excelize searches all of them for every new one.
type palette struct {
	file *excelize.File
	made map[look]int
}

func (p *palette) style(l look) (int, error) {
	if id, ok := p.made[l]; ok {
		return id, nil
	}
	s := &excelize.Style{}
	switch {
	case l.title:
		s.Font = &excelize.Font{Bold: true, Size: 14}
	case l.note:
		s.Font = &excelize.Font{Color: "595959"}
	case l.head:
		s.Font = &excelize.Font{Bold: true}
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"F2F2F2"}}
		s.Border = []excelize.Border{{Type: "bottom", Color: "A6A6A6", Style: 1}}
		s.Alignment = &excelize.Alignment{Vertical: "center"}
		if l.right {
			s.Alignment.Horizontal = "right"
		}
	case l.pattern == "General":
	default:
		s.CustomNumFmt = &l.pattern
	}
	id, err := p.file.NewStyle(s)
	if err != nil {
		return 0, err
	}
	p.made[l] = id
	return id, nil
}

// parcel is a ZIP archive whose files are written by name when it is closed: excelize hands them over in no certain order. Its files
// have no time.
type parcel struct {
	*zip.Writer
	files map[string]*bytes.Buffer
}

func sorted(w io.Writer) excelize.ZipWriter {
	return &parcel{Writer: zip.NewWriter(w), files: map[string]*bytes.Buffer{}}
}

func (p *parcel) Create(name string) (io.Writer, error) {
	p.files[name] = &bytes.Buffer{}
	return p.files[name], nil
}

// AddFS implements excelize.ZipWriter, which does not use it for a new workbook.
func (p *parcel) AddFS(fsys fs.FS) error { return p.Writer.AddFS(fsys) }

func (p *parcel) Close() error {
	names := make([]string, 0, len(p.files))
	for name := range p.files {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		w, err := p.Writer.Create(name)
		if err != nil {
			return err
		}
		if _, err := w.Write(p.files[name].Bytes()); err != nil {
			return err
		}
	}
	return p.Writer.Close()
}

// place puts first what programs that look at the beginning of a file tell a workbook by.
func place(name string) int {
	switch name {
	case "[Content_Types].xml":
		return 0
	case "_rels/.rels":
		return 1
	}
	return 2
}
