package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/spring"
)

// defaultLocations are where Spring Boot looks outside of a jar, the strongest last. Semicolons keep them in one group:
// a profile's file anywhere in it beats application.yml anywhere in it.
const defaultLocations = "optional:./;optional:./config/;optional:./config/*/"

// A location is one place named by spring.config.location or spring.config.import.
type location struct {
	path     string // as written
	format   string // ".yml" where the name does not say, from a hint such as .env[.properties]
	optional bool
	scheme   string // "" for files, else what cannot be read here, such as "classpath"
	asked    property
}

func parseLocation(text string, asked property) location {
	loc := location{asked: asked}
	text = strings.TrimSpace(text)
	text, loc.optional = strings.CutPrefix(text, "optional:")
	if i := strings.IndexByte(text, ':'); i > 1 { // one letter is a drive
		loc.scheme, text = text[:i], text[i+1:]
	}
	if loc.scheme == "file" {
		loc.scheme, text = "", strings.TrimPrefix(text, "//")
	}
	if base, hint, ok := strings.Cut(text, "["); ok && strings.HasSuffix(hint, "]") {
		text, loc.format = base, strings.TrimSuffix(hint, "]")
	}
	loc.path = text
	return loc
}

// parseLocations returns the groups of locations in the value of p.
func parseLocations(p property) [][]location {
	var groups [][]location
	for _, group := range spring.SplitList(p.Text) {
		var locs []location
		for piece := range strings.SplitSeq(group, ";") {
			locs = append(locs, parseLocation(piece, p))
		}
		groups = append(groups, locs)
	}
	return groups
}

// A reader reads configuration files, each once.
type reader struct {
	dir     string // what relative paths start from
	name    string // "application"
	read    map[string][]document
	expand  func(property) property // resolves placeholders in imports, from outside of files
	files   []string                // in the order of reading
	watched []string                // of mounted trees

	server     *configClient // nil while nobody is to be asked
	asksServer bool          // an import would have asked
	warnings   []error
	errs       []error
}

// bootstrapName is what Spring Cloud calls the files that it reads before all others, and which are weaker than those.
// Many an Eureka server has some or all of its settings there.
const bootstrapName = "bootstrap"

// layers returns the documents that are active with these profiles, the strongest last. Without profiles, which is while
// they are not known yet, conditional documents and files of profiles are left out.
func (r *reader) layers(groups [][]location, profiles []string) []layer {
	return append(r.named(bootstrapName, groups, profiles), r.named(r.name, groups, profiles)...)
}

// named returns what layers does of the files with this name. Files that a location names itself are there with every
// name; that they come twice changes nothing.
func (r *reader) named(name string, groups [][]location, profiles []string) []layer {
	var layers []layer
	for _, group := range groups {
		for _, suffix := range append([]string{""}, profiles...) {
			for _, loc := range group {
				if special := r.special(loc.scheme); special != nil {
					if suffix == "" {
						layers = append(layers, special(loc)...)
					}
					continue
				}
				for _, path := range r.candidates(loc, name, suffix) {
					layers = append(layers, r.file(path, loc, profiles, 0)...)
				}
			}
		}
	}
	return layers
}

// special returns what reads a location of a scheme that is not about files with settings, or nil.
func (r *reader) special(scheme string) func(location) []layer {
	switch scheme {
	case configTree:
		return r.tree
	case configServer:
		return r.serverLayers
	}
	return nil
}

// candidates returns the files of a location that exist, the strongest last. Profile is "" for none.
func (r *reader) candidates(loc location, name, profile string) []string {
	if loc.scheme != "" {
		r.skip(loc)
		return nil
	}
	dirs := r.directories(loc)
	if dirs == nil {
		return r.singleFile(loc, profile)
	}
	var found []string
	for _, dir := range slices.DeleteFunc(dirs, r.closed) {
		for _, ext := range []string{".yaml", ".yml", ".properties"} {
			path := filepath.Join(dir, name+suffix(profile)+ext)
			if r.exists(path) {
				found = append(found, path)
			}
		}
	}
	return found
}

func suffix(profile string) string {
	if profile == "" {
		return ""
	}
	return "-" + profile
}

// directories returns the directories that the location stands for, or nil if it is a file.
func (r *reader) directories(loc location) []string {
	if strings.Contains(loc.path, "*") {
		dirs := []string{}
		matches, _ := filepath.Glob(r.abs(loc.path)) // sorted; a broken pattern matches nothing
		for _, match := range matches {
			if info, err := os.Stat(match); err == nil && info.IsDir() {
				dirs = append(dirs, shorten(match, r.dir, loc.path))
			}
		}
		return dirs
	}
	info, err := os.Stat(r.abs(loc.path))
	switch {
	case err == nil && info.IsDir():
		return []string{loc.path}
	case err != nil && strings.HasSuffix(loc.path, "/"):
		r.missing(loc)
		return []string{}
	}
	return nil
}

