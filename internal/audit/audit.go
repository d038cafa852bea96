// Package audit writes down who changed what and who was kept from it: a line of JSON each, in the background, so that nobody
// waits for where the lines go. What deserves a line is left to its callers.
package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// An Entry is one line. It never holds a secret: of metadata, which may have some, only names.
type Entry struct {
	Time      time.Time `json:"time"`
	Node      string    `json:"node"`
	Principal string    `json:"principal,omitempty"` // who, as they have proved
	Proof     string    `json:"proof,omitempty"`     // by what kind of credential
	Address   string    `json:"address,omitempty"`   // from where; of a peer that was asked, its URL
	Action    string    `json:"action"`
	App       string    `json:"application,omitempty"`
	ID        string    `json:"id,omitempty"`
	Origin    string    `json:"origin,omitempty"` // client, operator, node, peer, anti-entropy
	Note      string    `json:"note,omitempty"`   // a person's reason, as they claim
	Owner     string    `json:"owner,omitempty"`  // who has registered the instance, if that is somebody else
	Before    *State    `json:"before,omitempty"`
	After     *State    `json:"after,omitempty"`
	Metadata  []string  `json:"metadata,omitempty"` // names of what differs between the two
	Outcome   Outcome   `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Repeated  uint64    `json:"repeated,omitempty"` // how many more like this there were since the line before
}

// An Outcome is what became of an action.
type Outcome string

// The outcomes.
const (
	Done   Outcome = "done"
	Denied Outcome = "denied" // for want of a credential or a role
	Failed Outcome = "failed" // for another reason
)

// A State is what decides where traffic for an instance goes.
type State struct {
	Status     string `json:"status"`
	Override   string `json:"override,omitempty"`
	HostName   string `json:"hostName,omitempty"`
	IPAddr     string `json:"ipAddr,omitempty"`
	Port       int    `json:"port,omitempty"`
	SecurePort int    `json:"securePort,omitempty"`
	VIP        string `json:"vipAddress,omitempty"`
}

// StateOf returns the state of an instance; nil if there is none.
func StateOf(in *heureka.Instance) *State {
	if in == nil {
		return nil
	}
	s := &State{Status: in.Status.String(), HostName: in.HostName, IPAddr: in.IPAddr, VIP: in.VIPAddress}
	if in.OverriddenStatus != heureka.StatusUnknown {
		s.Override = in.OverriddenStatus.String()
	}
	if in.Port.Enabled {
		s.Port = in.Port.Number
	}
	if in.SecurePort.Enabled {
		s.SecurePort = in.SecurePort.Number
	}
	return s
}

const (
	queued  = 8192            // entries that wait, at most
	retry   = time.Second     // between two attempts to write a line
	stalled = 2 * time.Second // a write that takes longer counts as failed
)

// A Log takes entries and writes them. Safe for concurrent use; a nil Log takes none.
type Log struct {
	w    io.Writer
	node string
	log  *slog.Logger

	queue   chan Entry
	written atomic.Uint64
	dropped atomic.Uint64
	errors  atomic.Uint64
	failing atomic.Bool
	began   atomic.Int64 // when the write under way began, in nanoseconds; 0: there is none
}

// New returns a Log of a node. Each line is one Write to w. Trouble with w goes to log.
func New(w io.Writer, node string, log *slog.Logger) *Log {
	return &Log{w: w, node: node, log: log, queue: make(chan Entry, queued)}
}

// Add takes an entry, or drops and counts it if too many wait already.
func (l *Log) Add(e Entry) {
	if l == nil {
		return
	}
	select {
	case l.queue <- e:
	default:
		l.dropped.Add(1)
	}
}

// Lost counts entries that could not even be made.
func (l *Log) Lost(n uint64) { l.dropped.Add(n) }

// Failing reports whether what happens now may never be written.
func (l *Log) Failing(now time.Time) bool {
	if l == nil {
		return false
	}
	began := l.began.Load()
	return l.failing.Load() || len(l.queue) == cap(l.queue) || began != 0 && now.Sub(time.Unix(0, began)) > stalled
}

// Stats are numbers of a Log.
type Stats struct {
	Written, Dropped, Errors uint64
}

// Stats returns what has become of entries so far.
func (l *Log) Stats() Stats {
	return Stats{Written: l.written.Load(), Dropped: l.dropped.Load(), Errors: l.errors.Load()}
}

// Run writes until ctx has ended and nothing waits any more.
func (l *Log) Run(ctx context.Context) {
	for {
		select {
		case e := <-l.queue:
			l.write(ctx, &e)
			continue
		default:
		}
		select {
		case e := <-l.queue:
			l.write(ctx, &e)
		case <-ctx.Done():
			if len(l.queue) == 0 {
				return
			}
		}
	}
}

// write repeats a line until it is written; after the end of ctx it tries once.
func (l *Log) write(ctx context.Context, e *Entry) {
	e.Node = l.node
	e.Time = e.Time.UTC()
	line := encode(e)
	for {
		n, err := l.once(line)
		if err == nil {
			l.written.Add(1)
			if l.failing.CompareAndSwap(true, false) {
				l.log.Info("audit log written again", "dropped", l.dropped.Load())
			}
			return
		}
		line = line[n:]
		l.errors.Add(1)
		if l.failing.CompareAndSwap(false, true) {
			l.log.Error("cannot write audit log, trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			l.dropped.Add(1)
			return
		case <-time.After(retry):
		}
	}
}

func (l *Log) once(line []byte) (int, error) {
	l.began.Store(time.Now().UnixNano())
	defer l.began.Store(0)
	n, err := l.w.Write(line)
	return min(max(n, 0), len(line)), err
}

func encode(e *Entry) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic("audit: " + err.Error()) // a mistake in this package: all fields have JSON
	}
	return b.Bytes()
}
