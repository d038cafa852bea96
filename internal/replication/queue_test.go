package replication_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
	"heureka.internal/heureka/internal/wire"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// records is a registry as the queue sees it.
type records map[heureka.Key]*heureka.Instance

func (r records) Find(key heureka.Key) (registry.Record, bool) {
	in, ok := r[key]
	return registry.NewRecord(in), ok
}

func keyOf(id string) heureka.Key { return heureka.Key{App: "APP", ID: id} }

func instance(id string) *heureka.Instance {
	return &heureka.Instance{
		App: "APP", ID: id, HostName: id, Status: heureka.StatusUp, LastDirtyMS: 7, DataCenter: heureka.OwnDataCenter,
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
	}
}

// bench is a queue with a registry and a clock, as its sender has them.
type bench struct {
	t     *testing.T
	q     *replication.Queue
	recs  records
	now   time.Time
	batch *replication.Batch
}

// newBench has n instances named "0", "1" and so on.
func newBench(t *testing.T, n int, cfg replication.QueueConfig) *bench {
	t.Helper()
	cfg.Rand = rand.New(rand.NewPCG(1, 2))
	b := &bench{t: t, q: replication.NewQueue(replicationtest.Queue(cfg)), recs: records{}, now: start}
	for i := range n {
		b.recs[keyOf(fmt.Sprint(i))] = instance(fmt.Sprint(i))
	}
	return b
}

// add queues operations such as "Heartbeat 0".
func (b *bench) add(ops ...string) {
	b.t.Helper()
	for _, o := range ops {
		action, id, _ := strings.Cut(o, " ")
		b.q.Add(wire.ReplicationAction(action), keyOf(id), b.now)
	}
}

func (b *bench) addMany(action string, from, to int) {
	for i := from; i < to; i++ {
		b.add(fmt.Sprint(action, " ", i))
	}
}

// next takes the next batch, which must be there, and returns its items as "Heartbeat 0".
func (b *bench) next() []string {
	b.t.Helper()
	batch, wait := b.q.Next(b.now)
	if batch == nil {
		b.t.Fatalf("no batch, wait %v", wait)
	}
	b.batch = batch
	got := []string{}
	for _, it := range batch.Fill(b.recs, b.now) {
		got = append(got, string(it.Action)+" "+it.ID)
	}
	return got
}

// wait returns how long the next batch is away.
func (b *bench) wait() time.Duration {
	b.t.Helper()
	batch, wait := b.q.Next(b.now)
	if batch != nil {
		b.t.Fatalf("a batch is due, want a wait")
	}
	return wait
}

func (b *bench) done(o replication.Outcome, codes ...int) []wire.ReplicationResult {
	results := make([]wire.ReplicationResult, len(codes))
	for i, c := range codes {
		results[i].StatusCode = c
	}
	return b.q.Done(b.batch, replication.Result{Outcome: o, Results: results}, b.now)
}

func (b *bench) want(got []string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		b.t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestQueueCoalesces(t *testing.T) {
	tests := []struct {
		name string
		add  string // operations on instance 0
		want string
		gone bool // the instance has left the registry
	}{
		{"one of each kind", "Heartbeat,Heartbeat,Heartbeat", "Heartbeat", false},
		{"registration replaces heartbeat", "Heartbeat,Register", "Register", false},
		{"heartbeat after registration", "Register,Heartbeat", "Register", false},
		{"two registrations", "Register,Register", "Register", false},
		{"override with heartbeat", "Heartbeat,DeleteStatusOverride", "DeleteStatusOverride,Heartbeat", false},
		{"override set and removed", "StatusUpdate,DeleteStatusOverride", "DeleteStatusOverride", false},
		{"registration keeps override", "DeleteStatusOverride,Register", "Register,DeleteStatusOverride", false},
		{"override after registration", "Register,DeleteStatusOverride,Heartbeat", "Register,DeleteStatusOverride", false},
		{"cancel replaces everything", "Register,StatusUpdate,Heartbeat,Cancel", "Cancel", true},
		{"registration after cancel", "StatusUpdate,Cancel,Register", "Register,DeleteStatusOverride", false},
		{"heartbeat after all that", "Cancel,Register,Heartbeat", "Register,DeleteStatusOverride", false},
		{"override after cancel", "Cancel,StatusUpdate", "Register,DeleteStatusOverride", false},
		{"S-REPL-4 heartbeat of a gone instance", "Heartbeat", "", true},
		{"S-REPL-4 status of a gone instance", "StatusUpdate", "", true},
		{"registration of a gone instance", "Register", "", true},
		{"cancelled, registered and gone", "Cancel,Register", "Cancel", true},
		{"cancelled here, registered elsewhere since", "Cancel", "Register,DeleteStatusOverride", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 1, replication.QueueConfig{Linger: -1})
			for a := range strings.SplitSeq(tt.add, ",") {
				b.add(a + " 0")
			}
			if b.q.Len() != 1 {
				t.Errorf("Len = %d, want 1", b.q.Len())
			}
			if tt.gone {
				delete(b.recs, keyOf("0"))
			}
			want := []string{}
			for a := range strings.SplitSeq(tt.want, ",") {
				if a != "" {
					want = append(want, a+" 0")
				}
			}
			b.want(b.next(), want...)
			if gone := b.gone(); gone != (len(want) == 0) {
				t.Errorf("counted as gone: %t", gone)
			}
		})
	}
}

