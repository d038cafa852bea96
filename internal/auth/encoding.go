package auth

import (
	"encoding/base64"
	"strings"
)

// decode takes a Basic credential apart.
func decode(encoded string) (name, password string, ok bool) {
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}
