package client

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
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
// The text is taken as UTF-8.
func Properties(r io.Reader) (map[string]any, error) {
	source := make(map[string]any)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continues(line) && lines.Scan() {
			line = line[:len(line)-1] + strings.TrimLeft(lines.Text(), " \t\f")
		}
		key, value := splitProperty(line)
		k, err := unescapeProperty(key)
		if err != nil {
			return nil, err
		}
		if source[k], err = unescapeProperty(value); err != nil {
			return nil, fmt.Errorf("property %s: %w", k, err)
		}
	}
	return source, lines.Err()
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// splitProperty cuts at the first blank, "=" or ":" that is not escaped.
func splitProperty(line string) (key, value string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			value = strings.TrimLeft(line[i:], " \t\f")
			if value != "" && (value[0] == '=' || value[0] == ':') {
				value = strings.TrimLeft(value[1:], " \t\f")
			}
			return line[:i], value
		}
	}
	return line, ""
}

// unescapeProperty resolves backslashes; one before an ordinary character vanishes.
func unescapeProperty(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if len(s) < i+5 {
				return "", fmt.Errorf(`\u needs four digits in %q`, s)
			}
			n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return "", fmt.Errorf(`\u needs four digits in %q`, s)
			}
			b.WriteRune(rune(n))
			i += 4
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
