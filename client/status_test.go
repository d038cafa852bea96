package client_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

func TestStatusChangeIsSentAtOnce(t *testing.T) { // C-IR-5, C-HC-3, C-HC-4, C-ST-4
	synctest.Test(t, func(t *testing.T) {
		var changes []client.StatusInfo
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, ic *client.InstanceConfig) {
			ic.InitialStatus = heureka.StatusStarting
			cfg.Hooks.Status = func(i client.StatusInfo) { changes = append(changes, i) }
		})
		sleep(5 * time.Second)
		if err := reg.SetStatus(up); err != nil {
			t.Fatal(err)
		}
		if err := reg.SetStatus(up); err != nil { // C-MD-5: no change
			t.Fatal(err)
		}
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantRequests(t, eureka, post, post)
		if got := eureka.get(ordersKey).Status; got != up || reg.Status() != up {
			t.Errorf("status %v on the server, %v here", got, reg.Status())
		}
		want := []client.StatusInfo{{Key: ordersKey, Old: heureka.StatusStarting, New: up}}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		sleep(26 * time.Second)
		wantRequests(t, eureka, "PUT UP")
	})
}

// TestBurstOfChanges is C-IR-6 and C-IR-9: two at once, the last state as soon as it is allowed, not after 30 s.
func TestBurstOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, nil)
		sleep(time.Second)
		for _, s := range []heureka.Status{heureka.StatusStarting, up, heureka.StatusStarting, up} {
			_ = reg.SetStatus(s)
			sleep(100 * time.Millisecond)
		}
		_ = reg.SetStatus(heureka.StatusStarting)
		wantRequests(t, eureka, post, post, post)
		sleep(14 * time.Second)
		wantRequests(t, eureka)
		sleep(time.Second)
		wantRequests(t, eureka, post)
		if got := eureka.get(ordersKey).Status; got != heureka.StatusStarting {
			t.Errorf("status %v", got)
		}
	})
}

func TestOnDemandUpdatesCanBeDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) { cfg.DisableOnDemandUpdates = true })
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(29 * time.Second)
		wantRequests(t, eureka, post)
		sleep(2 * time.Second) // the heartbeat carries the newer stamp, and is answered 404 (C-HB-6)
		wantRequests(t, eureka, "PUT DOWN", post)
		_ = reg.SetStatus(up)
		sleep(10 * time.Second) // the first round of changes comes after 40 s (C-ST-2)
		wantRequests(t, eureka, post)
	})
}

// TestFailedPushIsNotRepeated: a change that could not be sent waits for the heartbeat, as it does in Java.
func TestFailedPushIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) { cfg.Attempts = 1 })
		eureka.interfere(answerAll(500))
		sleep(time.Second)
		_ = reg.SetStatus(heureka.StatusDown)
		sleep(25 * time.Second)
		eureka.interfere(nil)
		wantRequests(t, eureka, post, post)
		sleep(10 * time.Second)
		wantRequests(t, eureka, "PUT DOWN", post)
	})
}

// TestFailedPushIsRepaired: a change that could not be sent goes out with the next heartbeat (C-HB-6, C-IR-8).
func TestFailedPushIsRepaired(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, eureka, _, reg, _ := start(t, nil)
				eureka.interfere(fault)
				_ = reg.SetStatus(heureka.StatusDown)
				sleep(25 * time.Second)
				eureka.interfere(nil)
				sleep(66 * time.Second)
				// Even a proxy that answers 2xx in the server's place only delays it: the stamp tells (C-HB-6).
				if got := eureka.get(ordersKey).Status; got != heureka.StatusDown {
					t.Errorf("status %v", got)
				}
			})
		})
	}
}

func TestDirtyStampsGrow(t *testing.T) { // C-MD-4
	synctest.Test(t, func(t *testing.T) {
		_, _, _, reg, _ := start(t, nil)
		last := reg.Instance().LastDirtyMS
		for i := range 100 { // within one millisecond
			reg.SetMetadata(map[string]string{"n": strings.Repeat("x", i)})
			if now := reg.Instance().LastDirtyMS; now <= last {
				t.Fatalf("stamp %d after %d", now, last)
			} else {
				last = now
			}
		}
	})
}

