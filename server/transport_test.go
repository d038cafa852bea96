package server

import (
	"net/http"
	"testing"
)

// Nodes talk to each other directly, whatever HTTP_PROXY says.
func TestPeersAreReachedDirectly(t *testing.T) {
	if tr := new(Config).peerTransport().(*http.Transport); tr.Proxy != nil {
		t.Error("peers are asked by way of a proxy")
	}
}
