//go:build interop

package interop

import (
	"errors"
	"testing"
	"time"
)

// TestTwoOperators has people command the same instances on two nodes whose links are cut: what was acknowledged last stands on both
// when the links are whole again, whether or not it changed anything where it was said, and keys of the metadata stay that only one
// side has set.
func TestTwoOperators(t *testing.T) {
	if target != heurekaGen {
		t.Skip("about two nodes of heureka")
	}
	need(t, heurekaBinary)
	ports := []int{freePort(t), freePort(t)}
	links := []*link{newLink(t, ports[0]), newLink(t, ports[1])}
	a := launch(t, target, ports[0], []string{links[1].eurekaURL()})
	b := launch(t, target, ports[1], []string{links[0].eurekaURL()})
	for _, n := range []*server{a, b} {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	onBoth := func(check func(url string) error) time.Duration {
		t.Helper()
		return eventually(t, limit, func() error { return errors.Join(check(a.url), check(b.url)) })
	}
	drained, again := key{"OPERATED", "drained"}, key{"OPERATED", "drained-again"}
	for _, k := range []key{drained, again} {
		must(registerJSON(a.url, k, 3600, nil))
		onBoth(func(url string) error { return listed(url, k, "UP") })
	}
	must(override(a.url, again, "OUT_OF_SERVICE"))
	onBoth(func(url string) error { return listed(url, again, "OUT_OF_SERVICE") })

	s := &story{name: "two operators"}
	for _, l := range links {
		l.cut()
	}
	must(removeOverride(b.url, drained)) // there is none
	must(removeOverride(a.url, again))
	time.Sleep(2 * time.Second) // clocks are compared by the millisecond: what comes now is later on any machine
	must(override(a.url, drained, "OUT_OF_SERVICE"))
	must(override(b.url, again, "OUT_OF_SERVICE")) // as it is there
	must(setMetadata(a.url, drained, "ticket", "4711"))
	must(setMetadata(b.url, drained, "colour", "green"))
	for _, l := range links {
		l.heal()
	}
	s.did("links healed, both agree", onBoth(func(url string) error {
		return errors.Join(listed(url, drained, "OUT_OF_SERVICE"), listed(url, again, "OUT_OF_SERVICE"),
			hasMetadata(url, drained, "ticket", "4711"), hasMetadata(url, drained, "colour", "green"))
	}))
	s.end("")
}
