package config

import (
	"errors"
	"path/filepath"
	"strings"

	"heureka.internal/heureka/internal/outbound"
)

// filePrefix before the value of a secret says that it stands in a file.
const filePrefix = "file:"

// fromFile reports whether a secret may be file: and a path. Some may anyway, and are read where they are used.
func (k *Key) fromFile(sub string) bool {
	switch {
	case !k.Secret || strings.HasSuffix(k.Name, "private-key"):
		return false
	case k.Map:
		return outbound.IsSecretName(sub)
	}
	return true
}

// secretIn returns the secret that stands in a file, without the end of its line.
func (l *loader) secretIn(path string) (string, error) {
	path = strings.TrimPrefix(path, "//")
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.options.Dir, path)
	}
	l.watched = append(l.watched, path)
	data, err := readLimited(path)
	if err != nil {
		return "", errors.New("a file that can be read: " + err.Error())
	}
	text := lineOf(data)
	switch {
	case text == "": // as when somebody is writing it at the moment
		return "", errors.New("a file with a secret: it is empty")
	case strings.Contains(text, "\n"):
		return "", errors.New("a file with a secret in one line")
	}
	return text, nil
}

// lineOf is the content of a file without one end of line.
func lineOf(data []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
}
