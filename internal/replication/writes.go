package replication

import (
	"errors"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// Writes performs operations on a node's registry. Every write has the same steps, and nothing else joins them: read the
// clock, ask the registry, queue for the peers what came from a client.
type Writes struct {
	Registry *registry.Registry
	Now      func() time.Time
	Queue    func(action wire.ReplicationAction, key heureka.Key, now time.Time) // for every peer
}

func (w *Writes) replicate(action wire.ReplicationAction, key heureka.Key, origin registry.Origin, now time.Time) {
	if origin.Replicates() {
		w.Queue(action, key, now)
	}
}

// Register stores an instance.
func (w *Writes) Register(in *heureka.Instance, origin registry.Origin) error {
	now := w.Now()
	if _, err := w.Registry.Register(in, origin, now); err != nil {
		return err
	}
	w.replicate(wire.Register, in.Key(), origin, now)
	return nil
}

// RegisterTold stores what a heureka peer says about an instance.
func (w *Writes) RegisterTold(in *heureka.Instance, told registry.Told, origin registry.Origin) error {
	_, err := w.Registry.RegisterTold(in, told, origin, w.Now())
	return err
}

// Renew renews a lease. A heartbeat that did is replicated even when its answer is 404 because the client's data are newer
// (S-RENEW-5).
func (w *Writes) Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error {
	now := w.Now()
	err := w.Registry.Renew(key, renewal, origin, now)
	if err == nil || errors.Is(err, registry.ErrOutdated) {
		w.replicate(wire.Heartbeat, key, origin, now)
	}
	return err
}

// Cancel removes an instance.
func (w *Writes) Cancel(key heureka.Key, origin registry.Origin) error {
	now := w.Now()
	if err := w.Registry.Cancel(key, origin, now); err != nil {
		return err
	}
	w.replicate(wire.Cancel, key, origin, now)
	return nil
}

// SetOverride sets what outranks the status that an instance says of itself.
func (w *Writes) SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	_, err := w.Command(&registry.Command{Key: key, Set: true, Status: s, DirtyMS: dirtyMS}, origin)
	return err
}

// ClearOverride removes it; s is the status from then on.
func (w *Writes) ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	_, err := w.Command(&registry.Command{Key: key, Status: s, DirtyMS: dirtyMS}, origin)
	return err
}

// Command does either, and reports whether that changed something that peers must hear. What changes nothing is not queued: on its way to a peer it would come after what was said there since.
func (w *Writes) Command(c *registry.Command, origin registry.Origin) (changed bool, err error) {
	now := w.Now()
	changed, err = w.Registry.Command(c, origin, now)
	if err != nil || !changed {
		return changed, err
	}
	action := wire.DeleteStatusOverride
	if c.Set {
		action = wire.StatusUpdate
	}
	w.replicate(action, c.Key, origin, now)
	return true, nil
}

// SetMetadata adds entries to the metadata of an instance. Peers are told by a registration (W-META-3).
func (w *Writes) SetMetadata(key heureka.Key, entries []heureka.MetadataEntry, origin registry.Origin) error {
	now := w.Now()
	if _, err := w.Registry.SetMetadata(key, entries, origin, now); err != nil {
		return err
	}
	w.replicate(wire.Register, key, origin, now)
	return nil
}
