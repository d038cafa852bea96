package config

import (
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// Options are where Load reads from. The zero value reads the files below the working directory and nothing else.
type Options struct {
	Args []string           // --key=value
	Env  []string           // NAME=value, as from os.Environ
	Dir  string             // where relative paths start; "" is the working directory
	Host func() spring.Host // how the machine calls itself, asked at most once; nil: spring.LocalHost

	Transport http.RoundTripper // to a config server; nil: one that obeys HTTP_PROXY
}

// Load reads all settings, in Spring Boot's order of precedence: arguments, SPRING_APPLICATION_JSON, environment
// variables, files of profiles, other files, defaults. The error joins all mistakes, each a *Mistake; see Mistakes.
func Load(o Options) (*Settings, error) {
	l := loader{options: o, env: environment(o.Env), warned: map[*Key]bool{}, refused: map[string]bool{}}
	l.readArguments()
	l.readEnvironment()
	l.readFiles()
	s := l.evaluate()
	return s, errors.Join(l.errs...)
}

type loader struct {
	options  Options
	env      map[string]string
	envLayer layer
	json     layer
	args     layer
	files    []layer
	profiles []string
	names    []string // of the files read
	resolver *expander
	warned   map[*Key]bool   // about having no effect
	watched  []string        // files that hold secrets
	refused  map[string]bool // groups of settings of security
	warnings []error
	errs     []error
}

func (l *loader) fail(err error)  { l.errs = append(l.errs, err) }
func (l *loader) warn(m *Mistake) { l.warnings = append(l.warnings, m) }
func (l *loader) newResolver(files []layer) *expander {
	envLayer := alignSubs(l.envLayer, slices.Concat(files, []layer{l.json, l.args}))
	return &expander{
		merged: merge(slices.Concat(files, []layer{envLayer, l.json, l.args})...),
		env:    l.env,
		used:   map[string]bool{},
	}
}

func (l *loader) readArguments() {
	b := newLayerBuilder()
	for _, arg := range l.options.Args {
		setting, ok := strings.CutPrefix(arg, "--")
		key, value, _ := strings.Cut(setting, "=")
		if !ok || key == "" {
			l.fail(&Mistake{Origin: Place{Source: Argument}, Problem: "unexpected " + withoutValue(arg), Hint: argumentHint(arg)})
			continue
		}
		b.add(parseName(key), property{Raw: key, Text: value, Origin: Place{Source: Argument}})
	}
	l.args = b.done()
}

// withoutValue keeps what may be a password out of messages.
func withoutValue(arg string) string {
	name, value, _ := strings.Cut(arg, "=")
	n := parseName(strings.TrimPrefix(strings.TrimPrefix(name, "--"), "-D"))
	switch {
	case value == "" || name == "--":
		return arg
	case n.key == nil:
		return name + "=..."
	}
	return name + "=" + n.key.masked(Value{Text: value, Sub: n.sub})
}

func argumentHint(arg string) string {
	if setting, ok := strings.CutPrefix(arg, "-D"); ok {
		return "write --" + withoutValue(setting)
	}
	return "write settings as --key=value"
}

// environment turns NAME=value lines into a map.
func environment(lines []string) map[string]string {
	m := make(map[string]string, len(lines))
	for _, line := range lines {
		if k, v, ok := strings.Cut(line, "="); ok && k != "" {
			m[k] = v
		}
	}
	return m
}

// envName reads the name of a variable. A number at its end is a list index only where there is an element 0 too: EU_WEST_1
// is more likely a region.
func (l *loader) envName(k string) name {
	n := parseEnvName(k, true)
	if n.index > 0 {
		first := strings.TrimSuffix(strings.TrimRight(k, "_"), strconv.Itoa(n.index)) + "0"
		_, plain := l.env[first]
		_, closed := l.env[first+"_"]
		if !plain && !closed && !strings.Contains(k, "[") {
			return parseEnvName(k, false)
		}
	}
	return n
}

func (l *loader) readEnvironment() {
	b := newLayerBuilder()
	for _, k := range slices.Sorted(maps.Keys(l.env)) {
		if !fromKubernetes(k, l.env[k]) {
			b.add(l.envName(k), property{Raw: k, Text: l.env[k], Origin: Place{Source: Environment, Name: k}})
		}
	}
	l.envLayer = b.done()
	l.json = layer{}
	text := l.env[springJSON]
	if p, ok := l.args["spring.application.json"]; ok {
		text = p.Text
	}
	docs, err := readYAML([]byte(text), Place{Source: JSON})
	if err != nil {
		l.fail(err)
	} else if len(docs) > 0 {
		l.json = docs[0].props
		if p := docs[0].imports; p.Text != "" {
			l.json[configImport] = p
		}
	}
}

// kubernetesService matches the variables that Kubernetes sets for every service of a namespace. A service with the
// likely name "eureka-server" yields EUREKA_SERVER_PORT=tcp://10.0.0.7:8761, which nobody meant as a setting.
var kubernetesService = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

func fromKubernetes(name, value string) bool {
	return kubernetesService.MatchString(name) ||
		strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// readFiles reads twice: a first pass without profiles finds the active ones; a second loads their files. A config
// server is asked last; profiles that it switches on count for nothing.
func (l *loader) readFiles() {
	r := l.newResolver(nil)
	files := &reader{dir: l.options.Dir, name: "application", read: map[string][]document{}}
	files.expand = func(p property) property { return l.expanded(r, p) }
	if p, ok := r.merged[configName]; ok {
		files.name = p.Text
	}
	groups := l.locations(r)
	r = l.newResolver(files.layers(groups, nil))
	profiles, err := activeProfiles(r)
	if err != nil {
		p := r.merged[profilesActive]
		l.fail(&Mistake{Origin: p.Origin, Key: "spring.profiles.active", Value: p.Text, Problem: err.Error()})
	}
	l.profiles = profiles
	l.files = files.layers(groups, profiles)
	l.askConfigServer(files, groups)
	l.names = files.files
	l.watched = append(l.watched, files.watched...)
	l.errs = append(l.errs, files.errs...)
	l.warnings = append(l.warnings, files.warnings...)
}

// askConfigServer reads the files once more, with what a config server says: where it is and whom to ask for stands in them.
func (l *loader) askConfigServer(files *reader, groups [][]location) {
	r := l.newResolver(l.files)
	loc, old := bootstrapServer(r)
	if !files.asksServer && !old {
		return
	}
	files.server = l.newConfigClient(r, l.profiles)
	l.files = files.layers(groups, l.profiles)
	if !files.asksServer {
		l.files = append(l.files, files.serverLayers(loc)...)
	}
}

// locations returns the groups of locations, which only arguments and the environment can change. What those import is
// stronger than all other files.
func (l *loader) locations(r *expander) [][]location {
	groups := parseLocations(property{Text: defaultLocations})
	if p, ok := r.merged[configLocation]; ok {
		groups = parseLocations(l.expanded(r, p))
	}
	if p, ok := r.merged[configAdditional]; ok {
		groups = append(groups, parseLocations(l.expanded(r, p))...)
	}
	if p, ok := r.merged[configImport]; ok { // those of files are read with them
		groups = append(groups, parseLocations(l.expanded(r, p))...)
	}
	return groups
}

func (l *loader) expanded(r *expander, p property) property {
	text, err := r.expand(p)
	if err != nil {
		l.fail(&Mistake{Origin: p.Origin, Key: p.Raw, Value: p.Text, Problem: err.Error()})
	}
	p.Text = text
	return p
}