// TestChangeDuringRegistration: what changes while a registration is under way is sent again (C-MD-4, C-MD-7,
// G-RG-3).
func TestChangeDuringRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(3 * time.Second)
			return false
		})
		c := w.client(noFetch("eureka"))
		ic := orders("h1")
		ic.InitialStatus = heureka.StatusStarting
		reg, err := c.Register(ic)
		if err != nil {
			t.Fatal(err)
		}
		w.run(c)
		sleep(time.Second)
		_ = reg.SetStatus(up)
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := eureka.get(ordersKey).Status; got != up {
			t.Errorf("status %v although Wait has returned", got)
		}
		wantRequests(t, eureka, post, post)
	})
}

func TestMetadataAndLease(t *testing.T) { // C-MD-5, C-MD-11, C-MD-15
	synctest.Test(t, func(t *testing.T) {
		_, eureka, _, reg, _ := start(t, func(_ *client.Config, ic *client.InstanceConfig) {
			ic.Metadata = map[string]string{"zone": "a", "old": "1", "empty": ""}
		})
		reg.SetMetadata(map[string]string{"old": "", "new": "2"})
		reg.Update(func(in *heureka.Instance) {
			in.Lease.RenewalIntervalSecs = 10
			in.App, in.ID, in.LastDirtyMS, in.Status = "OTHER", "other", 0, heureka.StatusOutOfService // which it may not
		})
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"zone": "a", "new": "2"} // C-MD-11
		if diff := cmp.Diff(want, eureka.get(ordersKey).Metadata.Map()); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		eureka.requests()
		sleep(31 * time.Second)
		wantRequests(t, eureka, "PUT UP", "PUT UP", "PUT UP") // C-MD-15
		reg.Update(func(in *heureka.Instance) { in.Lease = heureka.LeaseInfo{DurationSecs: -1} })
		if got := reg.Instance().Lease; got.RenewalIntervalSecs != 30 || got.DurationSecs != 90 { // C-MD-6
			t.Errorf("lease %+v", got)
		}
	})
}

func TestOutOfServiceIsAnOverride(t *testing.T) { // C-HC-6
	synctest.Test(t, func(t *testing.T) {
		var seen []client.StatusInfo
		_, eureka, c, reg, _ := start(t, func(cfg *client.Config, _ *client.InstanceConfig) {
			cfg.DisableFetch, cfg.FetchInterval = false, 7*time.Second // out of step with heartbeats
			cfg.Hooks.Status = func(i client.StatusInfo) { seen = append(seen, i) }
		})
		if err := reg.SetStatus(heureka.StatusOutOfService); err == nil {
			t.Error("OUT_OF_SERVICE accepted as own status")
		}
		sleep(31 * time.Second)
		if err := c.API().SetOverride(t.Context(), ordersKey, heureka.StatusOutOfService); err != nil {
			t.Fatal(err)
		}
		sleep(61 * time.Second)
		if got := reg.RemoteStatus(); got != heureka.StatusOutOfService || reg.Status() != up {
			t.Errorf("remote status %v, own %v", got, reg.Status())
		}
		if got := c.Instances(client.App("orders")); len(got) != 0 {
			t.Errorf("lookups return %v", ids(got))
		}
		if err := c.API().ClearOverride(t.Context(), ordersKey, heureka.StatusUnknown); err != nil {
			t.Fatal(err)
		}
		eureka.requests()
		sleep(61 * time.Second) // W-STAT-9: 404 for the next heartbeat, and a new registration
		if got := reg.RemoteStatus(); got != up {
			t.Errorf("remote status %v after the override was removed", got)
		}
		if !slices.Contains(eureka.requests(), post) {
			t.Error("did not register again")
		}
		want := []client.StatusInfo{
			{Key: ordersKey, Old: heureka.StatusUnknown, New: up, Remote: true},
			{Key: ordersKey, Old: up, New: heureka.StatusOutOfService, Remote: true},
			{Key: ordersKey, Old: heureka.StatusOutOfService, New: heureka.StatusUnknown, Remote: true},
			{Key: ordersKey, Old: heureka.StatusUnknown, New: up, Remote: true},
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("remote status changes (-want +got):\n%s", diff)
		}
	})
}

// TestUpdatesAreNotLost: changes at the same time are all made, and a function that changes may look.
func TestUpdatesAreNotLost(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := c.Register(orders("h1"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				reg.Update(func(in *heureka.Instance) { in.CountryID = reg.Instance().CountryID + 1 })
			}
		})
	}
	wg.Wait()
	if got := reg.Instance().CountryID; got != 801 {
		t.Errorf("%d of 800 changes were made", got-1)
	}
}
