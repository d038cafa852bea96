package scenario_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/scenario"
	"heureka.internal/heureka/server"
)

// Real servers that keep their registries on disk lose power, one or all at once, and come back with disks in all states. Who is
// alive is there in the end, and what operators have said, whoever has it on a disk that is whole.
func TestDisks(t *testing.T) {
	for seed := uint64(1); seed <= howMany(8, 2); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newDisks(t, seed).play() })
		})
	}
}

// disks is a ring of nodes that keep their registries.
type disks struct {
	*whole
	dir  string
	old  string                         // what was on the disks early on
	said map[heureka.Key]heureka.Status // the overrides
}

func newDisks(t *testing.T, seed uint64) *disks {
	d := &disks{dir: t.TempDir(), old: t.TempDir(), said: map[heureka.Key]heureka.Status{}}
	names := []string{"a", "b", "c"}
	d.whole = &whole{rng: rand.New(rand.NewPCG(seed, 4)), ring: newRingOf(t, heurekatest.ClusterConfig{
		Nodes: names, Seed: seed, Configure: func(node string, cfg *server.Config) { cfg.DataDir = filepath.Join(d.dir, node) },
	})}
	time.Sleep(time.Minute) // until all are open
	for range 8 {
		d.register()
	}
	time.Sleep(15 * time.Second) // until that is on the disks
	d.copy(d.dir, d.old, names...)
	return d
}

func (d *disks) play() {
	for range 4 {
		for range 3 {
			d.step(d.upTo(10 * time.Second))
			if d.rng.IntN(3) == 0 {
				d.register()
			}
			d.say()
		}
		d.step(scenario.Agreement) // until the last word is on all disks
		lost := []string{d.pick()}
		if d.rng.IntN(2) == 0 {
			lost = d.names
		}
		d.lose(lost)
		d.step(d.upTo(time.Minute))
	}
	d.step(scenario.Agreement + 30*time.Second)
	d.converged()
	for id, want := range d.said {
		for _, name := range d.names {
			if in, ok := d.c.Node(name).Server().Instance(id); !ok || in.OverriddenStatus != want {
				d.t.Errorf("%s has %s overridden to %v (there: %t), an operator said %v", name, id, in.OverriddenStatus, ok, want)
			}
		}
	}
}

// say has an operator say something of an instance.
func (d *disks) say() {
	id, node := d.ids()[0], d.pick()
	if !d.c.Node(node).Has(id.App, id.ID) {
		return
	}
	s := []heureka.Status{heureka.StatusOutOfService, heureka.StatusDown, heureka.StatusUnknown}[d.rng.IntN(3)]
	var err error
	if s == heureka.StatusUnknown {
		err = d.conns[node].ClearOverride(d.t.Context(), id, heureka.StatusUp, 0)
	} else {
		err = d.conns[node].SetOverride(d.t.Context(), id, s, 0)
	}
	if err != nil {
		d.t.Errorf("%s refuses %v for %s: %v", node, s, id, err)
	}
	d.said[id] = s
}

// lose cuts the power of some nodes and starts them again. One disk stays as it is.
func (d *disks) lose(names []string) {
	held := d.t.TempDir()
	d.copy(d.dir, held, names...)
	for _, name := range names {
		d.c.Node(name).Kill()
	}
	whole := d.pick()
	for _, name := range names { // what nodes still wrote is lost
		if err := os.RemoveAll(filepath.Join(d.dir, name)); err != nil {
			d.t.Fatal(err)
		}
	}
	d.copy(held, d.dir, names...)
	for _, name := range names {
		if name != whole {
			d.damage(filepath.Join(d.dir, name), name)
		}
	}
	time.Sleep(d.upTo(20 * time.Second))
	for _, name := range names {
		d.c.Node(name).Start()
	}
}

// damage does something to a disk.
func (d *disks) damage(dir, name string) {
	kind := d.rng.IntN(6)
	d.t.Logf("%v: disk %d at %s", time.Now().Format(time.TimeOnly), kind, name)
	var err error
	switch kind {
	case 0: // nothing
	case 1: // gone
		err = os.RemoveAll(dir)
	case 2: // old
		if err = os.RemoveAll(dir); err == nil {
			d.copy(d.old, d.dir, name)
		}
	case 3: // the last one torn
		err = os.Truncate(filepath.Join(dir, "registry.gz"), 100)
	case 4: // both torn, or the only one
		err = os.Truncate(filepath.Join(dir, "registry.gz"), 50)
		if more := os.Truncate(filepath.Join(dir, "registry.previous.gz"), 50); !errors.Is(more, fs.ErrNotExist) {
			err = errors.Join(err, more)
		}
	case 5: // of another node
		if err = os.RemoveAll(dir); err == nil {
			err = os.CopyFS(dir, os.DirFS(filepath.Join(d.old, d.pick())))
		}
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disks) copy(from, to string, names ...string) {
	d.t.Helper()
	for _, name := range names {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
			d.t.Fatal(err)
		}
	}
}
