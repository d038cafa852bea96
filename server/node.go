package server

import (
	"errors"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// A node is the API's backend.
type node struct {
	replication.Writes
	cfg     *Config
	reg     *registry.Registry
	cache   *respcache.Cache
	phase   *phases
	peers   *replication.Peers // nil without peers
	regions map[string]*region // by name in lower case
	started time.Time

	limits    atomic.Pointer[Limits] // as they are now
	bodyBytes atomic.Int64           // Config.MaxBodyBytes, likewise
	memory    headroom
	terms     terms

	arrivals replication.Arrivals // of clients' instances
	earlier  earlierLife
}

// queue queues an operation for every peer.
func (n *node) queue(action wire.ReplicationAction, key heureka.Key, now time.Time) {
	if n.peers != nil {
		n.peers.Add(action, key, now)
	}
}

// Register implements httpapi.Backend.
func (n *node) Register(in *heureka.Instance, origin registry.Origin) error {
	if err := n.room(in, origin); err != nil {
		return err
	}
	return n.Writes.Register(in, origin)
}

// RegisterTold implements httpapi.Backend.
func (n *node) RegisterTold(in *heureka.Instance, told registry.Told, origin registry.Origin) error {
	if err := n.room(in, origin); err != nil {
		return err
	}
	return n.Writes.RegisterTold(in, told, origin)
}

// room returns registry.ErrFull for a new instance while memory is short, and for a known one that becomes larger: a few could take
// all of it. The registry has ceilings of its own.
func (n *node) room(in *heureka.Instance, origin registry.Origin) error {
	if n.limits.Load().memory() <= 0 {
		return nil
	}
	more := wire.Size(in)
	rec, known := n.reg.Find(in.Key())
	if known {
		more -= rec.Weight()
	}
	if known && more <= 0 || n.takeMemory(int64(more), shareOf(origin)) {
		return nil
	}
	return registry.ErrFull
}

// admits returns why a record that another node has may not come in: it counts as one in a batch.
func (n *node) admits(in *heureka.Instance, origin registry.Origin) error {
	limits := n.limits.Load().decoding()
	if err := limits.Check(in); err != nil {
		return err
	}
	if err := n.reg.Room(in.Key(), origin); err != nil {
		return err
	}
	return n.room(in, origin)
}

// roomForDocuments reports whether there is memory for what is encoded for readers.
func (n *node) roomForDocuments(bytes int64) bool { return n.takeMemory(bytes, ofDocuments) }

// roomForCall reports whether there is memory for a call, of those that go through the whole registry for one reader.
func (n *node) roomForCall(c *httpapi.Call) bool {
	if c.Route.Resource == httpapi.WatchResource {
		return n.roomForCopy(watcherBytes)
	}
	return c.Route.Resource == httpapi.MetricsResource || classOf(c) != pageClass || n.roomForCopy(int64(512*n.reg.Len()))
}

// roomForCopy reports whether there is memory for what is made for one reader, or for another node.
func (n *node) roomForCopy(bytes int64) bool { return n.takeMemory(bytes, ofCalls) }

// roomForConnection reports whether there is memory for one more connection than are open. Some there always are, and an eighth of
// the memory for them: it is not they who are too many then, and heartbeats must come in.
func (n *node) roomForConnection(open int) bool {
	own := int64(open) * connectionBytes
	return open < alwaysOpen || own < n.limits.Load().memory()/8 || n.takeMemory(connectionBytes, ofConnections)
}

// takeMemory reports whether so many bytes more leave the live heap within a share of the memory; without a limit they do.
func (n *node) takeMemory(bytes, percent int64) bool {
	most := n.limits.Load().memory()
	return most <= 0 || n.memory.take(bytes, most/100*percent)
}

// restoreWait bounds how long a heartbeat waits for the snapshot that its instance may be in.
const restoreWait = 3 * time.Second

// Renew implements httpapi.Backend. A client's heartbeat for an instance that is not known waits while a snapshot is restored: told that
// it is unknown, all of the fleet would register again. Heartbeats of known ones never wait, nor do those that peers pass on, many in one
// request.
func (n *node) Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error {
	restoring := origin.By == registry.ByClient && n.phase.restoring() // asked first: it may end meanwhile
	err := n.Writes.Renew(key, renewal, origin)
	if restoring && errors.Is(err, heureka.ErrNotFound) && n.phase.awaitRestored(restoreWait) {
		err = n.Writes.Renew(key, renewal, origin)
	}
	if errors.Is(err, heureka.ErrNotFound) && !errors.Is(err, registry.ErrOutdated) {
		n.earlier.missed(&renewal, origin)
	}
	return err
}

// SetMetadata implements httpapi.Backend.
func (n *node) SetMetadata(key heureka.Key, entries []heureka.MetadataEntry, origin registry.Origin) error {
	if err := n.fits(key, entries, origin); err != nil {
		return err
	}
	return n.Writes.SetMetadata(key, entries, origin)
}

// fits returns an error if an instance with these entries added would be one that could not be registered.
func (n *node) fits(key heureka.Key, entries []heureka.MetadataEntry, origin registry.Origin) error {
	rec, ok := n.reg.Find(key)
	if !ok {
		return nil // as the registry finds out
	}
	in := rec.Instance()
	in.Metadata = in.Metadata.With(entries...)
	limits := n.limits.Load().decoding()
	if err := limits.CheckMetadata(in); err != nil {
		return err
	}
	size := 0
	for _, e := range in.Metadata {
		size += len(e.Key) + len(e.Value)
	}
	if most := n.bodyBytes.Load(); most > 0 && int64(size) > most {
		return wire.LimitError("instance.metadata: has more bytes than heureka.limits.record-bytes allows")
	}
	return n.room(in, origin)
}

// Instance implements httpapi.Backend.
func (n *node) Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error) {
	rec, ok := n.reg.Get(key, time.Now())
	return n.found(rec, ok, func(r *respcache.Region) (*heureka.Instance, bool) { return r.Instance(key) })
}

// InstanceByID implements httpapi.Backend.
func (n *node) InstanceByID(id string) (*heureka.Instance, heureka.LeaseInfo, error) {
	rec, ok := n.reg.GetByID(id, time.Now())
	return n.found(rec, ok, func(r *respcache.Region) (*heureka.Instance, bool) { return r.InstanceByID(id) })
}

// found returns what the registry has, else what a remote region has.
func (n *node) found(rec registry.Record, ok bool, find func(*respcache.Region) (*heureka.Instance, bool)) (*heureka.Instance, heureka.LeaseInfo, error) {
	if ok {
		in, lease := rec.Shown()
		return in, lease, nil
	}
	if in, ok := n.remoteInstance(find); ok {
		return in, in.Lease, nil
	}
	return nil, heureka.LeaseInfo{}, heureka.ErrNotFound
}

// Answer implements httpapi.Backend: no reads before the registry is whole (S-BOOT-11).
func (n *node) Answer(q respcache.Query) (*respcache.Answer, error) {
	if !n.phase.readsAllowed() || q.Regions != "" && !n.regionsLoaded(q.Regions) {
		return nil, heureka.ErrNotReady
	}
	return n.cache.Get(q, time.Now())
}

// Overrides implements httpapi.Backend.
func (n *node) Overrides() map[heureka.Key]heureka.Status { return n.reg.Overrides() }
