package registry_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// start is the moment at which every test begins; it has no monotonic reading, so that times print alike.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A world is a registry with a clock of its own and a list of what changed.
type world struct {
	t *testing.T
	*registry.Registry
	now     time.Time
	changes []registry.Change
}

// netflix switches every difference to the reference on.
func netflix(cfg registry.Config) registry.Config {
	cfg.DoubledLeases, cfg.CountBeats, cfg.NoOverrideRepair, cfg.MinMissing = true, true, true, 1
	return cfg
}

// newWorld returns an empty registry that is not open yet.
func newWorld(t *testing.T, cfg registry.Config) *world {
	t.Helper()
	w := &world{t: t, now: start}
	if cfg.Rand == nil {
		cfg.Rand = rand.NewPCG(1, 2)
	}
	cfg.OnChange = func(ch registry.Change) { w.changes = append(w.changes, ch) }
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		t.Fatalf("New(%+v) = %v", cfg, err)
	}
	w.Registry = r
	return w
}

// inBothSettings runs a test with heureka's defaults and with those of the reference.
func inBothSettings(t *testing.T, cfg registry.Config, test func(*testing.T, *world)) {
	t.Helper()
	t.Run("default", func(t *testing.T) { test(t, newWorld(t, cfg)) })
	t.Run("netflix", func(t *testing.T) { test(t, newWorld(t, netflix(cfg))) })
}

func (w *world) advance(d time.Duration) { w.now = w.now.Add(d) }

// ms is the present time on the wire.
func (w *world) ms() int64 { return w.now.UnixMilli() }

func isNotFound(err error) bool { return errors.Is(err, heureka.ErrNotFound) }

// instance returns a plain instance of application A.
func instance(id string, edit ...func(*heureka.Instance)) *heureka.Instance {
	in := &heureka.Instance{
		App: "A", ID: id, HostName: id + ".example.org", IPAddr: "10.0.0.1", Status: heureka.StatusUp,
		DataCenter: heureka.OwnDataCenter, LastDirtyMS: 1000,
	}
	for _, f := range edit {
		f(in)
	}
	return in
}

func key(id string) heureka.Key { return heureka.Key{App: "A", ID: id} }

func status(s heureka.Status) func(*heureka.Instance) {
	return func(in *heureka.Instance) { in.Status = s }
}

func overridden(s heureka.Status) func(*heureka.Instance) {
	return func(in *heureka.Instance) { in.OverriddenStatus = s }
}

func dirty(ms int64) func(*heureka.Instance) {
	return func(in *heureka.Instance) { in.LastDirtyMS = ms }
}

func app(name string) func(*heureka.Instance) {
	return func(in *heureka.Instance) { in.App = name }
}

// leased sets heartbeat interval and lease duration in seconds.
func leased(interval, duration int64) func(*heureka.Instance) {
	return func(in *heureka.Instance) {
		in.Lease.RenewalIntervalSecs, in.Lease.DurationSecs = interval, duration
	}
}

func metadata(k, v string) func(*heureka.Instance) {
	return func(in *heureka.Instance) { in.Metadata = in.Metadata.With(heureka.MetadataEntry{Key: k, Value: v}) }
}

func (w *world) register(in *heureka.Instance) registry.Change {
	w.t.Helper()
	return w.registerFrom(registry.FromClient, in)
}

func (w *world) registerFrom(origin registry.Origin, in *heureka.Instance) registry.Change {
	w.t.Helper()
	ch, err := w.Register(in, origin, w.now)
	if err != nil {
		w.t.Fatalf("Register(%v) = %v", in.Key(), err)
	}
	return ch
}

func (w *world) renew(id string) {
	w.t.Helper()
	if err := w.Renew(key(id), registry.Renewal{}, registry.FromClient, w.now); err != nil {
		w.t.Fatalf("Renew(%s) = %v, want nil", id, err)
	}
}

func (w *world) renewAfter(id string, d time.Duration) {
	w.t.Helper()
	w.advance(d)
	w.renew(id)
}

func (w *world) cancel(id string) {
	w.t.Helper()
	w.cancelKey(key(id))
}

func (w *world) cancelKey(k heureka.Key) {
	w.t.Helper()
	if err := w.Cancel(k, registry.FromClient, w.now); err != nil {
		w.t.Fatalf("Cancel(%v) = %v, want nil", k, err)
	}
}

func (w *world) setStatus(id string, s heureka.Status) {
	w.t.Helper()
	if err := w.SetOverride(key(id), s, 0, registry.FromClient, w.now); err != nil {
		w.t.Fatalf("SetOverride(%s, %v) = %v, want nil", id, s, err)
	}
}

func (w *world) clearStatus(id string, s heureka.Status) {
	w.t.Helper()
	if err := w.ClearOverride(key(id), s, 0, registry.FromClient, w.now); err != nil {
		w.t.Fatalf("ClearOverride(%s, %v) = %v, want nil", id, s, err)
	}
}

// find returns the record of an instance of application A, which must exist.
func (w *world) find(id string) registry.Record {
	w.t.Helper()
	rec, ok := w.Find(key(id))
	if !ok {
		w.t.Fatalf("Find(%s) found nothing", id)
	}
	return rec
}

func (w *world) wantStatus(id string, want heureka.Status) {
	w.t.Helper()
	if got := w.find(id).Instance().Status; got != want {
		w.t.Errorf("status of %s = %v, want %v", id, got, want)
	}
}

func (w *world) wantOverride(id string, want heureka.Status, wantOK bool) {
	w.t.Helper()
	if got, ok := w.Override(key(id)); got != want || ok != wantOK {
		w.t.Errorf("Override(%s) = %v, %v, want %v, %v", id, got, ok, want, wantOK)
	}
}
