package respcache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// Queries that tests use often. Plain text unless they say otherwise.
var (
	allQuery   = respcache.Query{Kind: respcache.All, Form: jsonFull}
	deltaQuery = respcache.Query{Kind: respcache.Delta, Form: jsonFull}
)

func appQuery(name string) respcache.Query {
	return respcache.Query{Kind: respcache.App, Name: name, Form: jsonFull}
}

func vipQuery(name string) respcache.Query {
	return respcache.Query{Kind: respcache.VIP, Name: name, Form: jsonFull}
}

// decode returns the instances of a document as "APP/id STATUS ACTION", its version and its hash.
func decode(t testing.TB, body string) (instances []string, version int64, hash string) {
	t.Helper()
	apps, err := wire.DecodeApplications(wire.JSON, []byte(body))
	if err != nil {
		t.Fatalf("decode: %v\n%.500s", err, body)
	}
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			instances = append(instances, fmt.Sprintf("%s/%s %s %s", app.Name, in.ID, in.Status, in.Action))
		}
	}
	return instances, apps.Version, apps.Hash
}

// wantDocument fails unless the answer to q holds exactly these instances, and returns its version and hash.
func (f *fixture) want(q respcache.Query, instances ...string) (version int64, hash string) {
	f.t.Helper()
	got, version, hash := decode(f.t, f.get(q))
	if fmt.Sprint(got) != fmt.Sprint(instances) {
		f.t.Errorf("Get(%+v) = %q, want %q", q, got, instances)
	}
	return version, hash
}

// S-CACHE-1: an entry expires 180 s after it was written, so that lease times in it get no older.
func TestCache1Expiration(t *testing.T) {
	for _, q := range []respcache.Query{allQuery, deltaQuery, appQuery("A"), vipQuery("a"), {Kind: respcache.All, Gzip: true}} {
		t.Run(fmt.Sprintf("kind %d", q.Kind), func(t *testing.T) {
			f := newRegistryFixture(t, respcache.Config{})
			f.register(instance("A", "1", heureka.StatusUp))
			before := f.answer(q)
			f.now = f.now.Add(60 * time.Second)
			f.renew("A", "1")
			renewal := fmt.Sprint(f.now.Add(90 * time.Second).UnixMilli()) // W-FLD-9
			f.now = f.now.Add(119 * time.Second)
			if f.answer(q) != before {
				t.Error("answer was built again after 179 s without a change of the registry")
			}
			f.now = f.now.Add(time.Second)
			if got := f.get(q); !strings.Contains(got, renewal) {
				t.Errorf("answer still shows the old renewal after 180 s: %s", got)
			}
		})
	}
}

// S-CACHE-2, S-CACHE-3: kind, name, form and regions make the key; names of VIPs are exact.
func TestCache3Keys(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	in := instance("A", "1", heureka.StatusUp)
	in.VIPAddress, in.SecureVIPAddress = "Name", "other"
	f.put(in)
	f.want(allQuery, "A/1 UP ADDED")
	f.want(vipQuery("Name"), "A/1 UP ADDED")
	f.want(vipQuery("name"))
	f.want(respcache.Query{Kind: respcache.SecureVIP, Name: "Name", Form: jsonFull})
	f.want(respcache.Query{Kind: respcache.SecureVIP, Name: "other", Form: jsonFull}, "A/1 UP ADDED")
	seen := map[string]wire.Form{}
	for _, form := range forms {
		for _, q := range []respcache.Query{{Kind: respcache.All}, {Kind: respcache.App, Name: "A"}, {Kind: respcache.VIP, Name: "Name"}} {
			q.Form = form
			body := f.get(q)
			if other, dup := seen[body]; dup {
				t.Errorf("forms %+v and %+v have the same document", form, other)
			}
			seen[body] = form
			if got := f.answer(q).Format; got != form.Format {
				t.Errorf("answer in format %v says %v", form.Format, got)
			}
		}
	}
}

