// Tests of somebody else that run a registry.
package outsider

import (
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

func TestRegister(t *testing.T) {
	srv := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.ContextPath = "/registry" })
	c, err := client.New(client.Config{Servers: []string{srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	in := &heureka.Instance{App: "ORDERS", ID: "1", HostName: "h", IPAddr: "192.0.2.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter}
	if err := c.API().Register(t.Context(), in); err != nil || !srv.Has("orders", "1") {
		t.Errorf("Register = %v; listed: %t", err, srv.Has("orders", "1"))
	}
}
