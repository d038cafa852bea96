package client_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// TestCopyOfAnUnreliableServer is G-TS-2 for the whole client: a server whose deltas lack changes, or come too late, or
// fail. After every refresh that succeeds the hash of the copy is the server's, and after a whole fetch so is all else;
// a refresh that fails never loses an instance (G-RQ-2).
func TestCopyOfAnUnreliableServer(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { copyUnreliable(t, rand.New(rand.NewPCG(seed, 5))) })
		})
	}
}

func copyUnreliable(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	eureka := w.server("eureka")
	eureka.put(inst("a", "0", up))
	var last client.RefreshInfo
	cfg := client.Config{Servers: []string{url("eureka")}, FetchInterval: time.Hour, Attempts: 1}
	cfg.Hooks.Refresh = func(i client.RefreshInfo) { last = i }
	c := w.client(cfg)
	w.run(c)
	sleep(time.Second)
	for range 60 {
		for range r.IntN(4) {
			eureka.disturb(r)
		}
		eureka.interfere(nil)
		if r.IntN(5) == 0 {
			eureka.interfere(answerAll(500))
		}
		sleep(time.Duration(r.IntN(300)) * time.Second) // longer than deltas reach back
		before := c.Snapshot()
		if err := c.Refresh(t.Context()); err != nil {
			if c.Snapshot() != before {
				t.Fatalf("a failure has changed the copy: %v", err)
			}
			continue
		}
		synctest.Wait()
		eureka.compare(t, c.Snapshot(), last.Full)
	}
	if got := c.Stats(); got.Mismatches == 0 || got.FullFetches == got.Fetches {
		t.Errorf("the seed proves nothing: %+v", got)
	}
}

// disturb changes a record, of which deltas may not tell.
func (f *fake) disturb(r *rand.Rand) {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := len(f.changes)
	in := inst(string(rune('a'+r.IntN(3))), fmt.Sprint(r.IntN(5)), []heureka.Status{up, heureka.StatusDown}[r.IntN(2)])
	if r.IntN(3) == 0 && len(f.records) > 1 {
		f.delete(in.Key())
	} else {
		f.store(in, heureka.ActionAdded)
	}
	if r.IntN(3) == 0 {
		f.changes = f.changes[:told]
	}
}

// compare wants the copy to have the server's hash or, if it was fetched as a whole, all of its records.
func (f *fake) compare(t *testing.T, got *client.Snapshot, whole bool) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if got.Hash() != f.hash() {
		t.Fatalf("hash %s, want %s", got.Hash(), f.hash())
	}
	for key, want := range f.records {
		if in, ok := got.Instance(key.App, key.ID); whole && (!ok || in.Status != want.Status) {
			t.Fatalf("%s is %v, want %v", key, in, want)
		}
	}
}
