package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// TestClientScripts runs the commands that talk to servers. Each story of testdata/client has a server of its own, at
// $EUREKA_SERVER_URL, and another one at $OTHER, which $NO_PATH and $TLS miss narrowly; $DEAD is a URL where nobody listens,
// and the peer of the server at $RING; the server at $ACTIONS allows operators to act.
func TestClientScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/client",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv(serverVariable, heurekatest.NewServer(t).URL)
			other := heurekatest.NewServer(t).URL
			e.Setenv("OTHER", other)
			e.Setenv("NO_PATH", strings.TrimSuffix(other, "eureka/"))
			e.Setenv("TLS", strings.Replace(other, "http:", "https:", 1))
			dead := heurekatest.NewServer(t)
			dead.Stop()
			e.Setenv("DEAD", dead.URL)
			ring := heurekatest.NewServer(t, func(cfg *server.Config) {
				cfg.ServiceURLs = map[string][]string{"defaultZone": {dead.URL}}
				cfg.WaitTimeWhenSyncEmpty, cfg.SyncRetries = -1, -1
			})
			e.Setenv("RING", ring.URL)
			e.Setenv("ACTIONS", heurekatest.NewServer(t, func(cfg *server.Config) { cfg.Actions = true }).URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus,
			"http":   scriptHTTP,
			"await":  scriptAwait,
		},
	})
}
