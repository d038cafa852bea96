package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// allFormats are those of commands that list things.
var allFormats = []string{"table", "wide", "json", "yaml", "name"}

// A printer prints results in the format that was asked for.
type printer struct {
	w      io.Writer
	format string
	colour bool
	bare   bool // tables have no head
}

func newPrinter(w io.Writer, format string) *printer {
	return &printer{w: w, format: format, colour: hasColours(w)}
}

// hasColours reports whether w is a terminal that shows colours to somebody who wants them.
func hasColours(w io.Writer) bool {
	return onTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("CLICOLOR") != "0" && os.Getenv("TERM") != "dumb"
}

func onTerminal(w any) bool {
	if g, ok := w.(guard); ok {
		w = g.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

func (o *printer) wide() bool { return o.format == "wide" }

// machine prints doc, a JSON document, as JSON or YAML. It reports whether one of these was asked for.
func (o *printer) machine(doc []byte) (bool, error) {
	switch o.format {
	case "json":
		return true, writeJSON(o.w, doc)
	case "yaml":
		return true, writeYAML(o.w, doc)
	}
	return false, nil
}

// value is machine for a value that has yet to become JSON.
func (o *printer) value(v any) (bool, error) {
	if o.format != "json" && o.format != "yaml" {
		return false, nil
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return true, err
	}
	return o.machine(doc)
}

func writeJSON(w io.Writer, doc []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, doc, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

// writeYAML keeps the order of the members. It does not read JSON as YAML, which has no control characters even between quotes:
// one bad record would be an error for all.
func writeYAML(w io.Writer, doc []byte) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	n, err := yamlNode(d)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return err
	}
	return enc.Close()
}

// yamlNode reads a value of d. Text that would be read as something else, or has control characters, gets quotes: the encoder
// sees to it.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return yamlContainer(d, v)
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}, nil
}

func yamlContainer(d *json.Decoder, opened json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if opened == '{' {
		n.Kind = yaml.MappingNode
	}
	for d.More() {
		member, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, member)
	}
	_, err := d.Token()
	return n, err
}

// asJSON turns YAML into JSON, and leaves JSON as it is. Text that YAML would take for a number, a time or a truth value has
// quotes where writeYAML wrote it.
func asJSON(doc []byte) ([]byte, error) {
	if begins := bytes.TrimSpace(doc); len(begins) == 0 || begins[0] == '{' {
		return doc, nil
	}
	var v any
	if err := yaml.Unmarshal(doc, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// registryJSON is the document of GET /eureka/apps.
func registryJSON(apps *heureka.Applications) []byte {
	form := wire.Form{Format: wire.JSON}
	b := form.AppendDocHead(nil, apps.Version, apps.Hash)
	for i, app := range apps.Apps {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		b = appendApp(form.AppendAppHead(b, app.Name), form, app)
		b = form.AppendAppTail(b)
	}
	return form.AppendDocTail(b, apps.Version, apps.Hash)
}

func appendApp(b []byte, form wire.Form, app *heureka.Application) []byte {
	for i, in := range app.Instances {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		b = form.AppendInstance(b, in, in.Lease)
	}
	return b
}

func instanceJSON(in *heureka.Instance) []byte { return wire.JSON.AppendSingle(nil, in, in.Lease) }

// table prints rows below a head, in columns. Cells may have colours.
func (o *printer) table(head []string, rows [][]string) error {
	if head != nil && !o.bare {
		rows = append([][]string{head}, rows...)
	}
	var b strings.Builder
	columns := widths(rows)
	for _, row := range rows {
		b.WriteString(strings.TrimRight(line(row, columns), " ") + "\n")
	}
	_, err := io.WriteString(o.w, b.String())
	return err
}

func widths(rows [][]string) []int {
	var w []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(w) {
				w = append(w, 0)
			}
			w[i] = max(w[i], ansi.StringWidth(cell))
		}
	}
	return w
}

func line(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		b.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)+2))
	}
	return b.String()
}

// lines prints one name a line.
func (o *printer) lines(names []string) error {
	for _, n := range names {
		if _, err := fmt.Fprintln(o.w, n); err != nil {
			return err
		}
	}
	return nil
}

func (o *printer) say(format string, args ...any) error {
	_, err := fmt.Fprintf(o.w, format+"\n", args...)
	return err
}

var statusColors = map[heureka.Status]ansi.BasicColor{
	heureka.StatusUp: ansi.Green, heureka.StatusDown: ansi.Red, heureka.StatusOutOfService: ansi.Yellow, heureka.StatusStarting: ansi.Cyan,
	heureka.StatusUnknown: ansi.BrightBlack,
}

func (o *printer) status(s heureka.Status) string {
	return o.styled(ansi.NewStyle().ForegroundColor(statusColors[s]), s.String())
}

// good colours text green or red.
func (o *printer) good(ok bool, text string) string {
	s := heureka.StatusDown
	if ok {
		s = heureka.StatusUp
	}
	return o.styled(ansi.NewStyle().ForegroundColor(statusColors[s]), text)
}

func (o *printer) styled(style ansi.Style, text string) string {
	if !o.colour || text == "" {
		return text
	}
	return style.Styled(text)
}

// printable keeps text from the network from steering the terminal, or from showing in another order than it has.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, s)
}
