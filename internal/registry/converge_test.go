package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// drawOperation draws one operation on a node.
func drawOperation(t *rapid.T) func(*registry.Registry, time.Time) {
	key, s, d := drawKey.Draw(t, "key"), drawStatus.Draw(t, "status"), drawDirty.Draw(t, "dirty")
	origin := drawOrigin.Draw(t, "origin")
	switch rapid.IntRange(0, 6).Draw(t, "operation") {
	case 0, 1:
		in := drawInstance.Draw(t, "in")
		origin.Principal = rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "owner")
		origin.Owner = origin.Principal
		return func(r *registry.Registry, now time.Time) { r.Register(in, origin, now) }
	case 2:
		return func(r *registry.Registry, now time.Time) { r.Cancel(key, origin, now) }
	case 3:
		return func(r *registry.Registry, now time.Time) { r.SetOverride(key, s, d, origin, now) }
	case 4:
		return func(r *registry.Registry, now time.Time) { r.ClearOverride(key, s, d, origin, now) }
	case 5:
		e := drawEntry.Draw(t, "entry")
		return func(r *registry.Registry, now time.Time) {
			r.SetMetadata(key, []heureka.MetadataEntry{e}, registry.FromClient, now)
		}
	}
	c := drawClaim.Draw(t, "renewal")
	return func(r *registry.Registry, now time.Time) { r.Renew(key, c, origin, now) }
}

// Nodes that went their own ways, and then tell each other everything, in any order, repeatedly, some of it late, end up
// with the same instances, overrides and digests.
func TestMergeConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 3
		now := start
		var nodes [n]*registry.Registry
		for i := range nodes {
			nodes[i], _ = registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(0, uint64(i))}))
		}
		var late []registry.Entry
		for range rapid.IntRange(1, 40).Draw(t, "operations") {
			node := nodes[rapid.IntRange(0, n-1).Draw(t, "node")]
			if rapid.IntRange(0, 5).Draw(t, "tell") == 0 {
				late = append(late, entries(node, now)...)
				continue
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "ms")) * time.Millisecond)
			drawOperation(t)(node, now)
		}
		all := late
		for _, node := range nodes {
			all = append(all, entries(node, now)...)
		}
		for i, node := range nodes {
			for _, e := range rapid.Permutation(slices.Concat(all, all[:len(all)/2])).Draw(t, fmt.Sprintf("order %d", i)) {
				node.Merge(e, now)
			}
			if node.Digest() != node.RecomputedDigest() {
				t.Fatalf("the digest of node %d has drifted", i)
			}
		}
		want := visible(nodes[0])
		for i, node := range nodes[1:] {
			if diff := cmp.Diff(want, visible(node)); diff != "" {
				t.Fatalf("node %d differs from node 0:\n%s", i+1, diff)
			}
			if node.Digest() != nodes[0].Digest() {
				t.Fatalf("the digest of node %d differs from that of node 0, not the instances", i+1)
			}
		}
	})
}

// owned is an instance with what only nodes tell each other.
type owned struct {
	Instance heureka.Instance
	Owner    string
}

// visible returns what nodes must agree on: all but what each notes by its own clock.
func visible(r *registry.Registry) map[heureka.Key]owned {
	all := map[heureka.Key]owned{}
	for rec := range r.All() {
		in := *rec.Instance()
		in.Action, in.LastUpdatedMS = 0, 0
		in.Lease = heureka.LeaseInfo{RenewalIntervalSecs: in.Lease.RenewalIntervalSecs, DurationSecs: in.Lease.DurationSecs}
		all[in.Key()] = owned{in, rec.Owner()}
	}
	return all
}
