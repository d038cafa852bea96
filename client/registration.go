package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/spring"
)

var errOutOfService = errors.New("OUT_OF_SERVICE cannot be registered, it is an override: use API.SetOverride") // C-HC-6

// A Registration is one instance that a Client keeps registered. Its methods are safe for concurrent use; those that
// change the instance take effect here at once and are sent to the registry soon: see Wait.
type Registration struct {
	client *Client
	given  InstanceConfig // by the program
	cfg    InstanceConfig // with defaults; once it runs, the registrar's
	key    heureka.Key
	wake   chan struct{} // tells the registrar of a change; holds one

	mu       sync.Mutex
	record   *heureka.Instance // never modified; LastDirtyMS is the state's number (C-MD-4)
	dirty    bool              // record is newer than what a server has accepted
	urgent   bool              // dirty for a reason that is sent on demand
	accepted int64             // LastDirtyMS of the newest record that a server has accepted; 0: none
	lastErr  error             // of the last try to register
	moved    chan struct{}     // closed and replaced when any of these changes
	remote   heureka.Status    // as the registry shows it
	left     bool              // nothing more will be sent
	leaveErr error             // of taking leave
	overtook int               // how often a later stamp was found under the key
	check    bool              // the program wants a health check now
	warned   bool              // that another process uses the key

	leave context.CancelCauseFunc // ends the registrar; nil before it runs; guarded by the client's mutex
	ended chan struct{}           // closed when it has ended
}

// Register adds an instance that is registered while Run runs, with heartbeats. It sends nothing itself, and works before
// and during Run. Every instance of a client has a key of its own.
func (c *Client) Register(ic InstanceConfig) (*Registration, error) {
	cfg, err := ic.withDefaults(c.machineFor(&ic))
	if err != nil {
		return nil, fmt.Errorf("register %q: %w", ic.App, err)
	}
	r := &Registration{
		client: c, given: ic, cfg: cfg, record: cfg.record(time.Now()), dirty: true,
		wake: make(chan struct{}, 1), moved: make(chan struct{}), ended: make(chan struct{}),
	}
	if ic.IPAddr == "" && cfg.IPAddr == spring.LoopbackIP {
		c.cfg.Logger.Warn("only a loopback address found, other hosts cannot reach it", "app", ic.App, "ip", cfg.IPAddr)
	}
	r.given.Metadata = nil // the program may go on changing its map
	r.key = r.record.Key()
	if err := c.add(r); err != nil {
		return nil, fmt.Errorf("register %s: %w", r.key, err)
	}
	return r, nil
}

// Instance returns the instance as it is here. It must not be changed.
func (r *Registration) Instance() *heureka.Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record
}

// Status returns the own status of the instance, without overrides.
func (r *Registration) Status() heureka.Status { return r.Instance().Status }

// RemoteStatus returns the status that the registry shows, overrides included, as of the last refresh; UNKNOWN if it does
// not show the instance.
func (r *Registration) RemoteStatus() heureka.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remote
}

// SetStatus changes the own status. OUT_OF_SERVICE is refused: it is an override, see API.SetOverride (C-HC-6). With a
// HealthCheck, the status holds until the next check.
func (r *Registration) SetStatus(s heureka.Status) error {
	if s == heureka.StatusOutOfService {
		return errOutOfService
	}
	r.setStatus(s, nil)
	return nil
}

// Check runs the health check soon rather than at its time, for programs that know that something has changed.
func (r *Registration) Check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check = true
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// takeCheck reports whether Check was called since the last time.
func (r *Registration) takeCheck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.check
	r.check = false
	return asked
}

// setStatus changes the status, if it still is what a health check was asked about.
func (r *Registration) setStatus(s heureka.Status, from *heureka.Status) {
	var old heureka.Status
	changed := r.edit(func(in *heureka.Instance) bool {
		old = in.Status
		if in.Status == s || from != nil && in.Status != *from {
			return false
		}
		in.Status = s
		return true
	})
	if !changed {
		return
	}
	r.client.cfg.Logger.Info("own status changed", "app", r.key.App, "id", r.key.ID, "old", old, "status", s)
	call(r.client.cfg.Hooks.Status, StatusInfo{Key: r.key, Old: old, New: s})
}

