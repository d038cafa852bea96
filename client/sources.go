package client

import (
	"fmt"
	"io"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// Environ makes a source for ParseConfig of environment variables in the form of os.Environ. EUREKA_CLIENT_REGION and
// EUREKA_CLIENT_SERVICEURL_DEFAULTZONE are how such names look; keys of maps are in lower case.
func Environ(env []string) map[string]any {
	source := make(map[string]any, len(env))
	for _, e := range env {
		key, value, ok := strings.Cut(e, "=")
		if !ok || key == "" {
			continue
		}
		if key == strings.ToUpper(key) {
			key = strings.ToLower(key)
		}
		source[key] = value
	}
	return source
}

// Properties makes a source for ParseConfig of a file in Java's properties format, such as application.properties or
// eureka-client.properties: lines of key=value, key:value or key value, comments with # and !, continued lines, escapes.
// The text is taken as UTF-8. Documents that are for a profile (spring.config.activate.on-profile below a line #---) are
// left out.
func Properties(r io.Reader) (map[string]any, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	props, err := spring.ParseProperties(string(text))
	if err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	conditional := make(map[int]bool)
	for _, p := range props {
		if spring.Same(p.Key, "spring.config.activate.on-profile") || spring.Same(p.Key, "spring.profiles") {
			conditional[p.Document] = true
		}
	}
	source := make(map[string]any, len(props))
	for _, p := range props {
		if !conditional[p.Document] {
			source[p.Key] = p.Value
		}
	}
	return source, nil
}
