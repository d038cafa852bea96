package replication_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/replication"
)

var (
	errUnknownName = fmt.Errorf("fetch: %w", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}})
	dnsDown        = &net.DNSError{Err: "server misbehaving", IsTemporary: true}
	refused        = &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	timedOut       = context.DeadlineExceeded
)

// A ring whose peers cannot have a registry opens when arrivals have ebbed; one whose peers may have one that cannot be had
// now waits for five minutes.
func TestWhoCannotHaveARegistry(t *testing.T) {
	tests := map[string]struct {
		peers []error // what asking them brings
		look  error   // what looking them up brings
		after time.Duration
	}{
		"all start":                                {[]error{heureka.ErrNotReady, heureka.ErrNotReady}, nil, 90 * time.Second},
		"one starts, one refuses":                  {[]error{heureka.ErrNotReady, refused}, nil, 90 * time.Second},
		"one refuses, the name of one is unknown":  {[]error{refused, errUnknownName}, nil, 90 * time.Second},
		"no name exists":                           {[]error{errUnknownName, errUnknownName}, nil, 90 * time.Second},
		"the name that leads to them is unknown":   {nil, errors.Join(nil, errUnknownName), 90 * time.Second},
		"both":                                     {[]error{errUnknownName}, errors.Join(errUnknownName, errUnknownName), 90 * time.Second},
		"the name server does not answer":          {[]error{dnsDown}, nil, 5 * time.Minute},
		"it does not when they are looked up":      {nil, dnsDown, 5 * time.Minute},
		"one name is unknown, another not asked":   {nil, errors.Join(errUnknownName, dnsDown), 5 * time.Minute},
		"one times out":                            {[]error{errUnknownName, timedOut}, nil, 5 * time.Minute},
		"one has a registry that cannot be copied": {[]error{refused, replication.ErrUncopied}, nil, 5 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			began := time.Unix(1e9, 0)
			join := replication.Join{Began: began, Limit: 5 * time.Minute, Interval: 30 * time.Second, Lease: 90 * time.Second}
			for now := began; ; now = now.Add(replication.RetryWhileWaiting) {
				var r replication.Round
				for i, err := range tt.peers {
					r.Note(&replication.Copied{Peer: fmt.Sprint("http://", i), Err: err})
				}
				r.Looked(now, tt.look)
				why, open := join.Open(&r, new(replication.Arrivals), now)
				if open && now.Sub(began) != tt.after || !open && now.Sub(began) >= tt.after {
					t.Fatalf("after %v open = %v: %s", now.Sub(began), open, why)
				}
				if open {
					return
				}
				if tt.look == nil && errors.Is(tt.peers[len(tt.peers)-1], errUnknownName) && !strings.Contains(why, "do not exist") {
					t.Errorf("why = %q", why)
				}
			}
		})
	}
}

// That a name does not exist counts when it is said twice, five seconds apart, without another answer between.
func TestNoSuchNameCountsTheSecondTime(t *testing.T) {
	began := time.Unix(1e9, 0)
	join := replication.Join{Began: began, Limit: 5 * time.Minute, Interval: time.Second, Lease: time.Second}
	for i, step := range []struct {
		at   time.Duration
		err  error
		open bool
	}{
		{50 * time.Second, errUnknownName, false},
		{54 * time.Second, errUnknownName, false},
		{56 * time.Second, timedOut, false},
		{60 * time.Second, errUnknownName, false},
		{65 * time.Second, errUnknownName, true},
	} {
		var r replication.Round
		now := began.Add(step.at)
		r.Note(&replication.Copied{Peer: "http://b", Err: step.err})
		if why, open := join.Open(&r, new(replication.Arrivals), now); open != step.open {
			t.Errorf("step %d: open = %v: %s", i, open, why)
		}
	}
}
