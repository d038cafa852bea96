package config_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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
	for i, k := range config.Keys() {
		for j, secret := range all {
			if testing.Short() && j != i%len(all) {
				continue
			}
			name, text := k.Name, secret
			switch {
			case k.Kind == config.URL || k.Kind == config.URLs:
				text = []string{"http://u:" + secret + "@h:8761/eureka/", "http://" + secret + "@h/", "http://a/,http://u:" + secret + "@h/", "dns+http://u:" + secret + "@h/"}[(i+j)%4]
			case !k.Secret && k.Name != "eureka.instance.metadata-map":
				continue
			}
			if k.Map {
				name += ".password"
			}
			for how, s := range map[string]source{
				"argument": args("--" + name + "=" + text), "environment": env(envName(name, "") + "=" + text),
				"properties":  file("application.properties", name+"="+strings.ReplaceAll(text, `\`, `\\`)),
				"placeholder": args("--"+name+"=${x.secret}", "--x.secret="+text), "bad placeholder": args("--" + name + "=" + text + "${"),
				"yaml": yamlFile(name + ": " + text), "broken yaml": yamlFile(name + ": \"" + text + "\n  x: ["), "json": env(`SPRING_APPLICATION_JSON={"` + name + `":"` + text + `"`),
				"other dash": args("-D" + name + "=" + text), "no dash": args(name + "=" + text), "mistyped": args("--" + name + "x=" + text),
			} {
				shown := told(t, s)
				if part := leaks(shown, secret); part != "" {
					for line := range strings.Lines(shown) {
						if strings.Contains(line, part) {
							t.Errorf("%s of %s=%s: %s", how, name, text, line)
							break
						}
					}
				}
			}
		}
	}
}
