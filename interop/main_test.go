//go:build interop

package interop

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// heurekaGen is the generation name of our own server; the others are the Spring
// Cloud lines of the reference server.
const heurekaGen = "heureka"

// target is the generation of the server under test. INTEROP_SERVER=2025 or 2021
// puts the reference server there instead, which validates the tests themselves.
var target = heurekaGen

func TestMain(m *testing.M) {
	flag.Parse()
	if gen := os.Getenv("INTEROP_SERVER"); gen != "" {
		target = gen
	}
	if err := prepareAll(); err != nil {
		fmt.Fprintf(os.Stderr, "interop: error: %v\n", err)
		os.Exit(1)
	}
	code := m.Run()
	whole := code == 0 && !some() && os.Getenv("INTEROP_NIGHTLY") != "" && target == heurekaGen
	if err := checkClientsDoc(whole); err != nil {
		fmt.Fprintf(os.Stderr, "interop: error: %v\n", err)
		code = 1
	}
	os.Exit(code)
}

// some reports whether only some of the tests are asked for.
func some() bool {
	return flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != ""
}

// prepareAll builds every fixture before the tests' time limit starts to count.
// When only some tests are asked for, they build what they need themselves.
func prepareAll() error {
	if some() {
		return nil
	}
	for _, prepare := range []func() (string, error){
		heurekaBinary, previousBinary, javaFixtures, pythonFixture, nodeFixture, goFixture, prometheusBinary,
	} {
		if _, err := prepare(); err != nil {
			return err
		}
	}
	return nil
}
