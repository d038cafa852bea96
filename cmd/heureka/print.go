package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

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
}

func newPrinter(w io.Writer, format string) *printer {
	return &printer{w: w, format: format, colour: hasColours(w)}
}

// hasColours reports whether w is a terminal that shows colours to somebody who wants them.
func hasColours(w io.Writer) bool {
	return onTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("CLICOLOR") != "0" && os.Getenv("TERM") != "dumb"
}

func onTerminal(w any) bool {
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

// writeYAML keeps the order of the members: JSON is YAML, of which only the style is changed.
func writeYAML(w io.Writer, doc []byte) error {
	var n yaml.Node
	if err := yaml.Unmarshal(doc, &n); err != nil {
		return err
	}
	plainStyle(&n)
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&n); err != nil {
		return err
	}
	return enc.Close()
}

// plainStyle drops the style of JSON. Text that would be read as something else keeps its quotes: the encoder sees to it.
func plainStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plainStyle(c)
	}
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
	if head != nil {
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
	if onTerminal(o.w) { // a pipe gets names as they are
		names = slices.Clone(names)
		for i := range names {
			names[i] = printable(names[i])
		}
	}
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
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, s)
}
