package config_test

import (
	"os"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
)

// The page of limits is what the table says; HEUREKA_UPDATE=1 writes it anew.
func TestLimitsDoc(t *testing.T) {
	const name = "../../docs/limits.md"
	want := config.LimitsDoc()
	if os.Getenv("HEUREKA_UPDATE") != "" {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("docs/limits.md is not what the table says (%v): HEUREKA_UPDATE=1 go test -run LimitsDoc ./internal/config", err)
	}
}

// Whoever adds a limit says what happens beyond it.
func TestEveryLimitIsOnThePage(t *testing.T) {
	doc := config.LimitsDoc()
	for _, k := range config.Keys() {
		if strings.HasPrefix(k.Name, "heureka.limits.") && !strings.Contains(doc, "`"+k.Name+"`") {
			t.Errorf("%s is not in docs/limits.md", k.Name)
		}
	}
	for _, l := range config.Limits() {
		if l.Answer == "" || l.Counter == "" {
			t.Errorf("%s: no answer or no counter", l.Name)
		}
	}
}
