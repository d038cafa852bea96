package httpapi

import (
	"errors"
	"net/http"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// A Registry is what the items of a batch are performed on; Backend is one.
type Registry interface {
	RegisterTold(in *heureka.Instance, told registry.Told, origin registry.Origin) error
	Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error
	Cancel(key heureka.Key, origin registry.Origin) error
	SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error
	ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error
	Command(c *registry.Command, origin registry.Origin) (changed bool, err error)
	Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error)
}

// A Performer performs the items of one batch. It does no I/O.
type Performer struct {
	Registry Registry
	Peer     registry.Origin // who sent the batch
}

// errBadItem is a batch entry that asks for something impossible: the sender's mistake, hence not logged.
var errBadItem = errors.New("bad batch entry")

// Item runs one entry like the single request that it stands for, sent by a peer, and never stops the others (W-REPL-7). The
// error is for whoever counts and logs; what only says that the sender made a mistake is none.
func (p *Performer) Item(it *wire.ReplicationItem) (wire.ReplicationResult, error) {
	if it.App == "" {
		return wire.ReplicationResult{StatusCode: http.StatusInternalServerError}, nil
	}
	if it.Fault != nil { // no reason to refuse the others
		return wire.ReplicationResult{StatusCode: http.StatusBadRequest}, it.Fault
	}
	key := heureka.Key{App: heureka.AppName(it.App), ID: it.ID}
	var err error
	switch it.Action {
	case wire.Register:
		err = p.register(key.App, it)
	case wire.Heartbeat:
		err = p.renew(key, it)
	case wire.Cancel:
		err = p.Registry.Cancel(key, p.Peer)
	case wire.StatusUpdate:
		err = p.setStatus(key, it)
	case wire.DeleteStatusOverride:
		err = p.clearStatus(key, it)
	default:
		err = errBadItem
	}
	return resultOf(err)
}

func resultOf(err error) (wire.ReplicationResult, error) {
	switch {
	case err == nil:
		return wire.ReplicationResult{StatusCode: http.StatusOK}, nil
	case errors.Is(err, heureka.ErrNotFound):
		return wire.ReplicationResult{StatusCode: http.StatusNotFound}, nil
	}
	if newer, ok := errors.AsType[*registry.NewerError](err); ok {
		in := newer.Record.Instance()
		in.Lease = newer.Record.Lease()
		return wire.ReplicationResult{StatusCode: http.StatusConflict, Instance: in, Owner: newer.Record.Owner()}, nil
	}
	if errors.Is(err, registry.ErrFull) {
		return wire.ReplicationResult{StatusCode: http.StatusServiceUnavailable}, err
	}
	if errors.Is(err, errBadItem) {
		err = nil
	}
	return wire.ReplicationResult{StatusCode: http.StatusInternalServerError}, err
}

// register stores a peer's record. One that fails the checks is dropped and still answered 200: Java peers expect it
// (S-DEF-17).
func (p *Performer) register(app string, it *wire.ReplicationItem) error {
	if it.Instance == nil {
		return errBadItem
	}
	if wire.CheckRegistration(it.Instance, app) != nil {
		return nil
	}
	told := registry.Told{Incarnation: registry.AnyIncarnation, Own: it.Own, HasOwn: it.HasOwn}
	if it.HasIncarnation {
		told.Incarnation = it.Incarnation
	}
	for _, s := range it.MetadataStamps {
		if s.Place >= len(it.Instance.Metadata) {
			return errBadItem
		}
		e := it.Instance.Metadata[s.Place]
		told.Metadata = append(told.Metadata, registry.MetadataCommand{Key: e.Key, Value: e.Value, Clock: registry.Clock{Time: s.Time, Node: s.Node}})
	}
	origin := p.Peer
	origin.Owner = it.Owner
	return p.Registry.RegisterTold(wire.CompleteAmazon(it.Instance), told, origin)
}

func (p *Performer) renew(key heureka.Key, it *wire.ReplicationItem) error {
	renewal := registry.Renewal{DirtyMS: it.LastDirtyMS, HasDirty: it.HasLastDirty}
	if it.OverriddenStatus != "" {
		renewal.Override, renewal.HasOverride = heureka.ParseStatus(it.OverriddenStatus)
		if !renewal.HasOverride {
			return p.missingOr(key, errBadItem)
		}
	}
	return p.Registry.Renew(key, renewal, p.Peer)
}

func (p *Performer) setStatus(key heureka.Key, it *wire.ReplicationItem) error {
	s, ok := heureka.ParseStatus(it.Status)
	if !ok {
		return p.missingOr(key, errBadItem)
	}
	if it.Stamp != nil {
		return p.command(key, true, s, it.Stamp)
	}
	return p.Registry.SetOverride(key, s, it.LastDirtyMS, p.Peer)
}

// command does what a heureka peer says that was said.
func (p *Performer) command(key heureka.Key, set bool, status heureka.Status, s *wire.Stamp) error {
	stamp := registry.Stamp{
		Clock: registry.Clock{Time: s.Time, Node: s.Node}, Rev: s.Rev, About: registry.About{DirtyMS: s.DirtyMS, Rev: s.RecordRev},
	}
	if !stamp.Clock.Valid() {
		return errBadItem
	}
	_, err := p.Registry.Command(&registry.Command{Key: key, Set: set, Status: status, Stamp: &stamp}, p.Peer)
	return err
}

// clearStatus needs a timestamp, although nothing in the protocol says what for; a missing status means UNKNOWN.
func (p *Performer) clearStatus(key heureka.Key, it *wire.ReplicationItem) error {
	if !it.HasLastDirty {
		return errBadItem
	}
	s, ok := heureka.ParseStatus(it.Status)
	if !ok && it.Status != "" {
		return p.missingOr(key, errBadItem)
	}
	if it.Stamp != nil {
		return p.command(key, false, it.Stamp.Restored, it.Stamp)
	}
	return p.Registry.ClearOverride(key, s, it.LastDirtyMS, p.Peer)
}

// missingOr returns ErrNotFound if there is no such instance, which is what the reference finds out first, else err.
func (p *Performer) missingOr(key heureka.Key, err error) error {
	if _, _, missing := p.Registry.Instance(key); errors.Is(missing, heureka.ErrNotFound) {
		return missing
	}
	return err
}