// SetMetadata adds or replaces entries; empty values remove theirs.
func (r *Registration) SetMetadata(set map[string]string) {
	r.edit(func(in *heureka.Instance) bool {
		m := in.Metadata.Map()
		for k, v := range set {
			if m[k] = v; v == "" {
				delete(m, k)
			}
		}
		in.Metadata = heureka.NewMetadata(m)
		return true
	})
}

// Update changes anything else about the instance, such as its address or lease: f is given a copy that it may assign
// to, and is called again with another if the instance was changed meanwhile. Key and status stay as they are, whatever f
// does, and a lease that is not positive becomes the default (C-MD-6).
func (r *Registration) Update(f func(*heureka.Instance)) {
	r.edit(func(in *heureka.Instance) bool {
		status := in.Status
		f(in)
		in.Status = status
		if in.Lease.RenewalIntervalSecs <= 0 {
			in.Lease.RenewalIntervalSecs = heureka.DefaultRenewalIntervalS
		}
		if in.Lease.DurationSecs <= 0 {
			in.Lease.DurationSecs = heureka.DefaultLeaseDurationSecs
		}
		return true
	})
}

// relocate follows the machine, whose name or address may change, as far as the program has not said what they are
// (C-MD-14). What the program has set by Update since then is overwritten only if the machine changes.
func (r *Registration) relocate() {
	if r.given.HostName != "" && r.given.IPAddr != "" {
		return
	}
	m := r.client.machine(r.given.Network)
	now, err := r.given.withDefaults(m)
	if err != nil || m.isOffline() || now.HostName == r.cfg.HostName && now.IPAddr == r.cfg.IPAddr {
		return
	}
	r.cfg = now
	r.edit(func(in *heureka.Instance) bool {
		in.HostName, in.IPAddr = now.HostName, now.IPAddr
		in.HomePageURL, in.StatusPageURL = now.HomePageURL, now.StatusPageURL
		in.HealthCheckURL, in.SecureHealthCheckURL = now.HealthCheckURL, now.SecureHealthCheckURL
		return true
	})
	r.client.cfg.Logger.Info("own address changed", "app", r.key.App, "id", r.key.ID, "host", now.HostName, "ip", now.IPAddr)
}

// edit replaces the record if change says that it did something. change is called without the lock, so that a program's
// function may use the Registration, and once more if somebody else was faster.
func (r *Registration) edit(change func(*heureka.Instance) bool) bool {
	for {
		old := r.Instance()
		in := old.Clone()
		if !change(in) {
			return false
		}
		if r.replace(old, in) {
			return true
		}
	}
}

// replace stores the successor of a record, unless that is not the current one any more. The new dirty timestamp is
// greater than the old one even if the clock stands still or steps back, because servers compare these numbers (C-MD-4).
func (r *Registration) replace(old, in *heureka.Instance) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.record != old {
		return false
	}
	in.App, in.ID = old.App, old.ID
	in.LastDirtyMS = max(time.Now().UnixMilli(), old.LastDirtyMS+1)
	r.record, r.dirty = in, true
	r.urgent = !r.client.cfg.DisableOnDemandUpdates
	select {
	case r.wake <- struct{}{}:
	default: // it has not looked yet, and will see this too
	}
	return true
}

// touch gives the record a new dirty timestamp, for a registration that a server asked for (C-HB-3).
func (r *Registration) touch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.record.Clone()
	in.LastDirtyMS = max(time.Now().UnixMilli(), in.LastDirtyMS+1)
	r.record, r.dirty = in, true
}

