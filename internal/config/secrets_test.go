package config_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
)

// secrets returns passwords with every character that means something in a URL, in YAML, or in a placeholder. Any half of one
// betrays it.
func secrets(t *testing.T) (all []string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range `/?#@:%+ ,;&="'<>\{}[]$!é` {
		all = append(all, fmt.Sprintf("geh%dxq%ceim%dxq", rng.IntN(1000), c, rng.IntN(1000)))
	}
	for _, digits := range []string{"12/%dxq", "12?%dxq", "12#%dxq", "/%dxq", "12,%dxq"} { // what stands before may be a port
		all = append(all, fmt.Sprintf(digits, 1000+rng.IntN(1000)))
	}
	return all
}

// leaks returns a part of a secret that stands in text.
func leaks(text, secret string) string {
	for _, part := range strings.FieldsFunc(secret, func(r rune) bool { return r < '0' || r > '9' && r < 'a' || r > 'z' }) {
		if len(part) > 4 && strings.Contains(text, part) {
			return part
		}
	}
	return ""
}

// told is all that a person is shown of settings.
func told(t *testing.T, s source) string {
	t.Helper()
	settings, err := s.load(t)
	var b bytes.Buffer
	b.WriteString(strings.Join(problems(settings, err), "\n"))
	for _, write := range []func() error{
		func() error { return settings.WriteTable(&b, config.View{Inert: true}) }, func() error { return settings.WriteYAML(&b, config.View{Inert: true}) },
		func() error { return settings.WriteJSON(&b, config.View{Inert: true}) }, func() error { return settings.WriteUnused(&b) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range config.Keys() {
		if err := settings.WriteKey(&b, k, config.View{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range args().mustLoad(t).Differences(settings) {
		fmt.Fprintln(&b, d.From, d.To)
	}
	return b.String()
}

// No part of a password is shown, whatever setting it stands in, from wherever it comes, however wrong it is.
func TestSecretsAreNotTold(t *testing.T) {
	all := secrets(t)
	ways := map[string]func(name, text string) source{
		"argument":    func(name, text string) source { return args("--" + name + "=" + text) },
		"environment": func(name, text string) source { return env(envName(name, "") + "=" + text) },
		"properties": func(name, text string) source {
			return file("application.properties", name+"="+strings.ReplaceAll(text, `\`, `\\`))
		},
		"placeholder":     func(name, text string) source { return args("--"+name+"=${x.secret}", "--x.secret="+text) },
		"bad placeholder": func(name, text string) source { return args("--" + name + "=" + text + "${") },
		"yaml":            func(name, text string) source { return yamlFile(name + ": " + text) },
		"broken yaml":     func(name, text string) source { return yamlFile(name + ": \"" + text + "\n  x: [") },
		"json":            func(name, text string) source { return env(`SPRING_APPLICATION_JSON={"` + name + `":"` + text + `"`) },
		"other dash":      func(name, text string) source { return args("-D" + name + "=" + text) },
		"no dash":         func(name, text string) source { return args(name + "=" + text) },
		"mistyped":        func(name, text string) source { return args("--" + name + "x=" + text) },
	}
	for i, k := range config.Keys() {
		for w, how := range slices.Sorted(maps.Keys(ways)) {
			secret := all[(i+w)%len(all)] // each key each way, with one secret or another
			name, text := k.Name, secret
			switch {
			case k.Kind == config.URL || k.Kind == config.URLs:
				text = []string{"http://u:" + secret + "@h:8761/eureka/", "http://" + secret + "@h/", "http://a/,http://u:" + secret + "@h/", "dns+http://u:" + secret + "@h/"}[(i+w/4)%4]
			case !k.Secret && k.Name != "eureka.instance.metadata-map":
				continue
			}
			if k.Map {
				name += ".password"
			}
			shown := told(t, ways[how](name, text))
			part := leaks(shown, secret)
			if part == "" {
				continue
			}
			for line := range strings.Lines(shown) {
				if strings.Contains(line, part) {
					t.Errorf("%s of %s=%s: %s", how, name, text, line)
					break
				}
			}
		}
	}
}
