package registry_test

import (
	"testing"

	"heureka.internal/heureka/internal/registry"
)

// A record is whose who registered it, until somebody registers a later one.
func TestOwner(t *testing.T) {
	w := newWorld(t, registry.Config{})
	by := func(name string) registry.Origin { return registry.Origin{Principal: name} }
	told := func(name string) registry.Origin {
		return registry.Origin{By: registry.ByPeer, Principal: "node", Owner: name}
	}
	for _, tt := range []struct {
		what   string
		dirty  int64
		origin registry.Origin
		want   string
	}{
		{"nobody", 1000, by(""), ""},
		{"the same record, by somebody", 1000, by("zoe"), "zoe"},
		{"the same again by somebody else", 1000, by("ann"), "zoe"},
		{"an older one", 999, by("ann"), "zoe"},
		{"a peer that does not know", 1000, told(""), "zoe"},
		{"a peer that knows somebody else", 1000, told("bob"), "bob"},
		{"and another", 1000, told("cid"), "bob"},
		{"a later one", 1001, by("ann"), "ann"},
		{"a later one from a Java server", 1002, told(""), ""},
		{"a later one from a node", 1003, told("cid"), "cid"},
		{"a later one of nobody", 1004, by(""), ""},
		{"the last", 1005, by("ann"), "ann"},
	} {
		if _, err := w.Register(instance("x", dirty(tt.dirty)), tt.origin, w.now); err != nil {
			t.Fatal(err)
		}
		if got := w.find("x").Owner(); got != tt.want {
			t.Errorf("%s: it is %q's, want %q's", tt.what, got, tt.want)
		}
	}
	if _, err := w.SetMetadata(key("x"), nil, by("operator"), w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.SetOverride(key("x"), 2, 0, by("operator"), w.now); err != nil {
		t.Fatal(err)
	}
	if got := w.find("x").Owner(); got != "ann" {
		t.Errorf("what others change of it makes it %q's", got)
	}
	before := w.Digest()
	for _, e := range entries(w.Registry, w.now) {
		if e.Owner != "ann" {
			t.Errorf("an entry of %q's", e.Owner)
		}
		e.Owner = "aaa"
		w.changes = nil
		if w.Merge(e, w.now) || len(w.changes) > 0 || w.Digest() != before || w.find("x").Owner() != "aaa" {
			t.Errorf("merging the same record of %q's: %d changes, then it is %q's", e.Owner, len(w.changes), w.find("x").Owner())
		}
	}
	if err := w.Cancel(key("x"), by("ann"), w.now); err != nil {
		t.Fatal(err)
	}
	if ch := w.changes[len(w.changes)-1]; ch.Record.Owner() != "aaa" {
		t.Errorf("the last record is %q's", ch.Record.Owner())
	}
	if _, err := w.Register(instance("x", dirty(1005)), by("bob"), w.now); err != nil || w.find("x").Owner() != "bob" {
		t.Errorf("after the cancellation it is %q's, %v", w.find("x").Owner(), err)
	}
}
