package config_test

import (
	"slices"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
)

// Each secret may stand in a file; what is shown of it is where it comes from. Keys of certificates name a file anyway.
func TestSecretsFromFiles(t *testing.T) {
	for _, k := range config.Keys() {
		if !k.Secret || k.Map || strings.HasSuffix(k.Name, "private-key") || !k.Effective() || strings.HasPrefix(k.Name, "spring.cloud.config.") {
			continue
		}
		settings := file("secrets/one", "ge heim:\n").and(args("--"+k.Name+"=file:secrets/one", "--spring.security.user.password=x")).mustLoad(t)
		x := settings.Of(k)[0]
		if k.Name == "spring.security.user.password" {
			continue // the last argument wins
		}
		if x.Value.Text != "ge heim:" || x.Origin.String() != "secrets/one" || x.Shown(false) != "******" {
			t.Errorf("%s is %q of %s, shown as %s", k.Name, x.Value.Text, x.Origin, x.Shown(false))
		}
		if !slices.ContainsFunc(settings.Watched, func(name string) bool { return strings.HasSuffix(name, "/secrets/one") }) {
			t.Errorf("%s: watched are %q", k.Name, settings.Watched)
		}
	}
	for name, want := range map[string]string{
		"none": "no such file", "empty": "it is empty", "lines": "in one line", ".": "is a directory",
	} {
		_, err := file("empty", "\n").and(file("lines", "a\nb\n")).and(args("--spring.security.user.password=file:" + name)).load(t)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("file:%s: %v, want %s", name, err, want)
		}
	}
}

// A mounted tree is watched, other files of settings are not.
func TestWatchedTrees(t *testing.T) {
	settings := file("tree/spring.security.user.password", "x").and(file("tree/deep/er", "y")).and(file("application.properties", "server.port=1")).
		and(args("--spring.config.import=configtree:tree/")).mustLoad(t)
	var names []string
	for _, w := range settings.Watched {
		_, name, _ := strings.Cut(w, "/tree/")
		names = append(names, name)
	}
	if want := []string{"deep/er", "spring.security.user.password"}; !slices.Equal(names, want) {
		t.Errorf("watched are %q, want %q", names, want)
	}
}
