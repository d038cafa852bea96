package client_test

import (
	"fmt"
	"math/rand/v2"
	neturl "net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// TestViewIsTheNodes is TestViewIsTheServers with a ring of real nodes, which die and come back: after every refresh the
// client sees what the node sees that it asked.
func TestViewIsTheNodes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, rand.New(rand.NewPCG(seed, 2)))
		n := 100
		if *long {
			n = 10_000
		}
		for step := range n {
			f.step(step)
		}
	})
}

// A fleet is a service of five instances, on a ring of two nodes.
type fleet struct {
	t       *testing.T
	r       *rand.Rand
	cluster *heurekatest.Cluster
	client  *client.Client
	down    string // "" or the node that is down
	live    []*heureka.Instance
}

func newFleet(t *testing.T, r *rand.Rand) *fleet {
	f := &fleet{t: t, r: r, cluster: heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"one", "two"}, Seed: 3})}
	time.Sleep(10 * time.Second)
	for i := range 5 {
		f.live = append(f.live, inst("a", fmt.Sprint(i), up))
		f.register(f.live[i])
	}
	transport := f.cluster.Transport("app")
	t.Cleanup(transport.CloseIdleConnections)
	w := newWorld(t)
	f.client = w.client(client.Config{Servers: f.cluster.URLs(), Transport: transport, FetchInterval: time.Hour})
	w.run(f.client)
	if err := f.client.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// conn returns a way to a node that is up.
func (f *fleet) conn() *client.API {
	name := []string{"one", "two"}[f.r.IntN(2)]
	if f.down != "" {
		name = map[string]string{"one": "two", "two": "one"}[f.down]
	}
	return f.cluster.Node(name).Conn("app")
}

// register gives a lease that outlives the test.
func (f *fleet) register(in *heureka.Instance) {
	in.Lease.DurationSecs = 1 << 30
	in.LastDirtyMS = time.Now().UnixMilli()
	if err := f.conn().Register(f.t.Context(), in); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fleet) step(number int) {
	for range f.r.IntN(3) {
		i := f.r.IntN(len(f.live))
		if err := f.conn().Cancel(f.t.Context(), f.live[i].Key()); err != nil {
			f.t.Fatal(err)
		}
		f.live[i] = inst("a", fmt.Sprintf("%d-%d", number, i), up)
		f.register(f.live[i])
	}
	f.disturb()
	pause := []time.Duration{time.Second, time.Minute, 10 * time.Minute}[f.r.IntN(3)]
	time.Sleep(3*time.Second + time.Duration(f.r.Int64N(int64(pause))))
	if err := f.client.Refresh(f.t.Context()); err != nil {
		return
	}
	asked, _ := neturl.Parse(f.client.Stats().QueryServer)
	doc, err := f.cluster.Node(asked.Hostname()).Conn("app").Applications(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if diff := cmp.Diff(states(doc), states(f.client.Snapshot().Applications())); diff != "" {
		f.t.Fatalf("step %d (-node +client):\n%s", number, diff)
	}
}

// disturb kills a node or starts it again, and waits until that has a registry.
func (f *fleet) disturb() {
	switch f.r.IntN(20) {
	case 0:
		if f.down == "" {
			time.Sleep(3 * time.Second) // what was written has reached the other
			f.down = []string{"one", "two"}[f.r.IntN(2)]
			f.cluster.Node(f.down).Kill()
		}
	case 1, 2, 3:
		if f.down != "" {
			f.cluster.Node(f.down).Start()
			time.Sleep(time.Minute)
			f.down = ""
		}
	}
}