func (b *bench) gone() bool {
	b.done(replication.Unsent)
	return b.q.Counts().Gone == 1
}

// S-REPL-3: fields are read when the batch is built.
func TestRepl3Fields(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{Linger: -1})
	b.add("Register 0", "StatusUpdate 0")
	in := instance("0")
	in.LastDirtyMS, in.Status, in.OverriddenStatus = 12, heureka.StatusOutOfService, heureka.StatusOutOfService
	b.recs[keyOf("0")] = in
	batch, _ := b.q.Next(b.now)
	item := func(a wire.ReplicationAction) wire.ReplicationItem {
		return wire.ReplicationItem{App: "APP", ID: "0", Action: a, LastDirtyMS: 12, HasLastDirty: true, Status: "OUT_OF_SERVICE"}
	}
	register, beat := item(wire.Register), item(wire.Heartbeat)
	register.Instance = in
	override := item(wire.StatusUpdate)
	override.Stamp, register.HasOwn = new(wire.Stamp), true
	want := []wire.ReplicationItem{register, override}
	if diff := cmp.Diff(want, batch.Fill(b.recs, b.now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.q.Done(batch, replication.Result{}, b.now)

	b.add("Heartbeat 0")
	batch, _ = b.q.Next(b.now)
	beat.OverriddenStatus = "OUT_OF_SERVICE"
	if diff := cmp.Diff([]wire.ReplicationItem{beat}, batch.Fill(b.recs, b.now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.q.Done(batch, replication.Result{}, b.now)

	delete(b.recs, keyOf("0"))
	b.add("Cancel 0")
	batch, _ = b.q.Next(b.now)
	cancel := wire.ReplicationItem{App: "APP", ID: "0", Action: wire.Cancel}
	if diff := cmp.Diff([]wire.ReplicationItem{cancel}, batch.Fill(b.recs, b.now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a peer is told of an override is the override, even where the instance's own status outranks it (S-RULE-4), or that
// there is none. The reference sends the record's status in each case, and so gives the peer overrides that nobody set.
func TestStatusUpdateCarriesTheOverride(t *testing.T) {
	tests := []struct {
		name         string
		action       wire.ReplicationAction
		status, over heureka.Status
		want         string
	}{
		{"override in force", wire.StatusUpdate, heureka.StatusOutOfService, heureka.StatusOutOfService, "StatusUpdate OUT_OF_SERVICE"},
		{"instance is down", wire.StatusUpdate, heureka.StatusDown, heureka.StatusOutOfService, "StatusUpdate OUT_OF_SERVICE"},
		{"S-STATUS-3 no override recorded", wire.StatusUpdate, heureka.StatusUp, heureka.StatusUnknown, "DeleteStatusOverride UP"},
		{"removed", wire.DeleteStatusOverride, heureka.StatusUp, heureka.StatusUnknown, "DeleteStatusOverride UP"},
		{"S-STATUS-6 removed without a value", wire.DeleteStatusOverride, heureka.StatusUnknown, heureka.StatusUnknown, "DeleteStatusOverride UNKNOWN"},
		{"set again since", wire.DeleteStatusOverride, heureka.StatusDown, heureka.StatusDown, "StatusUpdate DOWN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 0, replication.QueueConfig{})
			in := instance("0")
			in.Status, in.OverriddenStatus = tt.status, tt.over
			b.recs[keyOf("0")] = in
			b.q.Add(tt.action, keyOf("0"), b.now)
			batch, _ := b.q.Next(b.now)
			items := batch.Fill(b.recs, b.now)
			if got := string(items[0].Action) + " " + items[0].Status; len(items) != 1 || got != tt.want {
				t.Errorf("got %d items, first %s, want %s", len(items), got, tt.want)
			}
		})
	}
}

// An operation goes out at once when the peer is idle, and takes what lingers along (design: sent at once).
func TestOperationsGoAtOnce(t *testing.T) {
	b := newBench(t, 5, replication.QueueConfig{})
	if w := b.wait(); w != replication.Idle {
		t.Errorf("an empty queue waits %v", w)
	}
	b.add("Heartbeat 0")
	if w := b.wait(); w != replication.Linger {
		t.Errorf("a heartbeat waits %v, want %v", w, replication.Linger)
	}
	b.now = b.now.Add(100 * time.Millisecond)
	b.add("Register 1")
	b.want(b.next(), "Register 1", "Heartbeat 0")
	b.add("Cancel 2", "Heartbeat 3")
	if w := b.wait(); w != replication.Idle {
		t.Errorf("with a batch out, Next waits %v, want for Done", w)
	}
	delete(b.recs, keyOf("2"))
	b.done(replication.Delivered, 200, 200)
	b.want(b.next(), "Cancel 2", "Heartbeat 3")
}

func TestHeartbeatsGather(t *testing.T) {
	b := newBench(t, 300, replication.QueueConfig{})
	for i := range 250 {
		if w, want := b.q.Add(wire.Heartbeat, keyOf(fmt.Sprint(i)), b.now), i == 0 || i == 249; w != want {
			t.Errorf("heartbeat %d wakes the sender: %t, want %t", i, w, want)
		}
	}
	if n := len(b.next()); n != 250 {
		t.Errorf("a full batch has %d items, want 250 at once", n)
	}
	b.done(replication.Delivered)
	b.addMany("Heartbeat", 0, 3)
	b.now = b.now.Add(replication.Linger)
	b.want(b.next(), "Heartbeat 0", "Heartbeat 1", "Heartbeat 2")
}

// A queue that is full does not linger: it would drop what comes next.
func TestFullQueueDoesNotLinger(t *testing.T) {
	b := newBench(t, 4, replication.QueueConfig{MaxPending: 3})
	b.addMany("Heartbeat", 0, 2)
	if w := b.wait(); w != replication.Linger {
		t.Errorf("two of three wait %v", w)
	}
	if !b.q.Add(wire.Heartbeat, keyOf("2"), b.now) {
		t.Error("the sender sleeps on")
	}
	b.want(b.next(), "Heartbeat 0", "Heartbeat 1", "Heartbeat 2")
}

// S-DISP-8, S-DEF-3: one instance that heartbeats faster than batches go must not block the others.
func TestDef3FastHeartbeatsBlockNothing(t *testing.T) {
	b := newBench(t, 2, replication.QueueConfig{})
	for range 5 {
		b.add("Heartbeat 0")
		if w := b.wait(); w > replication.Linger {
			t.Fatalf("wait %v", w)
		}
		b.now = b.now.Add(100 * time.Millisecond)
	}
	b.want(b.next(), "Heartbeat 0")
}

// S-REPL-3, last column.
func TestRepl3Expiry(t *testing.T) {
	tests := []struct {
		op       string
		interval int64
		age      time.Duration
		want     bool
	}{
		{"Heartbeat", 30, 30*time.Second - 1, true},
		{"Heartbeat", 30, 30 * time.Second, false},
		{"Heartbeat", 5, 5 * time.Second, false},
		{"Heartbeat", 0, 90*time.Second - 1, true},
		{"Heartbeat", 0, 90 * time.Second, false},
		{"Heartbeat", 1 << 62, 24*time.Hour - 1, true},
		{"Register", 60, 60*time.Second - 1, true},
		{"Register", 60, 60 * time.Second, false},
		{"Register", 5, 30*time.Second - 1, true}, // as long as a cancel: it may have to follow one
		{"StatusUpdate", 90, 30*time.Second - 1, true},
		{"StatusUpdate", 90, 30 * time.Second, false},
		{"DeleteStatusOverride", 90, 30 * time.Second, false},
		{"Cancel", 0, 30*time.Second - 1, true},
		{"Cancel", 0, 30 * time.Second, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s of %ds after %v", tt.op, tt.interval, tt.age), func(t *testing.T) {
			b := newBench(t, 1, replication.QueueConfig{})
			b.recs[keyOf("0")].Lease.RenewalIntervalSecs = tt.interval
			if tt.op == "Cancel" {
				delete(b.recs, keyOf("0"))
			}
			b.add(tt.op + " 0")
			b.now = b.now.Add(tt.age)
			if got := len(b.next()) == 1; got != tt.want {
				t.Errorf("sent: %t, want %t", got, tt.want)
			}
			b.done(replication.Unsent)
			if got := b.q.Counts().Expired == 0; got != tt.want {
				t.Errorf("counts = %+v", b.q.Counts())
			}
		})
	}
}

// What is asked for while the queue itself makes a pause does not expire for that.
func TestPauseDoesNotExpire(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{})
	b.add("Heartbeat 0")
	for range 12 {
		b.now = b.now.Add(30 * time.Second)
		b.next()
		b.done(replication.Unreachable)
	}
	delete(b.recs, keyOf("0"))
	b.add("Cancel 0")
	pause := b.wait()
	b.now = b.now.Add(30*time.Second + pause - 1)
	b.want(b.next(), "Cancel 0")
	b.done(replication.Unreachable)
	b.now = b.now.Add(30 * time.Second)
	b.want(b.next())
}

// A newer operation of the same kind brings its own age (S-DISP-3).
func TestDisp3NewestAgeCounts(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{})
	b.add("Heartbeat 0")
	b.now = b.now.Add(29 * time.Second)
	b.add("Heartbeat 0")
	b.now = b.now.Add(29 * time.Second)
	b.want(b.next(), "Heartbeat 0")
	if got := b.q.Oldest(); !got.Equal(start) {
		t.Errorf("Oldest = %v, want the first: %v", got, start)
	}
}

// S-DISP-4, but heartbeats go first, and replacing needs no room.
func TestDisp4Overflow(t *testing.T) {
	b := newBench(t, 20, replication.QueueConfig{MaxPending: 4, Linger: -1})
	b.add("Register 0", "Heartbeat 1", "Heartbeat 2", "Register 3", "Heartbeat 2")
	if c := b.q.Counts().Overflowed; c != 0 {
		t.Fatalf("overflowed %d times before the queue was full", c)
	}
	b.add("Register 4", "StatusUpdate 5", "Register 6", "Heartbeat 7")
	if c := b.q.Counts().Overflowed; c != 4 {
		t.Errorf("overflowed %d times, want 4", c)
	}
	b.want(b.next(), "Register 3", "Register 4", "DeleteStatusOverride 5", "Register 6")

	b.add("Register 10", "Register 11", "Heartbeat 12", "Heartbeat 13")
	b.done(replication.Busy)
	if b.q.Len() != 4 {
		t.Errorf("Len after a retry = %d, want the maximum of 4", b.q.Len())
	}
	b.now = b.now.Add(5 * time.Second)
	b.want(b.next(), "DeleteStatusOverride 5", "Register 6", "Register 10", "Register 11") // the oldest, 3 and 4, had to go
}

func TestBacklogKeepsAShareForHeartbeats(t *testing.T) {
	b := newBench(t, 2000, replication.QueueConfig{})
	b.addMany("Heartbeat", 0, 500)
	b.addMany("Register", 500, 1000)
	got := b.next()
	b.want([]string{got[0], got[199], got[200], got[249]}, "Register 500", "Register 699", "Heartbeat 0", "Heartbeat 49")
	if len(got) != 250 {
		t.Errorf("%d items, want 250", len(got))
	}
	b.done(replication.Delivered)
	b.want([]string{b.next()[0]}, "Register 700")
}

func TestRepl14BatchSize(t *testing.T) {
	b := newBench(t, 1000, replication.QueueConfig{})
	for i := range 200 { // two items each
		b.add(fmt.Sprint("Register ", i), fmt.Sprint("StatusUpdate ", i))
	}
	if n := len(b.next()); n != 250 {
		t.Errorf("%d items, want 250", n)
	}
}

// S-SYNC-5.
func TestSync5Results(t *testing.T) {
	b := newBench(t, 6, replication.QueueConfig{Linger: -1})
	newer := instance("1")
	b.add("Register 4", "StatusUpdate 5")
	b.addMany("Heartbeat", 0, 4)
	b.want(b.next(), "Register 4", "DeleteStatusOverride 5", "Heartbeat 0", "Heartbeat 1", "Heartbeat 2", "Heartbeat 3")
	adopt := b.q.Done(b.batch, replication.Result{Results: []wire.ReplicationResult{
		{StatusCode: 500}, {StatusCode: 404}, {StatusCode: 404}, {StatusCode: 409, Instance: newer}, {StatusCode: 409}, {StatusCode: 200},
	}}, b.now)
	if diff := cmp.Diff([]wire.ReplicationResult{{StatusCode: 409, Instance: newer}}, adopt); diff != "" {
		t.Errorf("adopt (-want +got):\n%s", diff)
	}
	want := replication.QueueCounts{Delivered: 1, Unknown: 1, Conflicts: 1, Rejected: 3}
	if diff := cmp.Diff(want, b.q.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	b.want(b.next(), "Register 0")
}

// S-SYNC-7, S-DEF-31: a late heartbeat answered 404 must not bring a cancelled instance back.
func TestDef31NoResurrection(t *testing.T) {
	b := newBench(t, 1, replication.QueueConfig{Linger: -1})
	b.add("Heartbeat 0")
	b.next()
	b.add("Cancel 0")
	delete(b.recs, keyOf("0"))
	b.done(replication.Delivered, 404)
	b.want(b.next(), "Cancel 0")
}

// S-SYNC-5, W-REPL-12: a reply of another length says nothing about any item.
func TestSync5LengthMismatch(t *testing.T) {
	b := newBench(t, 2, replication.QueueConfig{Linger: -1})
	b.addMany("Heartbeat", 0, 2)
	b.next()
	b.done(replication.Delivered, 404)
	if c := b.q.Counts(); c.Unanswered != 2 || c.Unknown != 0 || b.q.Len() != 0 {
		t.Errorf("counts %+v, %d left", c, b.q.Len())
	}
}

// S-DISP-5: what comes back is merged with what was asked for since, oldest first.
func TestDisp5Retry(t *testing.T) {
	b := newBench(t, 6, replication.QueueConfig{MaxAge: time.Hour})
	delete(b.recs, keyOf("2"))
	b.add("Register 0", "Cancel 1", "StatusUpdate 2", "StatusUpdate 3")
	b.next()
	b.now = b.now.Add(time.Second)
	b.add("Register 4", "Heartbeat 0", "Register 1", "Cancel 2", "DeleteStatusOverride 3", "Heartbeat 5")
	if got := b.q.Oldest(); !got.Equal(start) {
		t.Errorf("Oldest = %v, want that of the batch that is out", got)
	}
	b.done(replication.Unreachable)
	if got := b.q.Oldest(); !got.Equal(start) {
		t.Errorf("Oldest = %v, want that of the batch that came back", got)
	}
	b.now = b.now.Add(time.Second)
	b.want(b.next(), "Register 0", "Register 1", "DeleteStatusOverride 1", "Cancel 2", "DeleteStatusOverride 3", "Register 4", "Heartbeat 5")
	if c := b.q.Counts(); c.Retried != 4 || c.Coalesced != 4 {
		t.Errorf("counts = %+v", c)
	}
}

func TestClear(t *testing.T) {
	b := newBench(t, 2, replication.QueueConfig{})
	b.addMany("Register", 0, 2)
	b.q.Clear()
	if b.q.Len() != 0 || b.wait() != replication.Idle || !b.q.Oldest().IsZero() {
		t.Error("something is left")
	}
	b.add("Register 0")
	b.want(b.next(), "Register 0")
}
