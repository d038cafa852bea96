package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits against files that are not meant as configuration, and against aliases that expand without end.
const (
	maxFileBytes  = 4 << 20
	maxProperties = 20_000
	maxDepth      = 64
)

// A document is one part of a file: YAML separates them by ---, properties files by #---.
type document struct {
	props     layer
	condition string // spring.config.activate.on-profile; "" is always active
	imports   property
}

// readYAML reads all documents of a YAML (or JSON) text. Bytes that are not UTF-8, mostly in comments, are replaced, as
// Spring does.
func readYAML(data []byte, origin Place) ([]document, error) {
	var docs []document
	dec := yaml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(data, []byte("\uFFFD"))))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, yamlError(data, origin, err)
		}
		f := flattener{builder: newLayerBuilder(), origin: origin}
		if err := f.document(&node); err != nil {
			return nil, err
		}
		docs = append(docs, newDocument(f.builder.done()))
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// filtered matches a value that Maven or Gradle would have put in while building the application.
var filtered = regexp.MustCompile(`(?m)^[^#\n]*: +(@[\w.-]+@)`)

// yamlError moves the line from the parser's words to the origin.
func yamlError(data []byte, origin Place, err error) error {
	msg, hint := err.Error(), ""
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		msg = msg[len(m[0]):]
		origin.Line, _ = strconv.Atoi(m[1])
	}
	if m := filtered.FindSubmatch(data); m != nil {
		hint = fmt.Sprintf("%s is replaced when the Java application is built: write the value itself", m[1])
	}
	return &Mistake{Origin: origin, Problem: "not valid YAML: " + msg, Hint: hint}
}

// A flattener turns nested YAML into properties with dotted names.
type flattener struct {
	builder *layerBuilder
	origin  Place
	count   int
}

func (f *flattener) document(node *yaml.Node) error {
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	if node.Kind == yaml.MappingNode {
		return f.mapping("", node, 0)
	}
	if node.Tag == "!!null" {
		return nil
	}
	return f.mistake(node, "want lines such as server.port: 8761")
}

func (f *flattener) mistake(node *yaml.Node, format string, args ...any) error {
	origin := f.origin
	origin.Line = node.Line
	return &Mistake{Origin: origin, Problem: fmt.Sprintf(format, args...)}
}

// value adds what node holds under the name path.
func (f *flattener) value(path string, node *yaml.Node, depth int) error {
	if f.count++; f.count > maxProperties || depth > maxDepth {
		return f.mistake(node, "too many or too deeply nested properties")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return f.value(path, node.Alias, depth+1)
	case yaml.MappingNode:
		return f.mapping(path, node, depth+1)
	case yaml.SequenceNode:
		return f.sequence(path, node, depth+1)
	}
	text := node.Value
	if node.Tag == "!!null" {
		text = ""
	}
	origin := f.origin
	origin.Line = node.Line
	f.builder.add(parseName(path), property{Raw: path, Text: text, Origin: origin})
	return nil
}

// mapping adds a mapping. What << merges in comes first, so that the mapping's own keys win.
func (f *flattener) mapping(path string, node *yaml.Node, depth int) error {
	if depth > maxDepth {
		return f.mistake(node, "too deeply nested properties")
	}
	seen := map[string]int{}
	for own := range 2 {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, val := node.Content[i], node.Content[i+1]
			merged := key.Tag == "!!merge"
			if merged == (own == 1) {
				continue
			}
			if line, ok := seen[key.Value]; ok && !merged {
				return f.mistake(key, "%s is there twice, first in line %d", join(path, key.Value), line)
			}
			seen[key.Value] = key.Line
			if err := f.pair(path, key, val, merged, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *flattener) pair(path string, key, val *yaml.Node, merged bool, depth int) error {
	switch {
	case merged && val.Kind == yaml.SequenceNode:
		for _, part := range val.Content {
			if err := f.value(path, part, depth); err != nil {
				return err
			}
		}
		return nil
	case merged:
		return f.value(path, val, depth)
	case key.Kind != yaml.ScalarNode:
		return f.mistake(key, "want a name before the colon")
	}
	return f.value(join(path, key.Value), val, depth)
}

func (f *flattener) sequence(path string, node *yaml.Node, depth int) error {
	if len(node.Content) == 0 {
		return f.value(path, &yaml.Node{Kind: yaml.ScalarNode, Line: node.Line}, depth)
	}
	for i, item := range node.Content {
		if err := f.value(path+"["+strconv.Itoa(i)+"]", item, depth); err != nil {
			return err
		}
	}
	return nil
}

// join appends a key to a path. A list index in brackets needs no dot.
func join(path, key string) string {
	if path == "" || strings.HasPrefix(key, "[") {
		return path + key
	}
	return path + "." + key
}
