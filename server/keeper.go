package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"sync"
	"time"

	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// A keeper keeps a copy of the registry in a directory, so that a node that is started again has what its clients cannot tell it:
// overrides, operators' metadata, and who was there. There is no log of changes: what clients say they say again. Nil keeps nothing.
type keeper struct {
	dir    string
	holder string // what another process is told that wants the directory
	node   string // who writes, see snapshot.Header
	ownApp string // nodes register themselves
	reg    *registry.Registry
	terms  *terms
	phase  *phases
	log    *slog.Logger

	restore func(*snapshot.Loaded) // what the registry does not know

	store *snapshot.Store // nil: not opened, or another process has it. The start's, after the opening run's

	mu   sync.Mutex
	kept keptStatus
}

// keptStatus is what a node tells of its snapshots.
type keptStatus struct {
	Dir      string
	At       time.Time // of the last one, by the clock of who wrote it; zero: there is none
	Count    int       // its records
	Bytes    int64
	Took     time.Duration
	Written  uint64 // since the start
	Failed   uint64
	Err      error // why the last one could not be written, or the directory not be opened
	Restored int   // instances, at the start
}

// gathering is how long changes gather before they are looked at: what is urgent has a second.
const gathering = 200 * time.Millisecond

func (s *Server) newKeeper() *keeper {
	if s.cfg.DataDir == "" {
		return nil
	}
	id := s.cfg.Instance.ResolvedID()
	return &keeper{
		dir: s.cfg.DataDir, node: id, ownApp: s.cfg.Instance.App, reg: s.reg, terms: &s.node.terms, phase: s.phase, log: logs.Named(s.log, logs.Server),
		restore: func(kept *snapshot.Loaded) { s.restoreSnapshot(kept, 0) },
		holder:  fmt.Sprintf("node %s, process %d, started %s", id, os.Getpid(), s.node.started.UTC().Format(time.RFC3339)),
		kept:    keptStatus{Dir: s.cfg.DataDir},
	}
}

// open takes the directory, unless another process has it. Nothing that is wrong with it keeps the node from working.
func (k *keeper) open() error {
	if k.store != nil {
		k.store.Close() // it could not be written
	}
	var err error
	if k.store, err = snapshot.Open(k.dir, k.holder); err != nil {
		return err
	}
	return k.store.Err()
}

// close lets others have the directory.
func (k *keeper) close() {
	if k != nil && k.store != nil {
		k.store.Close()
	}
}

// load opens the directory at the start and returns the snapshot there that can be read, nil if there is none.
func (k *keeper) load() *snapshot.Loaded {
	if k == nil {
		return nil
	}
	if err := k.open(); err != nil {
		k.failed(err)
	}
	if k.store == nil {
		return nil
	}
	l, unreadable := k.read()
	if l == nil {
		k.log.Info("snapshot not found", "dir", k.dir, "unreadable", unreadable)
		return nil
	}
	if l.Node != k.node {
		k.log.Warn("snapshot restored of another node", "node", l.Node, "this_node", k.node)
	}
	k.note(func(st *keptStatus) { st.At, st.Count = l.At, l.Count })
	return l
}

// read returns the last snapshot that can be read, nil if there is none, and how many cannot.
func (k *keeper) read() (l *snapshot.Loaded, unreadable int) {
	l, wrong := k.store.Load(replication.RecordForm)
	for _, err := range wrong {
		k.log.Error("snapshot unreadable", "err", err)
	}
	return l, len(wrong)
}

func (k *keeper) note(change func(*keptStatus)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.kept)
}

// status returns what the node tells of its snapshots; nil if it keeps none.
func (k *keeper) status() *keptStatus {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return new(k.kept)
}

// failed notes why there is no snapshot, and says it when it is something else than before.
func (k *keeper) failed(err error) {
	before := k.status().Err
	k.note(func(st *keptStatus) { st.Failed, st.Err = st.Failed+1, err })
	if before != nil && before.Error() == err.Error() {
		return
	}
	if held, ok := errors.AsType[*snapshot.HeldError](err); ok {
		k.log.Error("snapshots not written, another process has the directory", "dir", k.dir, "holder", held.Holder)
		return
	}
	k.log.Error("snapshot not written", "dir", k.dir, "err", err)
}