// closed reports whether the directory may not be looked into, which is one mistake and not one for each file name.
func (r *reader) closed(dir string) bool {
	_, err := os.Stat(r.abs(dir) + "/.")
	if errors.Is(err, fs.ErrPermission) {
		r.fail(&Mistake{Origin: Place{Source: File, Name: dir}, Problem: reason(err).Error()})
	}
	return errors.Is(err, fs.ErrPermission)
}

// shorten takes the directory off again that a relative path had been put into.
func shorten(path, dir, pattern string) string {
	if filepath.IsAbs(pattern) {
		return path
	}
	return strings.TrimPrefix(path, dir+"/")
}

func (r *reader) singleFile(loc location, profile string) []string {
	path := loc.path
	if profile != "" {
		ext := filepath.Ext(path)
		path = strings.TrimSuffix(path, ext) + suffix(profile) + ext
	}
	if r.exists(path) {
		return []string{path}
	}
	if profile == "" {
		r.missing(loc)
	}
	return nil
}

func (r *reader) missing(loc location) {
	if loc.optional {
		return
	}
	r.fail(&Mistake{Origin: loc.asked.Origin, Key: loc.asked.Raw, Value: loc.path,
		Problem: "no such file or directory", Hint: "write optional: in front of what may be missing"})
}

// skip tells that a location cannot be read, which is only a warning where it is optional anyway.
func (r *reader) skip(loc location) {
	m := &Mistake{Origin: loc.asked.Origin, Key: loc.asked.Raw, Value: outbound.Masked(loc.scheme + ":" + loc.path),
		Problem: "heureka reads files only", Hint: "put the settings into a file, or into environment variables"}
	if loc.optional || loc.scheme == "classpath" {
		r.warn(m)
		return
	}
	r.fail(m)
}

func (r *reader) warn(m *Mistake) { r.warnings = appendNew(r.warnings, m) }
func (r *reader) fail(m *Mistake) { r.errs = appendNew(r.errs, m) }

// appendNew drops what was said before: files are walked through once without and once with profiles.
func appendNew(errs []error, m *Mistake) []error {
	if slices.ContainsFunc(errs, func(e error) bool { return e.Error() == m.Error() }) {
		return errs
	}
	return append(errs, m)
}

func (r *reader) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, path)
}

func (r *reader) exists(path string) bool {
	_, err := os.Stat(r.abs(path))
	return !errors.Is(err, fs.ErrNotExist)
}

// file returns the active documents of a file, each followed by what it imports, which is stronger.
func (r *reader) file(path string, loc location, profiles []string, depth int) []layer {
	docs, ok := r.read[path]
	if !ok {
		docs = r.parse(path, loc)
		r.read[path] = docs
	}
	var layers []layer
	for _, d := range docs {
		if !d.active(profiles) {
			continue
		}
		layers = append(layers, d.props)
		imports := r.expand(d.imports)
		for _, text := range spring.SplitList(imports.Text) {
			layers = append(layers, r.imported(text, imports, path, profiles, depth)...)
		}
	}
	return layers
}

func (r *reader) imported(text string, asked property, from string, profiles []string, depth int) []layer {
	loc := parseLocation(text, asked)
	if special := r.special(loc.scheme); special != nil {
		return special(loc)
	}
	if loc.scheme != "" {
		r.skip(loc)
		return nil
	}
	if depth > 8 {
		r.fail(&Mistake{Origin: asked.Origin, Key: asked.Raw, Value: text, Problem: "want imports without a cycle"})
		return nil
	}
	path := loc.path
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	if !r.exists(path) {
		r.missing(loc)
		return nil
	}
	return r.file(path, loc, profiles, depth+1)
}

// parse reads the file and notes it.
func (r *reader) parse(path string, loc location) []document {
	origin := Place{Source: File, Name: path}
	data, err := readLimited(r.abs(path))
	if err != nil {
		r.fail(&Mistake{Origin: origin, Problem: err.Error()})
		return nil
	}
	format := loc.format
	if format == "" {
		format = filepath.Ext(path)
	}
	parse := readYAML
	switch format {
	case ".properties":
		parse = readProperties
	case ".yml", ".yaml", ".json":
	default:
		r.fail(&Mistake{Origin: origin, Problem: "want a file that ends in .yml, .yaml or .properties"})
		return nil
	}
	docs, err := parse(data, origin)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	r.files = append(r.files, path)
	return docs
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, reason(err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MB", maxFileBytes>>20)
	}
	return data, nil
}

// reason drops the path from an error of the file system: the message begins with it anyway.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
