package server_test

import (
	"errors"
	"net"
)

var errBroken = errors.New("listener is broken")

// brokenListener fails at once, as a listener does whose interface went away.
type brokenListener struct{}

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }
