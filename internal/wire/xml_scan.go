package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// An xmlScanner reads XML element by element. Like scanner it does nothing once err is set. Names are taken as they are
// written, so that a colon in a metadata key is no name space.
type xmlScanner struct {
	dec   *xml.Decoder
	depth int
	buf   []byte // the last text
	err   *SyntaxError
}

func newXMLScanner(body []byte) *xmlScanner {
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF"))))
	dec.CharsetReader = charset
	return &xmlScanner{dec: dec}
}

// charset returns the rest of a document in UTF-8 that says it is written in another encoding.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "utf8":
		return in, nil
	case "iso-8859-1":
		latin1, err := io.ReadAll(in)
		var b []byte
		for _, c := range latin1 {
			b = utf8.AppendRune(b, rune(c))
		}
		return bytes.NewReader(b), err
	}
	return nil, fmt.Errorf("unknown encoding %s", label)
}

func (x *xmlScanner) failure() error {
	if x.err == nil {
		return nil
	}
	return x.err
}

func (x *xmlScanner) fail(msg string) {
	if x.err == nil {
		x.err = x.complaint(msg)
	}
}

func (x *xmlScanner) complaint(msg string) *SyntaxError {
	return &SyntaxError{Offset: x.dec.InputOffset(), Msg: msg}
}

// next returns the next start tag, end tag or text. Comments and processing instructions are passed over; directives
// are refused, for a DOCTYPE can do harm (W-XDEC-1).
func (x *xmlScanner) next() xml.Token {
	for x.err == nil {
		tok, err := x.dec.RawToken()
		if err != nil {
			x.fail(describe(err))
			break
		}
		switch tok.(type) {
		case xml.Directive:
			x.fail("directives such as DOCTYPE are not allowed")
		case xml.StartElement, xml.EndElement, xml.CharData:
			return tok
		}
	}
	return nil
}

func describe(err error) string {
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return syntax.Msg
	}
	if err == io.EOF {
		return "unexpected end"
	}
	return err.Error()
}

// root returns the start tag of the document.
func (x *xmlScanner) root() xml.StartElement {
	for {
		switch tok := x.next().(type) {
		case xml.StartElement:
			return tok
		case xml.CharData:
			if len(bytes.TrimSpace(tok)) == 0 {
				continue
			}
			x.fail("text before the root element")
		case xml.EndElement:
			x.fail("end tag before the root element")
		}
		return xml.StartElement{}
	}
}

// end reads what comes after the root: white space, comments and processing instructions are allowed.
func (x *xmlScanner) end() {
	for x.err == nil {
		tok, err := x.dec.RawToken()
		if err == io.EOF {
			return
		}
		if err != nil {
			x.fail(describe(err))
			return
		}
		switch tok := tok.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(tok)) > 0 {
				x.fail("text after the root element")
			}
		default:
			x.fail("something after the root element")
		}
	}
}

// children yields the start tag of each child of parent; the loop must read the child to its end. Text between children
// is dropped.
func (x *xmlScanner) children(parent xml.StartElement) iter.Seq[xml.StartElement] {
	return func(yield func(xml.StartElement) bool) {
		x.content(parent, func(xml.CharData) {}, yield)
	}
}

// text returns the text directly inside an element, valid until the next read. Elements in it are skipped.
func (x *xmlScanner) text(element xml.StartElement) []byte {
	x.buf = x.buf[:0]
	x.content(element,
		func(t xml.CharData) { x.buf = append(x.buf, t...) },
		func(child xml.StartElement) bool { x.skip(child); return true })
	return x.buf
}

// skip reads to the end of an element.
func (x *xmlScanner) skip(element xml.StartElement) {
	for child := range x.children(element) {
		x.skip(child)
	}
}

// content reads to the end of an element and hands out what is in it.
func (x *xmlScanner) content(element xml.StartElement, text func(xml.CharData), child func(xml.StartElement) bool) {
	if x.depth == maxDepth {
		x.fail("nested too deeply")
	}
	x.depth++
	defer func() { x.depth-- }()
	for {
		switch tok := x.next().(type) {
		case nil:
			return
		case xml.CharData:
			text(tok)
		case xml.StartElement:
			if !child(tok) {
				return
			}
		case xml.EndElement:
			if tok.Name != element.Name {
				x.fail("element " + fullName(element.Name) + " closed by " + fullName(tok.Name))
			}
			return
		}
	}
}

// fullName is a name as it was written.
func fullName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// maxAttributes is how many attributes a tag may have. The protocol has one; the decoder keeps all of a tag at a time.
const maxAttributes = 64

// checkTags refuses a document that has a tag with very many attributes, before they take memory.
func checkTags(body []byte) error {
	for i := 0; i < len(body); {
		open := bytes.IndexByte(body[i:], '<')
		if open < 0 {
			return nil
		}
		i += open
		if end, other := notATag(body[i:]); other {
			i += end
			continue
		}
		n, end := attributes(body[i:])
		if n > maxAttributes {
			return &SyntaxError{Offset: int64(i), Msg: "element with very many attributes"}
		}
		i += end
	}
	return nil
}

// notATag returns the length of what begins like a tag and is none: a comment, CDATA, a processing instruction.
func notATag(b []byte) (end int, is bool) {
	for _, pair := range [...][2]string{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if bytes.HasPrefix(b, []byte(pair[0])) {
			if n := bytes.Index(b[len(pair[0]):], []byte(pair[1])); n >= 0 {
				return len(pair[0]) + n + len(pair[1]), true
			}
			return len(b), true
		}
	}
	return 0, false
}

// attributes counts the attributes of the tag that b begins with, and returns its length.
func attributes(b []byte) (n, end int) {
	var quote byte
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '=':
			n++
		case c == '>':
			return n, i + 1
		}
	}
	return n, len(b)
}
