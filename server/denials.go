package server

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/auth"
)

const (
	denialInterval = time.Minute // between two lines of the audit log about the same denial
	maxDenials     = 4096        // kept apart; what is beyond them shares one line for each role and reason
	denialAge      = 24 * time.Hour
	lately         = 10 * time.Minute
)

// A denial is what requests have in common that were denied, or with mode observe would have been.
type denial struct {
	role      auth.Role
	why       int
	observed  bool // and let pass
	principal string
	address   string
	action    string
	app       string
	fault     string
}

// denied is how often, and when.
type denied struct {
	audit.Entry        // of the last one
	agent       string // likewise
	count       uint64
	first       time.Time
	unsaid      uint64    // since the last line of the audit log
	said        time.Time // when that was
}

// denials remember who was denied what, a bounded number. Safe for concurrent use.
type denials struct {
	mu     sync.Mutex
	kept   map[denial]*denied
	looked time.Time // for what may be forgotten, when there was no room
}

// add counts a denial, and reports whether it is time for a line of the audit log, with how many came since the last one.
func (d *denials) add(k denial, e audit.Entry, agent string) (due bool, repeated uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.kept[k]
	if x == nil && len(d.kept) >= maxDenials {
		d.forget(e.Time)
		if len(d.kept) >= maxDenials {
			k = denial{role: k.role, why: k.why, observed: k.observed, action: k.action}
			e.Principal, e.Address, e.App, e.ID, agent = "", "", "", "", ""
			x = d.kept[k]
		}
	}
	if x == nil {
		if d.kept == nil {
			d.kept = map[denial]*denied{}
		}
		x = &denied{first: e.Time}
		d.kept[k] = x
	}
	x.Entry, x.agent = e, agent
	x.count++
	if e.Time.Sub(x.said) < denialInterval {
		x.unsaid++
		return false, 0
	}
	repeated = x.unsaid
	x.said, x.unsaid = e.Time, 0
	return true, repeated
}

// forget drops what has not happened lately, if it is time to look. It is called with d locked.
func (d *denials) forget(now time.Time) {
	if now.Sub(d.looked) < denialInterval {
		return
	}
	d.looked = now
	for k, x := range d.kept {
		if now.Sub(x.Time) > denialAge && x.unsaid == 0 {
			delete(d.kept, k)
		}
	}
}

// repeats takes the lines that are due for denials that came again, of those that were not only observed.
func (d *denials) repeats(now time.Time) (due []audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, x := range d.kept {
		if k.observed || x.unsaid == 0 || now.Sub(x.said) < denialInterval {
			continue
		}
		e := x.Entry
		e.Repeated = x.unsaid - 1
		x.said, x.unsaid = now, 0
		due = append(due, e)
	}
	slices.SortFunc(due, func(a, b audit.Entry) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Address, b.Address)) })
	return due
}

// lines are all that is remembered, the most frequent of each role first.
func (d *denials) lines() []deniedLine {
	d.mu.Lock()
	all := make([]deniedLine, 0, len(d.kept))
	for k, x := range d.kept {
		all = append(all, deniedLine{Role: k.role.String(), Why: denialNames[k.why], Fault: k.fault, Passed: k.observed, Principal: k.principal,
			Address: k.address, Agent: x.agent, Action: k.action, App: k.app, ID: x.ID, Count: x.count, First: x.first.UTC(), Last: x.Time.UTC()})
	}
	d.mu.Unlock()
	slices.SortFunc(all, func(a, b deniedLine) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Address, b.Address), cmp.Compare(a.App, b.App), cmp.Compare(a.Action, b.Action))
	})
	return all
}

// passing counts the kinds of requests that pass although they would be denied, and did so lately.
func (d *denials) passing(now time.Time) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, x := range d.kept {
		if k.observed && now.Sub(x.Time) < lately {
			n++
		}
	}
	return n
}

// auditRepeated writes of denials that came again and again.
func (s *Server) auditRepeated(now time.Time) {
	due := s.strangers.repeats(now)
	if s.guard != nil {
		due = append(due, s.guard.recent.repeats(now)...)
	}
	for _, e := range due {
		s.audit.Add(e)
	}
}
