package replication_test

import (
	"slices"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// A command that changes nothing is not queued: it would undo at its destination what was said there since. It is said all the same.
func TestNoOpsAreNotQueued(t *testing.T) {
	reg, err := registry.New(registrytest.Config(registry.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	var queued []wire.ReplicationAction
	w := replication.Writes{
		Registry: reg, Now: time.Now, Queue: func(a wire.ReplicationAction, _ heureka.Key, _ time.Time) { queued = append(queued, a) },
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := keyOf("1")
	must(w.Register(instance("1"), registry.FromClient))
	set := func(s heureka.Status) func() error {
		return func() error { return w.SetOverride(key, s, 0, registry.FromClient) }
	}
	clear := func() error { return w.ClearOverride(key, heureka.StatusUp, 0, registry.FromClient) }
	for _, command := range []func() error{
		set(heureka.StatusUp), clear, set(heureka.StatusOutOfService), set(heureka.StatusOutOfService), clear, clear,
	} {
		before := reg.Digest()
		must(command())
		if reg.Digest() == before {
			t.Error("a command left no trace: an earlier one of another node would win")
		}
	}
	if want := []wire.ReplicationAction{wire.Register, wire.StatusUpdate, wire.DeleteStatusOverride}; !slices.Equal(queued, want) {
		t.Errorf("queued %v, want %v", queued, want)
	}
}