// S-CACHE-4: text and gzip form are of the same contents; only the two registry-wide documents have the latter.
func TestCache4GzipForm(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	for i := range 300 {
		f.up("A", hostID(i))
	}
	q := allQuery
	q.Gzip = true
	small := f.answer(q)
	if !small.Gzip || small.Length*10 > f.answer(allQuery).Length {
		t.Errorf("gzip form has %d bytes, the text %d", small.Length, f.answer(allQuery).Length)
	}
	if f.get(q) != f.get(allQuery) {
		t.Error("gzip form differs from the text")
	}
	for _, q := range []respcache.Query{appQuery("A"), vipQuery("a")} {
		q.Gzip = true
		if f.answer(q).Gzip {
			t.Errorf("kind %d is compressed", q.Kind)
		}
	}
}

// S-CACHE-8, S-DELTA-8: without the read-only level every change is in the next answer to every query that it touches.
func TestCache8Invalidation(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.want(allQuery)
	f.want(deltaQuery)
	f.want(vipQuery("a"))
	steps := []struct {
		name string
		do   func()
		live []string
		last string
	}{
		{"registration", func() { f.up("A", "1") }, []string{"A/1 UP ADDED"}, "A/1 UP ADDED"},
		{"status", func() { f.put(modified("A", "1", heureka.StatusDown)) }, []string{"A/1 DOWN MODIFIED"}, "A/1 DOWN MODIFIED"},
		{"registration again", func() { f.up("A", "1") }, []string{"A/1 UP ADDED"}, "A/1 UP ADDED"},
		{"cancel", func() { f.remove("A", "1") }, nil, "A/1 UP DELETED"},
	}
	for _, s := range steps {
		s.do()
		for _, gzip := range []bool{false, true} {
			all, delta := allQuery, deltaQuery
			all.Gzip, delta.Gzip = gzip, gzip
			f.want(all, s.live...)
			f.want(delta, s.last)
		}
		f.want(vipQuery("a"), s.live...)
		if s.live == nil {
			f.wantMissing("A")
		} else if app := f.get(appQuery("A")); !strings.Contains(app, strings.Fields(s.live[0])[1]) {
			t.Errorf("after %s the application is %s", s.name, app)
		}
	}
}

func modified(app, id string, s heureka.Status) *heureka.Instance {
	in := instance(app, id, s)
	in.Action = heureka.ActionModified
	return in
}

func (f *fixture) wantMissing(app string) {
	f.t.Helper()
	if a, err := f.cache.Get(appQuery(app), f.now); a != nil || !errors.Is(err, heureka.ErrNotFound) {
		f.t.Errorf("Get(%s) = %v, %v; want ErrNotFound", app, a, err)
	}
}

// S-CACHE-9, S-DEF-9: every VIP of the old and the new record is fresh, in every form, also of comma-separated lists.
func TestCache9EveryVIPIsFresh(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	with := func(vips string) *heureka.Instance {
		in := instance("A", "1", heureka.StatusUp)
		in.VIPAddress, in.SecureVIPAddress = vips, vips
		return in
	}
	wantVIPs := func(has map[string]bool) {
		t.Helper()
		for name, want := range has {
			for _, kind := range []respcache.Kind{respcache.VIP, respcache.SecureVIP} {
				for _, form := range forms {
					got := f.get(respcache.Query{Kind: kind, Name: name, Form: form})
					if strings.Contains(got, "10.0.0.1") != want {
						t.Errorf("kind %d, VIP %q, %+v: has the instance: %v, want %v", kind, name, form, !want, want)
					}
				}
			}
		}
	}
	wantVIPs(map[string]bool{"a": false, "b": false, "c": false})
	f.put(with("a,b"))
	wantVIPs(map[string]bool{"a": true, "b": true, "c": false, "a,b": false})
	f.put(with("b,c"))
	wantVIPs(map[string]bool{"a": false, "b": true, "c": true})
	f.remove("A", "1")
	wantVIPs(map[string]bool{"a": false, "b": false, "c": false})
}

