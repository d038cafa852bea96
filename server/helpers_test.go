package server_test

import (
	"errors"
	"net"
	"testing"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
)

var errBroken = errors.New("listener is broken")

// brokenListener fails at once, as a listener does whose interface went away.
type brokenListener struct{}

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }

// connect returns the node as the named host of the cluster's network sees it. Unlike Node.Conn it is one exchange a call.
func connect(t *testing.T, n *heurekatest.Node, from string) *remote.Conn {
	t.Helper()
	transport := n.Cluster.Transport(from)
	t.Cleanup(transport.CloseIdleConnections)
	conn, err := remote.New(remote.Config{URL: n.URL, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
