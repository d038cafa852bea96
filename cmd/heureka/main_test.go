package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	os.Setenv("XDG_CONFIG_HOME", filepath.Join(os.TempDir(), "no-contexts-of-heureka")) // those of whoever runs the tests do not count
	testscript.Main(m, map[string]func(){"heureka": main})
}

// TestScripts runs the program as users do: testdata/script holds one story a file. Beside testscript's own commands there
// are those of script_test.go; a name that testscript has itself, such as stop, would mean its own.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^(! )?stop\b`).Match(text) {
			t.Errorf("%s: stop ends the script, not a server; that does end", name)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Setup:         setupStory,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":       scriptStatus,
			"await":        scriptAwait,
			"certificates": scriptCertificates,
			"start":        scriptStart,
			"end":          scriptEnd,
			"ended":        scriptEnded,
			"signal":       scriptSignal,
			"http":         scriptHTTP,
			"begin":        scriptBegin,
			"finish":       scriptFinish,
			"occupy":       scriptOccupy,
		},
	})
}