// run writes snapshots from the opening until ctx ends, and a last one then. What a node knows before it is open is not yet worth
// the place of what is on disk.
func (k *keeper) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-k.phase.opens:
	}
	f := follower{feed: k.reg.Feed(), cursor: k.reg.Feed().Last(), ownApp: k.ownApp, buf: make([]registry.Change, 64)}
	f.pace.Changed(false, time.Now())
	for f.wait(ctx) {
		if k.phase.readsAllowed() {
			k.write(&f.pace)
			continue
		}
		f.pace.Wrote(0, true, time.Now()) // and looks again, later
	}
	if k.phase.readsAllowed() {
		k.write(&f.pace)
	}
}

// write writes a snapshot.
func (k *keeper) write(pace *snapshot.Pace) {
	began := time.Now()
	saved, err := k.save(began)
	took := time.Since(began)
	pace.Wrote(took, err != nil, time.Now())
	if err != nil {
		k.failed(err)
		return
	}
	if k.status().Err != nil {
		k.log.Info("snapshots written again", "dir", k.dir)
	}
	k.note(func(st *keptStatus) {
		st.At, st.Count, st.Bytes, st.Took, st.Err = saved.At, saved.Count, saved.Bytes, took, nil
		st.Written++
	})
	k.log.Debug("snapshot written", "records", saved.Count, "bytes", saved.Bytes, "took", took.Round(time.Millisecond))
}

func (k *keeper) save(at time.Time) (snapshot.Saved, error) {
	if of := snapshot.Of(k.dir); k.store == nil && of != "" && of != k.node { // it is all that the other will have at its next start
		return snapshot.Saved{}, fmt.Errorf("the directory has the registry of node %s, which this process has not read", of)
	}
	if k.store == nil || k.store.Err() != nil {
		if err := k.open(); err != nil {
			return snapshot.Saved{}, err
		}
		k.takeOver()
	}
	return k.store.Save(snapshot.Header{Records: replication.RecordForm, Node: k.node, At: at}, k.records(at))
}

// takeOver restores what is in a directory that could not be had before, if another process has written it: the next snapshot takes
// its place, and what only that process knew would be lost.
func (k *keeper) takeOver() {
	l, _ := k.read()
	if l == nil || l.At.Equal(k.status().At) {
		return
	}
	k.log.Info("directory taken over, with a snapshot that this process has not read", "dir", k.dir, "written_by", l.Node, "taken", l.At)
	k.restore(l)
}

// records yields what the registry knows, a part at a time, so that nobody waits for the whole. Ages are of one moment.
func (k *keeper) records(at time.Time) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var line []byte
		for i := range registry.Buckets {
			for _, known := range k.reg.Bucket(i, at) {
				if known.Key().App == k.ownApp {
					continue
				}
				e := known.Entry()
				e.Age = max(e.Age, 0) // it may have come while this went on
				if line = replication.AppendRecord(line[:0], &e); !yield(line) {
					return
				}
			}
		}
		for _, e := range k.reg.Parked(at) {
			e.Age = max(e.Age, 0)
			if line = replication.AppendRecord(line[:0], &e); !yield(line) {
				return
			}
		}
		for _, line := range k.terms.records() {
			if !yield(line) {
				return
			}
		}
	}
}

// A follower waits until the next snapshot is due, by what happens in the registry.
type follower struct {
	pace   snapshot.Pace
	feed   *registry.Feed
	cursor uint64
	ownApp string
	buf    []registry.Change
}

// wait returns when a snapshot is due; false if ctx ended before.
func (f *follower) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		left, due := f.pace.Due(time.Now())
		switch {
		case !due:
			left = snapshot.Renewal
		case left == 0:
			return true
		case left < gathering:
			pause(ctx, left)
			continue
		}
		change, cancel := context.WithTimeout(ctx, left)
		if f.feed.Wait(change, f.cursor) == nil {
			pause(ctx, min(gathering, left))
		}
		cancel()
		f.read(time.Now())
	}
	return false
}

// read takes in what has changed.
func (f *follower) read(now time.Time) {
	for {
		n, err := f.feed.Read(f.cursor, f.buf)
		if err != nil {
			f.cursor = f.feed.Last()
			f.pace.Changed(true, now)
			return
		}
		for i := range f.buf[:n] {
			if ch := &f.buf[i]; ch.Key.App != f.ownApp {
				f.pace.Changed(urgent(ch), now)
			}
		}
		if f.cursor += uint64(n); n < len(f.buf) {
			return
		}
	}
}

// urgent reports whether no client would tell of a change again.
func urgent(ch *registry.Change) bool {
	what := changes.WhatOf(ch)
	return what != changes.Registered && what != changes.RegisteredAgain
}
