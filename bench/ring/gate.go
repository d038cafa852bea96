package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// A gate is a TCP proxy that can be shut: connections break, and new ones are refused by closing them at once.
type gate struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	shut  bool
	first time.Time // connection since the gate was opened
	conns map[net.Conn]bool
}

func newGate(to string) (*gate, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{ln: ln, to: to, conns: map[net.Conn]bool{}}
	go g.serve()
	return g, nil
}

func (g *gate) addr() string { return g.ln.Addr().String() }

func (g *gate) close() {
	_ = g.ln.Close()
	g.set(true)
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.first = shut, time.Time{}
	if shut {
		for c := range g.conns {
			_ = c.Close()
		}
	}
}

// track remembers a connection; it closes it and reports false while the gate is shut.
func (g *gate) track(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		_ = c.Close()
		return false
	}
	g.conns[c] = true
	if g.first.IsZero() {
		g.first = time.Now()
	}
	return true
}

// since returns when the first connection came after the gate was opened; zero if none has.
func (g *gate) since() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}

func (g *gate) forget(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	_ = c.Close()
}

// serve ends when the gate is closed.
func (g *gate) serve() {
	for {
		in, err := g.ln.Accept()
		if err != nil {
			return
		}
		if g.track(in) {
			go g.pass(in)
		}
	}
}

func (g *gate) pass(in net.Conn) {
	defer g.forget(in)
	out, err := net.Dial("tcp", g.to)
	if err != nil || !g.track(out) {
		return
	}
	defer g.forget(out)
	go func() {
		defer g.forget(in)
		_, _ = io.Copy(in, out) // ends when either side does
	}()
	_, _ = io.Copy(out, in)
}
