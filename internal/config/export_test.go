package config

import (
	"fmt"

	"heureka.internal/heureka/server"
)

// UsedText returns the field that a key sets as the text of the setting, and whether there is such a field.
func UsedText(k *Key, c server.Config, sub string) (string, bool) {
	if k.field == nil {
		return "", false
	}
	return k.textOf(&c, sub), true
}

// Canonical makes texts equal that mean the same number.
func Canonical(k *Key, text string) string {
	v, err := k.parse(text)
	if err != nil || k.Kind != Span && k.Kind != Size && k.Kind != Float {
		return text
	}
	return fmt.Sprint(v.Int, v.Float, v.Duration)
}
