package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"daybook/internal/fault"
)

// xmlDepth bounds elements within elements, and xmlElements those of a record, each of which takes much more memory than its text.
const (
	xmlDepth    = 100
	xmlElements = 1 << 18
)

// xmlRecords reads the elements of one name from an object.
type xmlRecords struct {
	run      *run
	to       taker
	of       Object
	object   int
	encoding string // for people
	element  []string
	text     *xmlText
	bounded  *bounded
	decoder  *xml.Decoder
	path     []string // the open elements
	out      []byte
}

// xml hands on the elements that records: names, as objects of the declared columns. Only the object is read: no entities but the five of XML and
// none that the object declares.
func (r *run) xml(ctx context.Context, to taker, o Object, object int, in io.Reader) error {
	if r.job.Source.Records == "" {
		return fault.New(fault.Invalid, fmt.Sprintf("%s is XML and does not say which element is a record", r.job.Source.Name), "write records: with the element's name in "+r.job.Source.File)
	}
	reader := bufio.NewReaderSize(in, 1<<16)
	if mark, err := reader.Peek(len(bom)); err == nil && bytes.Equal(mark, bom) {
		_, _ = reader.Discard(len(bom)) // just peeked
	}
	encoding, err := xmlEncoding(reader, r.job.Source.Encoding, o)
	if err != nil {
		return err
	}
	in = reader
	if encoding != r.job.Source.Encoding { // which is decoded already
		if in, err = decoded(encoding, o, reader); err != nil {
			return err
		}
	}
	text := newXMLText(in)
	x := &xmlRecords{run: r, to: to, of: o, object: object, encoding: encoding, element: strings.Split(r.job.Source.Records, "."), text: text, bounded: &bounded{from: text, left: maxRecord}}
	x.decoder = xml.NewDecoder(x.bounded)
	x.decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is UTF-8 by now
	return x.read(ctx)
}

// token is the next token; io.EOF at the end of the object.
func (x *xmlRecords) token() (xml.Token, error) {
	token, err := x.decoder.RawToken()
	if err == nil || errors.Is(err, io.EOF) || x.bounded.err != nil {
		return token, err
	}
	return nil, fault.Wrap(fault.Damaged, err, x.of.Name+" is no whole XML", "fetch it again, or look at what the source answered")
}

// xmlEncoding is the source's, or what the declaration at the object's beginning says.
func xmlEncoding(in *bufio.Reader, declared string, o Object) (string, error) {
	head, err := in.Peek(256)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	m := regexp.MustCompile(`^\s*<\?xml[^>]*encoding\s*=\s*["']([^"']+)["']`).FindSubmatch(head)
	if declared == cp949Name || m == nil {
		return declared, nil
	}
	switch label := strings.ToLower(string(m[1])); label {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return declared, nil
	case "euc-kr", "euckr", "cp949", "ms949", "uhc", "windows-949", "ks_c_5601-1987", "ksc5601":
		return cp949Name, nil
	default:
		return "", fault.New(fault.Invalid, fmt.Sprintf("%s is XML in %s", o.Name, label), "only UTF-8 and EUC-KR or CP949 can be read")
	}
}

// bounded ends with bufio.ErrTooLong when more is read than one token or record may have.
type bounded struct {
	from io.Reader
	left int
	err  error // of the reading, but for its end
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = bufio.ErrTooLong
		return 0, b.err
	}
	n, err := b.from.Read(p)
	b.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

func (x *xmlRecords) read(ctx context.Context) error {
	for {
		x.bounded.left = maxRecord
		offset, line := x.decoder.InputOffset(), x.line()
		token, err := x.token()
		if errors.Is(err, io.EOF) {
			if len(x.path) > 0 {
				return damaged(x.of, io.ErrUnexpectedEOF)
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := x.start(t.Name); err != nil {
				return err
			}
			if !x.isRecord() {
				continue
			}
			node, err := x.node(t)
			if err != nil {
				return err
			}
			if err := x.hand(ctx, node, offset, line); err != nil {
				return err
			}
		case xml.EndElement:
			if err := x.end(t.Name); err != nil {
				return err
			}
		case xml.CharData:
			if len(x.path) == 0 && len(bytes.TrimSpace(t)) > 0 {
				return fault.New(fault.Damaged, fmt.Sprintf("%s has text outside of elements at line %d: %.60q", x.of.Name, line, t), "look at what the source answered")
			}
		}
	}
}

func (x *xmlRecords) line() int64 {
	line, _ := x.decoder.InputPos()
	return int64(line)
}

func (x *xmlRecords) start(n xml.Name) error {
	if x.path = append(x.path, qualified(n)); len(x.path) > xmlDepth {
		return fault.New(fault.Damaged, fmt.Sprintf("%s has elements nested more than %d deep at line %d", x.of.Name, xmlDepth, x.line()), "look at what the source answered")
	}
	return nil
}

func (x *xmlRecords) end(n xml.Name) error {
	last := len(x.path) - 1
	if last < 0 || x.path[last] != qualified(n) {
		return fault.New(fault.Damaged, fmt.Sprintf("%s closes %s at line %d, which is not open", x.of.Name, n.Local, x.line()), "look at what the source answered")
	}
	x.path = x.path[:last]
	return nil
}

func qualified(n xml.Name) string { return n.Space + ":" + n.Local }

// isRecord reports whether the elements that are open end with those that records: names.
func (x *xmlRecords) isRecord() bool {
	if len(x.path) < len(x.element) {
		return false
	}
	return slices.EqualFunc(x.path[len(x.path)-len(x.element):], x.element, func(open, name string) bool {
		_, local, _ := strings.Cut(open, ":")
		return local == name
	})
}

// node reads an element to its end.
func (x *xmlRecords) node(first xml.StartElement) (*xmlNode, error) {
	root := newXMLNode(first)
	open, elements := []*xmlNode{root}, 0
	for len(open) > 0 {
		token, err := x.token()
		if errors.Is(err, io.EOF) {
			return nil, damaged(x.of, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
		in := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if err := x.start(t.Name); err != nil {
				return nil, err
			}
			if elements++; elements > xmlElements {
				return nil, fault.New(fault.Damaged, fmt.Sprintf("%s has a record of more than %d elements at line %d", x.of.Name, xmlElements, x.line()), "is records: the right element?")
			}
			child := newXMLNode(t)
			in.children = append(in.children, child)
			open = append(open, child)
		case xml.EndElement:
			if err := x.end(t.Name); err != nil {
				return nil, err
			}
			open = open[:len(open)-1]
		case xml.CharData:
			in.text = append(in.text, t...)
		}
	}
	return root, nil
}

// hand hands a record on, unless something in it could not be decoded.
func (x *xmlRecords) hand(ctx context.Context, node *xmlNode, from, line int64) error {
	x.out = x.run.xmlObject(x.out[:0], node)
	if bad, ok := x.text.between(from, x.decoder.InputOffset()); ok {
		return x.to.reject(ctx, x.object, line, notText(x.encoding, bad.line, bad.column), string(x.out[:min(len(x.out), rejected)]))
	}
	x.run.shape.element(node)
	return x.to.json(ctx, x.object, line, 1, x.out)
}
