package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"heureka.internal/heureka/internal/spring"
)

// evaluate turns the merged properties into settings and notes every mistake.
func (l *loader) evaluate() *Settings {
	host := l.options.Host
	if host == nil {
		host = spring.LocalHost
	}
	s := &Settings{Profiles: l.profiles, Files: l.names, set: map[string]Setting{}, host: sync.OnceValue(host), table: table}
	l.resolver = l.newResolver(l.files)
	l.resolver.fallback = s.fallback
	byKey := map[*Key][]string{}
	var unknown []string
	for _, canonical := range slices.Sorted(maps.Keys(l.resolver.merged)) {
		if n := parseName(canonical); n.key != nil {
			byKey[n.key] = append(byKey[n.key], canonical)
		} else {
			unknown = append(unknown, canonical)
		}
	}
	for _, k := range table.keys {
		for _, canonical := range effectiveNames(k, byKey[k]) {
			l.setting(s, k, canonical)
		}
	}
	l.checkLoggers(s)
	l.checkUnknown(s, unknown)
	l.checkTLS(s)
	l.checkCertificates(s)
	l.dropAcknowledged(s)
	l.checkDNS(s)
	s.Warnings = l.warnings
	slices.Sort(l.watched)
	s.Watched = slices.Compact(l.watched)
	return s
}

// effectiveNames drops aliases of what is set by its own name.
func effectiveNames(k *Key, canonicals []string) []string {
	if k.Map || len(canonicals) < 2 {
		return canonicals
	}
	return []string{slices.MinFunc(canonicals, func(a, b string) int {
		return cmp.Compare(slices.Index(k.names(), a), slices.Index(k.names(), b))
	})}
}

// setting reads one setting into s.
func (l *loader) setting(s *Settings, k *Key, canonical string) {
	p := l.resolver.merged[canonical]
	text, err := l.resolver.expand(p)
	if err != nil {
		l.malformed(k, canonical, p, p.Text, err)
		return
	}
	if text == "" && (!k.Map || k.Kind == URL || k.Kind == Enum) { // such as ${MY_URL:}: left at its default
		return
	}
	if path, ok := strings.CutPrefix(text, filePrefix); ok && k.fromFile(parseName(canonical).sub) {
		shown := text
		if text, err = l.secretIn(path); err != nil {
			l.fail(&Mistake{Origin: p.Origin, Key: canonical, Value: shown, Problem: "want " + err.Error()})
			return
		}
		p.Origin = Place{Source: File, Name: path}
	}
	v, err := k.parse(text)
	if err != nil {
		l.malformed(k, canonical, p, text, err)
		return
	}
	if k.Effective() && k.showsMask(v, canonical) {
		l.fail(&Mistake{Origin: p.Origin, Key: canonical, Value: text, Problem: "the password is only a mask", Hint: "heureka config --show-secrets prints the real one"})
		return
	}
	full := k.Name
	if k.Map {
		v.Sub = strings.TrimPrefix(canonical, k.Name+".")
		full = canonical
	}
	s.set[full] = Setting{Key: k, Name: full, Value: v, Origin: p.Origin}
	if def, _ := k.parse(k.Default); !k.Effective() && v.Text != def.Text && !l.warned[k] && !l.acknowledged(full, "") {
		l.warned[k] = true
		l.warn(&Mistake{Origin: p.Origin, Key: full, Problem: k.Inert})
	}
}

func (l *loader) malformed(k *Key, canonical string, p property, text string, err error) {
	problem := err.Error()
	if !strings.HasPrefix(problem, "want ") {
		problem = "want " + problem
	}
	m := &Mistake{Origin: p.Origin, Key: canonical, Value: k.masked(Value{Text: text, Sub: parseName(canonical).sub}), Problem: problem}
	if (k.Kind == URL || k.Kind == URLs) && slices.ContainsFunc(spring.SplitList(text), brokenByPassword) {
		m.Hint = "reserved characters in a password must be percent-encoded"
	}
	l.fail(m)
}

// checkUnknown judges names outside of the table.
func (l *loader) checkUnknown(s *Settings, canonicals []string) {
	for _, canonical := range canonicals {
		p := l.resolver.merged[canonical]
		if f := familyOf(canonical); f != nil {
			l.inFamily(f, canonical)
			continue
		}
		if l.resolver.used[canonical] || isSwitch(canonical) {
			continue
		}
		near := Nearest(canonical)
		switch severity(canonical, p.Origin.Source, near != nil) {
		case fatal:
			l.fail(noSuchSetting(p, near))
		case warning:
			l.warn(noSuchSetting(p, near))
		case unused:
			s.Unused = append(s.Unused, Unused{Name: p.Raw, Origin: p.Origin})
		}
	}
}

func noSuchSetting(p property, near *Key) *Mistake {
	m := &Mistake{Origin: p.Origin, Key: p.Raw, Problem: "no such setting"}
	inEnvironment := p.Origin.Source == Environment
	if inEnvironment {
		m.Key = "" // the origin says it
	}
	switch {
	case near != nil && inEnvironment:
		m.Hint = "did you mean " + near.EnvName() + "?"
	case near != nil:
		m.Hint = "did you mean " + near.Usage() + "?"
	default:
		m.Hint = "heureka config --all lists the settings"
	}
	return m
}

type level uint8

const (
	silent level = iota
	unused       // counted
	warning
	fatal
)

// severity says what an unknown name means. The environment is shared with other programs, so there only what looks like
// a mistyped setting counts. Java ignores what it does not know below eureka, so that must not keep a node from starting;
// heureka's own names, and arguments that look like settings of ours, were meant for nobody else.
func severity(canonical string, source Source, near bool) level {
	first, _, dotted := strings.Cut(canonical, ".")
	ours := first == "eureka" || first == "heureka"
	switch {
	case source == Environment && !near:
		return silent
	case first == "heureka", source == Argument && (ours || near || !dotted && !slices.Contains(debugging, first)):
		return fatal
	case ours, near && first == "server":
		return warning
	case source == Environment:
		return silent
	}
	return unused
}

// debugging are the words that Spring Boot takes without a dot.
var debugging = []string{"debug", "trace"}

// checkDNS demands what a lookup of peers needs.
func (l *loader) checkDNS(s *Settings) {
	const enabled = "eureka.client.use-dns-for-fetching-service-urls"
	if !s.Bool(enabled) {
		return
	}
	for _, need := range []struct{ key, what string }{
		{"eureka.client.eureka-server-d-n-s-name", "the domain below which peers are listed"},
		{"eureka.client.eureka-server-port", "the port of the peers"},
	} {
		if s.Text(need.key) == "" {
			l.fail(&Mistake{Origin: s.set[enabled].Origin, Key: need.key, Problem: "want " + need.what + ", since " + enabled + " is on"})
		}
	}
}
