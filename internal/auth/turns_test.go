package auth

import (
	"encoding/base64"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// waits takes a place in the queue.
func waits(t *testing.T, q *turns, address string, now time.Time) *turn {
	t.Helper()
	w := q.queue(network(address), now)
	if w == nil {
		t.Fatal("nobody is in its way")
	}
	return w
}

// has reports what became of a place.
func (w *turn) has() string {
	select {
	case given := <-w.given:
		return map[bool]string{true: "turn", false: "refused"}[given]
	default:
		return "waits"
	}
}

// Who has failed waits behind who has not, for a minute.
func TestFloodsDelayNobodyElse(t *testing.T) {
	var q turns
	now := time.Now()
	for range hashing {
		q.take("192.0.2.66", now)
	}
	var flood []*turn
	for range 10 {
		flood = append(flood, waits(t, &q, "192.0.2.66", now))
	}
	first := waits(t, &q, "192.0.2.1", now)
	q.give("192.0.2.66", false, now)
	if first.has() != "turn" || flood[0].has() != "waits" {
		t.Error("a first login waits for a flood")
	}
	second := waits(t, &q, "2001:db8::1", now)
	third := waits(t, &q, "2001:db8::2", now) // of the same network
	q.give("192.0.2.1", true, now)
	if second.has() != "turn" {
		t.Error("another first login waits for a flood")
	}
	q.give("2001:db8::1", false, now)
	q.give("192.0.2.66", false, now)
	if third.has() != "turn" || flood[0].has() != "turn" { // at first both had failed once, then the flood twice
		t.Error("who has failed less often waits for who has failed more often")
	}
	later := now.Add(blame)
	fresh := waits(t, &q, "192.0.2.9", later)
	for range flood[1:] {
		q.give("192.0.2.66", true, later)
	}
	if fresh.has() != "waits" || flood[9].has() != "turn" {
		t.Error("what failed a minute ago is still held against its address")
	}
}

// One address has only so many places, and all together have a bound; who has failed goes first.
func TestWaitingIsBounded(t *testing.T) {
	var q turns
	now := time.Now()
	for range hashing {
		q.take("192.0.2.66", now)
	}
	for range waitingOfOne {
		waits(t, &q, "192.0.2.66", now)
	}
	if w := waits(t, &q, "192.0.2.66", now); w.has() != "refused" {
		t.Error("one address has more places than it may")
	}
	q.failed = map[string]failures{"192.0.2.66": {1, now}}
	for i := range waitingOfAll - waitingOfOne {
		waits(t, &q, string(rune('a'+i)), now)
	}
	if w := waits(t, &q, "192.0.2.1", now); w.has() != "waits" || len(q.waiting) != waitingOfAll {
		t.Errorf("a first login is %s, with %d in the queue", w.has(), len(q.waiting))
	}
}

// A fleet that shows one password at once has it hashed once or twice, whether it is right or wrong.
func TestSamePasswordIsHashedOnce(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for password, wrong := range map[string]bool{"p": false, "q": true} {
		a, err := New(Config{Local: Local{User: "user", Password: "{bcrypt}" + string(hash), Roles: All}})
		if err != nil {
			t.Fatal(err)
		}
		shown := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+password))
		var fleet sync.WaitGroup
		for range waitingOfOne {
			fleet.Go(func() {
				if p := a.Identify(shown, "192.0.2.1", time.Now()); p.Wrong != wrong {
					t.Errorf("%q is %+v", password, p)
				}
			})
		}
		fleet.Wait()
		if n := a.Computed(); n > hashing {
			t.Errorf("%q was hashed %d times", password, n)
		}
	}
}
