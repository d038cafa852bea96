package changes

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// An Event is what a watcher is told of a change: the change, and the record as it is after it.
type Event struct {
	Doc
	Instance json.RawMessage `json:"instance,omitempty"` // as in the documents of Eureka's API; absent if it is gone
}

// encode returns ch as JSON.
func encode(ch *registry.Change) []byte {
	e := Event{Doc: DocOf(ch)}
	if !ch.Removed() {
		form := wire.Form{Format: wire.JSON}
		in, lease := ch.Record.Shown()
		e.Instance = form.AppendInstance(make([]byte, 0, wire.Size(in)), in, lease)
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic("changes: " + err.Error()) // a mistake in this package: nothing of an instance has no JSON
	}
	return b
}

// What Events keeps, at most.
const (
	keptEvents = 512
	keptBytes  = 8 << 20
)

// Events encodes each change once, however many watchers are told of it at about the same time. The zero value is ready for
// the changes of one registry. Safe for concurrent use.
type Events struct {
	mu    sync.Mutex
	kept  [keptEvents]encoded
	bytes int
}

type encoded struct {
	seq  uint64
	json []byte
}

// Of returns an Event as JSON, which nobody may change.
func (e *Events) Of(ch *registry.Change) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := &e.kept[ch.Seq%keptEvents]
	if at.seq == ch.Seq {
		return at.json
	}
	b := encode(ch)
	e.bytes += len(b) - len(at.json)
	*at = encoded{ch.Seq, b}
	if e.bytes > keptBytes {
		e.kept, e.bytes = [keptEvents]encoded{}, 0
	}
	return b
}

// A View chooses instances: those of one of the applications or with one of the VIP addresses. All three are sorted, because
// clients and instances may name thousands. The zero View has all.
type View struct {
	Apps       []string // in upper case
	VIPs       []string
	SecureVIPs []string
}

// Has reports whether r is part of the view.
func (v *View) Has(r registry.Record) bool {
	if len(v.Apps)+len(v.VIPs)+len(v.SecureVIPs) == 0 {
		return true
	}
	plain, secure := r.VIPs()
	return has(v.Apps, r.App()) || anyVIP(plain, v.VIPs) || anyVIP(secure, v.SecureVIPs)
}

// Concerns reports whether ch changes an instance that is part of the view, or was before.
func (v *View) Concerns(ch *registry.Change) bool {
	return v.Has(ch.Record) || !ch.Previous.IsZero() && v.Has(ch.Previous)
}

// anyVIP reports whether one of names is a piece of the comma-separated list (W-VIP-3).
func anyVIP(list string, names []string) bool {
	if len(names) == 0 {
		return false
	}
	for piece := range strings.SplitSeq(list, ",") {
		if has(names, piece) {
			return true
		}
	}
	return false
}

func has(sorted []string, name string) bool {
	_, found := slices.BinarySearch(sorted, name)
	return found
}
