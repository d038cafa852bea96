package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configTree is the scheme of a directory whose files are settings: the name of each is a key, its content the value, as
// Kubernetes mounts secrets and config maps.
const configTree = "configtree"

// tree returns the settings of each directory that the location stands for, the strongest last.
func (r *reader) tree(loc location) []layer {
	paths := []string{r.abs(loc.path)}
	if strings.Contains(loc.path, "*") {
		paths, _ = filepath.Glob(r.abs(loc.path)) // sorted; a broken pattern matches nothing
	} else if info, err := os.Stat(paths[0]); err != nil || !info.IsDir() {
		r.missing(loc)
		return nil
	}
	var layers []layer
	for _, path := range paths {
		t := treeReader{reader: r, builder: newLayerBuilder()}
		t.directory(path, shorten(path, r.dir, loc.path), "")
		if l := t.builder.done(); len(l) > 0 {
			layers = append(layers, l)
		}
	}
	return layers
}

type treeReader struct {
	*reader
	builder *layerBuilder
	count   int
}

// directory adds the files of a directory, which is a part of a name itself unless it is the first. What begins with two
// dots is how Kubernetes keeps versions apart.
func (t *treeReader) directory(path, shown, prefix string) {
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		t.fail(&Mistake{Origin: Place{Source: File, Name: shown}, Problem: reason(err).Error()})
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		full, key, name := filepath.Join(path, e.Name()), join(prefix, e.Name()), filepath.Join(shown, e.Name())
		info, err := os.Stat(full) // through links
		if t.count++; t.count > maxProperties || strings.Count(key, ".") > maxDepth {
			t.fail(&Mistake{Origin: Place{Source: File, Name: shown}, Problem: "too many or too deeply nested properties"})
			return
		}
		switch {
		case err == nil && info.IsDir():
			t.directory(full, name, key)
		case err == nil && !info.Mode().IsRegular():
		default:
			t.file(full, key, name)
		}
	}
}

func (t *treeReader) file(path, key, shown string) {
	origin := Place{Source: File, Name: shown}
	data, err := readLimited(path)
	if err != nil {
		t.fail(&Mistake{Origin: origin, Problem: err.Error()})
		return
	}
	t.builder.add(parseName(key), property{Raw: key, Text: lineOf(data), Origin: origin})
	t.watched = append(t.watched, path)
	if !slices.Contains(t.files, shown) {
		t.files = append(t.files, shown)
	}
}
