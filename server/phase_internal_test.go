package server

import (
	"testing"
	"time"
)

// What the start still has to say when the node is open, or stops, closes it to no reader.
func TestPhasesGoForward(t *testing.T) {
	p := newPhases(Config{ServiceURLs: map[string][]string{"defaultZone": {"http://b:8761/eureka/"}}})
	p.set(Waiting, "nobody answers", time.Time{})
	if p.readsAllowed() || !p.open("everybody came", time.Time{}, time.Time{}) || !p.readsAllowed() {
		t.Fatal("the node does not open")
	}
	p.set(Waiting, "too late", time.Time{})
	if now, why, _ := p.current(); now != Open || why != "everybody came" {
		t.Errorf("the node is %s: %s", now, why)
	}
	p.stopping()
	p.set(Syncing, "too late", time.Time{})
	if now, _, _ := p.current(); now != Stopping || p.open("too late", time.Time{}, time.Time{}) {
		t.Errorf("the node is %s", now)
	}
}
