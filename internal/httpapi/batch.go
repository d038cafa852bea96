package httpapi

import (
	"errors"
	"net/http"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// batch serves POST peerreplication/batch: what a peer's clients did, many operations in one request. XML is refused as
// undecodable, and the reply is always JSON (W-REPL-11).
func (c *call) batch() {
	f, ok := c.bodyFormat()
	if !ok {
		return
	}
	in := buffers.take()
	defer buffers.give(in)
	if !c.readBody(in, c.cfg.MaxBatchBytes) || !c.admitted() {
		return
	}
	if f != wire.JSON {
		c.undecodable("want a batch in JSON")
		return
	}
	items, err := c.cfg.Limits.DecodeBatch(in.B)
	if err != nil {
		c.badBody(err)
		return
	}
	wire.SetIncarnations(items, c.Request.Header.Get(wire.HeaderIncarnations))
	results := make([]wire.ReplicationResult, len(items))
	room := maxBatchAnswer
	for i := range items {
		results[i] = c.item(&items[i])
		if in := results[i].Instance; in != nil {
			if room -= size(in); room < 0 {
				results[i].Instance = nil // the sender hears of it with the next heartbeat
			}
		}
	}
	out := buffers.take()
	defer buffers.give(out)
	out.B = wire.AppendBatchResult(out.B, results)
	c.w.Header()["Content-Type"] = typeJSON
	c.body(http.StatusOK, out.B)
	c.performed()
}

// maxBatchAnswer bounds the records that a batch is answered with: its sender reads 8 MiB, and a short batch can ask for many
// large ones.
const maxBatchAnswer = 6 << 20

// size returns about how many bytes a record has in an answer.
func size(in *heureka.Instance) int {
	n := 2<<10 + len(in.HomePageURL) + len(in.StatusPageURL) + len(in.HealthCheckURL) + len(in.VIPAddress) + len(in.SecureVIPAddress)
	for _, e := range in.Metadata {
		n += len(e.Key) + len(e.Value) + 8
	}
	return n
}

// item runs one entry like the single request that it stands for, sent by a peer, and never stops the others (W-REPL-7).
func (c *call) item(it *wire.ReplicationItem) wire.ReplicationResult {
	if it.App == "" {
		return wire.ReplicationResult{StatusCode: http.StatusInternalServerError}
	}
	if it.Fault != nil { // no reason to refuse the others
		c.refused[OverLimit].Add(1)
		return wire.ReplicationResult{StatusCode: http.StatusBadRequest}
	}
	key := heureka.Key{App: heureka.AppName(it.App), ID: it.ID}
	var err error
	switch it.Action {
	case wire.Register:
		err = c.itemRegister(key.App, it)
	case wire.Heartbeat:
		err = c.itemRenew(key, it)
	case wire.Cancel:
		err = c.b.Cancel(key, c.peer())
	case wire.StatusUpdate:
		err = c.itemSetStatus(key, it)
	case wire.DeleteStatusOverride:
		err = c.itemClearStatus(key, it)
	default:
		err = errBadItem
	}
	return c.result(err)
}

// errBadItem is a batch entry that asks for something impossible: the sender's mistake, hence not logged.
var errBadItem = errors.New("bad batch entry")

func (c *call) result(err error) wire.ReplicationResult {
	switch {
	case err == nil:
		return wire.ReplicationResult{StatusCode: http.StatusOK}
	case errors.Is(err, heureka.ErrNotFound):
		return wire.ReplicationResult{StatusCode: http.StatusNotFound}
	}
	if newer, ok := errors.AsType[*registry.NewerError](err); ok {
		in := newer.Record.Instance.Clone()
		in.Lease = newer.Record.Lease()
		return wire.ReplicationResult{StatusCode: http.StatusConflict, Instance: in}
	}
	if errors.Is(err, registry.ErrFull) {
		c.refused[Full].Add(1)
		return wire.ReplicationResult{StatusCode: http.StatusServiceUnavailable}
	}
	if !errors.Is(err, errBadItem) {
		c.cfg.ErrorLog(c.Request, err)
	}
	return wire.ReplicationResult{StatusCode: http.StatusInternalServerError}
}

// itemRegister stores a peer's record. One that fails the checks is dropped and still answered 200: Java peers expect it
// (S-DEF-17).
func (c *call) itemRegister(app string, it *wire.ReplicationItem) error {
	if it.Instance == nil {
		return errBadItem
	}
	if wire.CheckRegistration(it.Instance, app) != nil {
		return nil
	}
	incarnation := registry.AnyIncarnation
	if it.HasIncarnation {
		incarnation = it.Incarnation
	}
	return c.b.RegisterIncarnation(wire.CompleteAmazon(it.Instance), incarnation, c.peer())
}

func (c *call) itemRenew(key heureka.Key, it *wire.ReplicationItem) error {
	claim := registry.Claim{DirtyMS: it.LastDirtyMS, HasDirty: it.HasLastDirty}
	if it.OverriddenStatus != "" {
		claim.Override, claim.HasOverride = heureka.ParseStatus(it.OverriddenStatus)
		if !claim.HasOverride {
			return c.missingOr(key, errBadItem)
		}
	}
	return c.b.Renew(key, claim, c.peer())
}

func (c *call) itemSetStatus(key heureka.Key, it *wire.ReplicationItem) error {
	s, ok := heureka.ParseStatus(it.Status)
	if !ok {
		return c.missingOr(key, errBadItem)
	}
	return c.b.SetStatus(key, s, it.LastDirtyMS, c.peer())
}

// itemClearStatus needs a timestamp, although nothing in the protocol says what for; a missing status means UNKNOWN.
func (c *call) itemClearStatus(key heureka.Key, it *wire.ReplicationItem) error {
	if !it.HasLastDirty {
		return errBadItem
	}
	s, ok := heureka.ParseStatus(it.Status)
	if !ok && it.Status != "" {
		return c.missingOr(key, errBadItem)
	}
	return c.b.ClearStatus(key, s, it.LastDirtyMS, c.peer())
}

// missingOr returns ErrNotFound if there is no such instance, which is what the reference finds out first, else err.
func (c *call) missingOr(key heureka.Key, err error) error {
	if _, _, missing := c.b.Instance(key); errors.Is(missing, heureka.ErrNotFound) {
		return missing
	}
	return err
}
