package replication_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

func TestDriftWaitsUntilADifferenceLasts(t *testing.T) {
	var d replication.Drift
	look := func(after time.Duration, want bool, wantLook time.Duration) {
		t.Helper()
		exchange, at := d.Differ(start.Add(after), false)
		if exchange != want || !exchange && !at.Equal(start.Add(wantLook)) {
			t.Errorf("after %v: exchange %t, look at %v; want %t, %v", after, exchange, at.Sub(start), want, wantLook)
		}
	}
	look(0, false, replication.SettleTime)
	look(time.Second, false, replication.SettleTime)
	d.Equal() // it was only under way
	look(2*time.Second, false, 2*time.Second+replication.SettleTime)
	look(2*time.Second+replication.SettleTime, true, 0)

	d.Exchanged(0, time.Minute, start.Add(10*time.Second)) // in vain
	look(11*time.Second, false, 70*time.Second)
	if d.May(start.Add(69*time.Second)) || !d.May(start.Add(70*time.Second)) {
		t.Error("an exchange in vain is repeated before its pause is over, or not after it")
	}
	look(70*time.Second, true, 0)

	d.Exchanged(5, time.Minute, start.Add(80*time.Second)) // there may be more to have
	look(80*time.Second, false, 80*time.Second+replication.SettleTime)
	if exchange, _ := d.Differ(start.Add(81*time.Second), true); !exchange || !d.May(start.Add(81*time.Second)) {
		t.Error("the first contact after a failure waits")
	}
}

func TestFruitlessBucketsAreLeftAlone(t *testing.T) {
	var mine, theirs [registry.Buckets]uint64
	f := make(replication.Fruitless)
	differing := func(after time.Duration, want ...int) {
		t.Helper()
		if got := f.Differing(&mine, &theirs, start.Add(after)); !slices.Equal(got, want) {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
	}
	differing(0)
	mine[3], theirs[7], theirs[200] = 1, 2, 3
	differing(0, 3, 7, 200)
	mine[7] = 2 // merged
	f.Remember([]int{3, 7, 200}, &mine, &theirs, start)
	differing(30 * time.Second)
	theirs[3] = 5 // something happened there
	differing(30*time.Second, 3)
	mine[200] = 9 // and here
	differing(30*time.Second, 3, 200)
	mine[200] = 0
	differing(replication.FruitlessTime, 3, 200) // worth another try after a while
	theirs[7] = 0
	differing(30*time.Second, 3, 7)
}

// Whoever invents nodes takes little memory.
func TestGuardForgets(t *testing.T) {
	g := replication.NewGuard("me", start)
	for i := range 5000 {
		from := replication.Greeting{Node: fmt.Sprint(i), Batch: "1", Heard: g.Clock(start)}
		if admitted, _ := g.Admit(from, i%2 == 0, start); !admitted {
			t.Fatalf("the first batch of node %d is refused", i)
		}
	}
	if n := g.Senders(); n > 1024 {
		t.Errorf("%d nodes are remembered, want 1,024 at most", n)
	}
}