// Wait returns when a server has accepted the instance as it is now, at the first call usually: when it is registered.
// If ctx ends before, the error says why the last try failed. With Config.DisableRegistration it returns at once.
func (r *Registration) Wait(ctx context.Context) error {
	r.mu.Lock()
	want := r.record.LastDirtyMS
	r.mu.Unlock()
	for {
		r.mu.Lock()
		done, left, lastErr, moved := r.accepted >= want, r.left, r.lastErr, r.moved
		r.mu.Unlock()
		switch {
		case done || r.client.cfg.DisableRegistration:
			return nil
		case left:
			return ErrStopped
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), lastErr)
		}
	}
}

// Deregister stops the heartbeats and removes the instance from the registry. Whatever it returns, nothing more is sent
// for the instance. When ctx ends, so does the try to remove it; the lease will run out then.
func (r *Registration) Deregister(ctx context.Context) error {
	leave := r.client.drop(r)
	if leave == nil {
		r.finish(nil)
		return nil
	}
	leave(&leaving{ctx})
	<-r.ended
	return r.outcome()
}

// outcome returns how taking leave went.
func (r *Registration) outcome() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.leaveErr
}

// recordAttempt notes the outcome of a try to register in.
func (r *Registration) recordAttempt(in *heureka.Instance, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastErr = err
	if err == nil {
		r.accepted = max(r.accepted, in.LastDirtyMS)
		if r.record.LastDirtyMS <= in.LastDirtyMS { // else it changed meanwhile, and goes out once more
			r.dirty, r.urgent = false, false
		}
	}
	r.signal()
}

// finish notes that nothing more will happen.
func (r *Registration) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left, r.leaveErr = true, err
	r.signal()
}

func (r *Registration) signal() {
	close(r.moved)
	r.moved = make(chan struct{})
}

// state returns what the registrar has to know.
func (r *Registration) state() (in *heureka.Instance, dirty, urgent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.record, r.dirty, r.urgent
}

// recordShown notes the status that the registry shows.
func (r *Registration) recordShown(s heureka.Status) (old heureka.Status, changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, r.remote = r.remote, s
	return old, old != s
}

// maxAhead is how far ahead of its clock a server may believe a dirty timestamp.
const maxAhead = 10 * time.Minute

// mostOvertaken is how often a process may find a later stamp with its own address before that is another process, too.
const mostOvertaken = 3

// compare looks for a record that outdates this one although a server has accepted it: a registration with an earlier
// stamp changes nothing there. If it is of this address, a process before this one had a fast clock, and is overtaken.
func (r *Registration) compare(shown *heureka.Instance, serverTime time.Time) {
	ahead, stranger := r.overtake(shown, serverTime)
	log := r.client.cfg.Logger.With("app", r.key.App, "id", r.key.ID)
	if ahead > 0 {
		log.Info("overtaking an older registration with a later stamp", "ahead", ahead)
	}
	if stranger {
		log.Warn("another process registers under this key", "host", shown.HostName, "ip", shown.IPAddr)
	}
}

// overtake gives the record a stamp that outdates the one that is shown. It reports by how much that was ahead, or that it
// is another process's, once.
func (r *Registration) overtake(shown *heureka.Instance, serverTime time.Time) (ahead time.Duration, stranger bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := r.record
	if r.dirty || r.accepted == 0 || shown.LastDirtyMS <= own.LastDirtyMS {
		return 0, false
	}
	stamp := min(shown.LastDirtyMS+1, serverTime.Add(maxAhead).UnixMilli())
	mine := shown.IPAddr == own.IPAddr || shown.HostName == own.HostName
	if !mine || r.overtook >= mostOvertaken || stamp <= own.LastDirtyMS {
		stranger, r.warned = !r.warned, true
		return 0, stranger
	}
	r.overtook++
	in := own.Clone()
	in.LastDirtyMS = stamp
	r.record, r.dirty, r.urgent = in, true, true
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return time.Duration(shown.LastDirtyMS-own.LastDirtyMS) * time.Millisecond, false
}
