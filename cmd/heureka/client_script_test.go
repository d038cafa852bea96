package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"heureka/heurekatest"
)

// TestClientScripts runs the commands that talk to servers. Each story of testdata/client has a server of its own, at
// $EUREKA_SERVER_URL, and another one at $OTHER; $DEAD is a URL where nobody listens.
func TestClientScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/client",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv(serverVariable, heurekatest.NewServer(t).URL)
			e.Setenv("OTHER", heurekatest.NewServer(t).URL)
			dead := heurekatest.NewServer(t)
			dead.Stop()
			e.Setenv("DEAD", dead.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus,
			"http":   scriptHTTP,
		},
	})
}
