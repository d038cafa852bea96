package config

import (
	"errors"

	"heureka.internal/heureka/internal/spring"
)

// readProperties reads all documents of a .properties text.
func readProperties(data []byte, origin Place) ([]document, error) {
	props, err := spring.ParseProperties(string(data))
	if err != nil {
		if e, ok := errors.AsType[*spring.SyntaxError](err); ok {
			origin.Line = e.Line
			err = errors.New(e.Problem)
		}
		return nil, &Mistake{Origin: origin, Problem: "not a valid properties file: " + err.Error()}
	}
	var docs []document
	for len(props) > 0 {
		b, n := newLayerBuilder(), 0
		for ; n < len(props) && props[n].Document == props[0].Document; n++ {
			at := origin
			at.Line = props[n].Line
			b.add(parseName(props[n].Key), property{Raw: props[n].Key, Text: props[n].Value, Origin: at})
		}
		docs, props = append(docs, newDocument(b.done())), props[n:]
	}
	return docs, nil
}
