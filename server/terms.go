package server

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// terms are the overrides that this node ends by itself. Nothing of them is told to others, and only a snapshot outlives the node:
// without one, an override whose node has ended stays until somebody removes it. The zero value has none.
type terms struct {
	mu   sync.Mutex
	ends map[heureka.Key]ending
}

// An ending is when an override ends, and whose it was.
type ending struct {
	at     time.Time
	status heureka.Status
	by     string
}

// waitingFor is how long an ending waits for an instance that is away: its override may come back with it.
const waitingFor = 24 * time.Hour

// A termRecord is an ending in a snapshot.
type termRecord struct {
	Ends struct {
		App    string    `json:"app"`
		ID     string    `json:"id"`
		At     time.Time `json:"at"`
		Status string    `json:"status"`
		By     string    `json:"by"`
	} `json:"ends"`
}

var termRecordStart = []byte(`{"ends":`)

// records returns the endings as lines of a snapshot.
func (t *terms) records() (lines [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, e := range t.ends {
		var r termRecord
		r.Ends.App, r.Ends.ID, r.Ends.At, r.Ends.Status, r.Ends.By = key.App, key.ID, e.at, e.status.String(), e.by
		line, _ := json.Marshal(&r) // texts and a time always can be
		lines = append(lines, line)
	}
	return lines
}

// restore takes over an ending from a snapshot.
func (t *terms) restore(line []byte) error {
	var r termRecord
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	status, ok := heureka.ParseStatus(r.Ends.Status)
	if !ok {
		return fmt.Errorf("ending with the unknown status %q", r.Ends.Status)
	}
	t.set(heureka.Key{App: r.Ends.App, ID: r.Ends.ID}, ending{r.Ends.At, status, r.Ends.By})
	return nil
}

func (t *terms) set(key heureka.Key, e ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ends == nil {
		t.ends = map[heureka.Key]ending{}
	}
	t.ends[key] = e
}

// drop forgets when the override of an instance ends: another command has come.
func (t *terms) drop(key heureka.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ends, key)
}

// of returns when the override of an instance ends.
func (t *terms) of(key heureka.Key) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.ends[key]
	return e.at, ok
}

// due removes what ends now, and returns it.
func (t *terms) due(now time.Time) map[heureka.Key]ending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var due map[heureka.Key]ending
	for key, e := range t.ends {
		if e.at.After(now) {
			continue
		}
		if due == nil {
			due = map[heureka.Key]ending{}
		}
		due[key] = e
		delete(t.ends, key)
	}
	return due
}

func (t *terms) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ends)
}

// endTerms removes the overrides whose time is up. An instance that has got another one meanwhile keeps it.
func (s *Server) endTerms(now time.Time) {
	for key, e := range s.node.terms.due(now) {
		if _, there := s.reg.Find(key); !there && now.Sub(e.at) < waitingFor {
			s.node.terms.set(key, e)
			continue
		}
		if !s.overridden(key, e.status) {
			continue
		}
		by := registry.Origin{By: registry.ByNode, Note: "the time is up that was set by " + e.by}
		if err := s.node.ClearOverride(key, heureka.StatusUnknown, 0, by); err != nil {
			s.log.Warn("override not ended", "app", key.App, "id", key.ID, "err", err)
		}
	}
}

// leaveTerms tells at the end which overrides nobody will end.
func (s *Server) leaveTerms() {
	if n := s.node.terms.len(); n > 0 && s.keeper == nil {
		s.log.Warn("overrides stay that this node would have ended", "overrides", n)
	}
}

// SetOverride implements httpapi.Backend.
func (n *node) SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	_, err := n.Command(&registry.Command{Key: key, Set: true, Status: s, DirtyMS: dirtyMS}, origin)
	return err
}

// ClearOverride implements httpapi.Backend.
func (n *node) ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error {
	_, err := n.Command(&registry.Command{Key: key, Status: s, DirtyMS: dirtyMS}, origin)
	return err
}

// Command implements httpapi.Backend. What a peer tells late replaces nothing.
func (n *node) Command(c *registry.Command, origin registry.Origin) (changed bool, err error) {
	changed, err = n.Writes.Command(c, origin)
	if changed || origin.Replicates() {
		err = n.superseding(c.Key, err)
	}
	return changed, err
}

// Cancel implements httpapi.Backend.
func (n *node) Cancel(key heureka.Key, origin registry.Origin) error {
	return n.superseding(key, n.Writes.Cancel(key, origin))
}

// superseding forgets when the override ends that a command has replaced.
func (n *node) superseding(key heureka.Key, err error) error {
	if err == nil {
		n.terms.drop(key)
	}
	return err
}