// S-CACHE-10: a renewal changes no cached answer.
func TestCache10RenewalInvalidatesNothing(t *testing.T) {
	f := newRegistryFixture(t, respcache.Config{})
	f.register(instance("A", "1", heureka.StatusUp))
	for _, q := range []respcache.Query{allQuery, deltaQuery, appQuery("A"), vipQuery("a")} {
		before := f.answer(q)
		f.renew("A", "1")
		if f.answer(q) != before {
			t.Errorf("kind %d was built again after a renewal", q.Kind)
		}
	}
}

// S-CACHE-12, W-APPS-2, W-APPS-3: version 1, the hash of the contents, and no application without instances.
func TestCache12AllApplications(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	if v, hash := f.want(allQuery); v != 1 || hash != "" {
		t.Errorf("empty registry: version %d, hash %q", v, hash)
	}
	f.up("A", "1")
	f.up("B", "1")
	f.put(instance("B", "2", heureka.StatusOutOfService))
	f.remove("A", "1")
	if v, hash := f.want(allQuery, "B/1 UP ADDED", "B/2 OUT_OF_SERVICE ADDED"); v != 1 || hash != "OUT_OF_SERVICE_1_UP_1_" {
		t.Errorf("version %d, hash %q", v, hash)
	}
	for _, gzip := range []bool{false, true} {
		if got := f.get(respcache.Query{Kind: respcache.All, Form: jsonFull, Gzip: gzip}); strings.Contains(got, `"A"`) {
			t.Errorf("gzip %v: the empty application is listed: %s", gzip, got)
		}
	}
}

// S-CACHE-13: one application, or not found.
func TestCache13OneApplication(t *testing.T) {
	f := newFixture(t, respcache.Config{ChunkBytes: 4000}) // a few instances in a chunk
	f.wantMissing("B")
	for _, app := range []string{"A", "B", "BB", "C"} {
		for i := range 20 {
			f.up(app, hostID(i))
		}
	}
	for _, form := range forms {
		var app []*heureka.Instance
		for i := range 20 {
			app = append(app, f.live[heureka.Key{App: "B", ID: hostID(i)}])
		}
		q := appQuery("B")
		q.Form = form
		if got, want := f.get(q), application(form, app); got != want {
			t.Errorf("%+v: application is\n%.300s\nwant\n%.300s", form, got, want)
		}
	}
	f.wantMissing("AB")
}

// S-CACHE-14, W-VIP-2: version -1, the hash of what is listed, and an empty document for a name that nobody has.
func TestCache14VIP(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	for i, vips := range []string{"x", "y,x", " x", "X", "xx", "x,y"} {
		in := instance("B", hostID(i), heureka.StatusDown)
		in.VIPAddress = vips
		f.put(in)
	}
	v, hash := f.want(vipQuery("x"), "B/host-000000 DOWN ADDED", "B/host-000001 DOWN ADDED", "B/host-000005 DOWN ADDED")
	if v != -1 || hash != "DOWN_3_" {
		t.Errorf("version %d, hash %q", v, hash)
	}
	if v, hash := f.want(vipQuery("nobody")); v != -1 || hash != "" {
		t.Errorf("nobody: version %d, hash %q", v, hash)
	}
	in := instance("A", "2", heureka.StatusUp)
	in.VIPAddress = "x"
	f.put(in)
	if _, hash := f.want(vipQuery("x"), "A/2 UP ADDED", "B/host-000000 DOWN ADDED", "B/host-000001 DOWN ADDED",
		"B/host-000005 DOWN ADDED"); hash != "DOWN_3_UP_1_" {
		t.Errorf("hash %q", hash)
	}
}

// An instance without VIPs is in no list.
func TestNoVIP(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	in := instance("A", "1", heureka.StatusUp)
	in.VIPAddress = ""
	f.put(in)
	f.want(vipQuery(""))
}
