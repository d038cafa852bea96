package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// What stands in the path of a request that is refused is remembered and written only up to the length of a name.
func TestLongNamesOfRefusedRequestsAreCut(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	g := &guard{}
	c := &httpapi.Call{Request: httptest.NewRequest(http.MethodPost, "/", nil)}
	c.Route.Resource, c.Route.App, c.Route.ID = httpapi.InstanceResource, long, long
	g.note(c, &decision{role: auth.Register, why: anonymous})
	for _, line := range g.recent.lines() {
		if len(line.App) != maxNamed || len(line.ID) != maxNamed {
			t.Errorf("%d and %d bytes of names are kept, want %d", len(line.App), len(line.ID), maxNamed)
		}
	}
}

// A watcher may choose many applications and VIPs, but not any number.
func TestNamesOfAWatcher(t *testing.T) {
	for n, want := range map[int]bool{watchNames: true, watchNames + 1: false} {
		var q watchRequest
		bad := q.read(httptest.NewRequest(http.MethodGet, "/?app=a"+strings.Repeat("&vip=b", n-1), nil))
		if got := bad == nil; got != want {
			t.Errorf("%d names are taken: %v", n, got)
		}
	}
	var q watchRequest
	q.read(httptest.NewRequest(http.MethodGet, "/?vip=z&vip=a&vip=m", nil))
	for _, vip := range []string{"a", "m", "z", "n"} {
		if got := q.view.Has(registry.NewRecord(&heureka.Instance{VIPAddress: "x," + vip})); got != (vip != "n") {
			t.Errorf("the view has %s: %v", vip, got)
		}
	}
}

func TestDifferingMetadata(t *testing.T) {
	a, b := heureka.Metadata{}, heureka.Metadata{}
	a = a.With(heureka.MetadataEntry{Key: "gone", Value: "1"}, heureka.MetadataEntry{Key: "same", Value: "1"}, heureka.MetadataEntry{Key: "other", Value: "1"})
	b = b.With(heureka.MetadataEntry{Key: "same", Value: "1"}, heureka.MetadataEntry{Key: "other", Value: "2"}, heureka.MetadataEntry{Key: "new", Value: "1"})
	got := differing(a, b)
	if slices.Sort(got); fmt.Sprint(got) != "[gone new other]" {
		t.Errorf("differing = %v", got)
	}
}
