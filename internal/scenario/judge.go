package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// Agreement is for how long two nodes that can talk may know different things. The slowest way to the same:
//
//   - a request that went into the dark before they could talk is given up after readTimeout;
//   - a comparison that failed so is not tried again for replication.ExchangeInterval, nor batches for LongestPause: in the same time;
//   - nothing being sent, the next probe goes after ProbeInterval, which jitter makes a quarter longer;
//   - digests count as different when they have been for SettleTime;
//   - the comparison takes two requests.
//
// Each side pulls on its own account, at the same time.
const Agreement = readTimeout + replication.ExchangeInterval + replication.ProbeInterval*5/4 + replication.SettleTime + replication.FruitlessTime + slack

// slack is for the way of messages.
const slack = 5 * time.Second

// listing is for how long an instance that is heard may be missing: it must be heard once to be there.
func (j *judge) listing() time.Duration { return Agreement + j.s.story.beat }

// A judge looks at everything and knows what nodes do not.
type judge struct {
	s *sim
	// differ holds since when a pair differs about an instance.
	differ map[[2]int]map[heureka.Key]time.Duration
	// told holds who must not list a cancelled client again.
	told map[toldKey]bool
	turn int
}

type toldKey struct {
	node   int
	client *client
	turn   int
}

func newJudge(s *sim) judge {
	return judge{s: s, differ: map[[2]int]map[heureka.Key]time.Duration{}, told: map[toldKey]bool{}}
}

// forget is for a node that was killed: the next one of that name knows nothing.
func (j *judge) forget(n *node) {
	maps.DeleteFunc(j.told, func(k toldKey, _ bool) bool { return k.node == n.index })
}

// look is called every second.
func (j *judge) look() {
	j.turn++
	for a := range j.s.nodes {
		for b := range a {
			j.pair(j.s.nodes[a], j.s.nodes[b])
		}
	}
	for _, n := range j.s.nodes {
		if n.runs() {
			j.queues(n)
			j.clients(n)
			j.opens(n)
		}
	}
}

// pair: nodes that can talk agree, and digests are equal if and only if contents are.
func (j *judge) pair(a, b *node) {
	at := [2]int{a.index, b.index}
	if !j.s.net.talking(a, b, 0) {
		delete(j.differ, at)
		return
	}
	if j.turn%60 == 0 {
		da, db := a.store.Digest(), b.store.Digest()
		j.digests(a, b, &da, &db)
	}
	if !j.s.story.compares {
		return
	}
	before := j.differ[at]
	delete(j.differ, at)
	da, db := a.reg.Digest(), b.reg.Digest()
	if da == db {
		return
	}
	now := map[heureka.Key]time.Duration{}
	for _, key := range differing(a, b, &da, &db) {
		since, known := before[key]
		if !known {
			since = j.s.now
		}
		now[key] = since
		if since = max(since, j.s.net.since[a.index][b.index]); j.s.now-since > Agreement {
			j.s.fail(key.ID, "%s and %s can talk and have differed about %s for %v\n%s: %s\n%s: %s",
				a.name, b.name, key, j.s.now-since, a.name, a.about(key), b.name, b.about(key))
		}
	}
	j.differ[at] = now
}

// contents returns what a node knows, in order.
func (n *node) contents(i int) (all []registry.Entry) {
	for _, k := range (ordered{n.reg}).Bucket(i, n.now()) {
		all = append(all, k.Entry())
	}
	return all
}

func (n *node) about(key heureka.Key) string {
	for _, e := range n.contents(bucketOf(key)) {
		if e.Key == key {
			return describe(&e)
		}
	}
	return "nothing"
}

func describe(e *registry.Entry) string {
	what := "cancelled"
	if !e.Tombstone {
		what = e.Instance.Status.String()
	}
	override := fmt.Sprintf("%v %v rev %d clock %v about %v", e.HasOverride, cmp.Or(e.Override, e.Restored), e.OverrideRev, e.Clock, e.About)
	return fmt.Sprintf("%s dirty %d rev %d override %s metadata %v age %v", what, e.DirtyMS, e.Rev, override, e.Metadata, e.Age)
}

// differing returns what two nodes must come to agree about: not leases that have run out, which each node ends on its own
// evidence, nor tombstones that are about to be forgotten.
func differing(a, b *node, da, db *digest) (keys []heureka.Key) {
	for i := range da {
		if da[i] == db[i] {
			continue
		}
		mine, theirs := byKey(a.contents(i)), byKey(b.contents(i))
		for _, key := range slices.SortedFunc(maps.Keys(union(mine, theirs)), func(x, y heureka.Key) int { return cmp.Compare(x.ID, y.ID) }) {
			x, y := mine[key], theirs[key]
			switch {
			case x != nil && y != nil && x.Digest() == y.Digest():
			case fading(x) || fading(y):
			default:
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// fading reports whether an entry may go without another node's hearing of it.
func fading(e *registry.Entry) bool {
	switch {
	case e == nil:
		return false
	case e.Tombstone:
		return e.Age > 9*time.Minute
	}
	return e.Age >= time.Duration(e.Instance.Lease.DurationSecs)*time.Second
}

// digests: equal if and only if the contents are.
func (j *judge) digests(a, b *node, da, db *digest) {
	for i := range da {
		same := reflect.DeepEqual(known(a.contents(i)), known(b.contents(i)))
		if same != (da[i] == db[i]) {
			j.s.fail("", "bucket %d of %s and %s: digests equal %v, contents equal %v", i, a.name, b.name, da[i] == db[i], same)
		}
	}
}

// known returns what clients and operators have said, without what nodes note on their own account.
func known(entries []registry.Entry) []string {
	var out []string
	for _, e := range entries {
		e.Age = 0
		text := describe(&e)
		if in := e.Instance; in != nil {
			text += fmt.Sprint(in.Key(), in.HostName, in.LastDirtyMS, in.Metadata, in.Lease.RenewalIntervalSecs, in.Lease.DurationSecs)
		}
		out = append(out, text)
	}
	return out
}

// queues: bounded.
func (j *judge) queues(n *node) {
	for _, p := range n.peers {
		if p.Pending() > j.s.story.pending {
			j.s.fail("", "the queue %s holds %d instances, more than %d", p.name, p.Pending(), j.s.story.pending)
		}
	}
}

// clients: who is heard is listed, who has cancelled is not.
func (j *judge) clients(n *node) {
	for _, c := range j.s.clients {
		switch c.state {
		case running:
			j.listed(n, c)
		case cancelled:
			j.unlisted(n, c)
		}
	}
}

func (j *judge) listed(n *node, c *client) {
	if j.s.now-c.lastHeard > c.pace+2*time.Second || j.s.now-c.heardSince < j.listing() {
		return
	}
	for i, at := range c.talked {
		if j.s.now-at < j.listing() && !j.s.net.talking(n, j.s.nodes[i], j.listing()) {
			return
		}
	}
	if _, here := n.reg.Find(c.key); !here {
		j.s.fail(c.key.ID, "%s does not list %s, which has been heard for %v by nodes it can talk to", n.name, c.key, j.s.now-c.heardSince)
	}
}

// gone: nobody is evicted whom another node has heard within the lease, and could have been asked about.
func (j *judge) gone(n *node, key heureka.Key) {
	for _, c := range j.s.clients {
		if c.key == key {
			c.forgetSaid(true) // an override goes with its lease
		}
		if c.key != key || c.state != running || !j.s.story.compares {
			continue
		}
		on := j.s.nodes[c.heardOn]
		silent, way := j.s.now-c.lastHeard, replication.MaxAsking+time.Second
		known := silent > way && silent < 3*c.interval-way
		if known && on.up && on.life == c.heardLife && (n == on || j.s.net.talking(n, on, asks)) {
			j.s.fail(key.ID, "%s evicted %s, which %s has heard %v ago", n.name, key, on.name, silent)
		}
	}
}

// unlisted: once a node had the time to hear of the cancellation, it never lists the instance again. A node that was told
// and has been killed since is another matter, and so is a cancellation that died with the only node that knew.
func (j *judge) unlisted(n *node, c *client) {
	if c.cancelledOn < 0 {
		return
	}
	on := j.s.nodes[c.cancelledOn]
	k := toldKey{n.index, c, c.turn}
	if !j.told[k] {
		since := j.s.net.since[n.index][on.index]
		if n != on && (since == never || j.s.now-max(since, c.cancelledAt) <= j.hearing(since, c)) || on.life != c.onLife {
			return
		}
		j.told[k] = true
	}
	if _, here := n.reg.Find(c.key); here {
		j.s.fail(c.key.ID, "%s lists %s, cancelled %v ago on %s: %s", n.name, c.key, j.s.now-c.cancelledAt, on.name, n.about(c.key))
	}
}

// hearing is for how long a node that can talk to another one since then may not have heard of a cancellation there. Nodes
// that do not compare their registries have the batch alone, and it is tried again while it is news.
func (j *judge) hearing(since time.Duration, c *client) time.Duration {
	if !j.s.story.compares && since-c.cancelledAt < maxAge/2 {
		return readTimeout + replication.LongestPause + slack
	}
	return Agreement
}

// knowsLatest reports whether nobody knows a later record of the client than n: a cancellation ends what its node knows.
func (j *judge) knowsLatest(n *node, c *client) bool {
	mine, ok := c.find(n)
	for _, other := range j.s.nodes {
		if !other.up || other == n {
			continue
		}
		if e, here := c.find(other); here && (e.DirtyMS > mine.DirtyMS || e.DirtyMS == mine.DirtyMS && e.Rev > mine.Rev) {
			return false
		}
	}
	return ok
}

// before is what the judge knows of a node when a tick begins.
type before struct {
	size      int
	expired   int
	protected bool // by the judge's own count
	recovers  bool // was protected until a moment ago: who is expired has time to be heard again
	chosen    int  // of those whom the tick has chosen, those that are still expired
}

func (j *judge) beforeTick(n *node) before {
	c := n.recount()
	return before{
		size: n.reg.Len(), expired: c.expired, protected: c.present <= float64(int(c.expected*0.85)) && c.overdue >= 2,
		recovers: n.guarded > 0 && n.s.now-n.guarded <= c.patience+advanceInterval,
	}
}

// A census is docs/self-preservation.md, counted lease by lease.
type census struct {
	expected, present float64
	overdue, expired  int
	patience          time.Duration // the longest after which one is overdue
}

func (n *node) recount() (c census) {
	for i := range registry.Buckets {
		for _, e := range n.contents(i) {
			if e.Tombstone {
				continue
			}
			interval, life := seconds(e.Instance.Lease.RenewalIntervalSecs), seconds(e.Instance.Lease.DurationSecs)
			weight := min(60/interval.Seconds(), 12)
			c.expected += weight
			patience := min(interval+max(interval/2, time.Second), life)
			c.patience = max(c.patience, patience)
			if e.Age > patience {
				c.overdue++
			} else {
				c.present += weight
			}
			if e.Age > life {
				c.expired++
			}
		}
	}
	return c
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// planned: a tick chooses as many as it may when enough are heard.
func (j *judge) planned(n *node, b before, chosen int) {
	late := n.thawed // which leases are given time for
	n.thawed = false
	if limit := b.limit(); !late && !b.protected && !b.recovers && chosen < min(b.expired, limit) {
		j.s.fail("", "%s is about to evict %d of %d expired instances, although enough are heard to evict %d", n.name, chosen, b.expired, limit)
	}
	if says, is := n.reg.Stats(n.now()).Overdue, n.recount().overdue; says != is {
		j.s.fail("", "%s says that %d leases are overdue, and %d are", n.name, says, is)
	}
}

// limit is how many a tick may evict.
func (b *before) limit() int { return b.size - int(float64(b.size)*0.85) }

// afterTick: no tick evicts past its limit, none evicts while too few are heard, and none keeps the dead when enough are.
func (j *judge) afterTick(n *node, b before, ev registry.Eviction) {
	limit := b.limit()
	switch {
	case n.evicted > limit:
		j.s.fail("", "a tick of %s evicted %d of %d instances, more than %d", n.name, n.evicted, b.size, limit)
	case n.evicted > 0 && b.protected:
		j.s.fail("", "%s evicted %d instances while too few of %d were heard", n.name, n.evicted, b.size)
	case !b.protected && n.evicted < b.chosen:
		j.s.fail("", "%s evicted %d of the %d instances that it had chosen, and that are still expired", n.name, n.evicted, b.chosen)
	case n.evicted != ev.Evicted:
		j.s.fail("", "%s evicted %d instances and says %d", n.name, n.evicted, ev.Evicted)
	}
}

func byKey(entries []registry.Entry) map[heureka.Key]*registry.Entry {
	m := make(map[heureka.Key]*registry.Entry, len(entries))
	for i := range entries {
		m[entries[i].Key] = &entries[i]
	}
	return m
}

func union(a, b map[heureka.Key]*registry.Entry) map[heureka.Key]*registry.Entry {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// asks is after how long a node asks another one before it evicts: requests that went into the dark, one after the
// other, are given up, and then a probe a second or two later shows that the other is there.
const asks = 2*readTimeout + 2*time.Second + slack

// opened: no node lets readers in that lacks somebody who was there before it began, and goes on beating. Whoever has been
// heard by a node in the same time must be known, because nothing else is wrong.
func (j *judge) opened(n *node) {
	if !j.undisturbed(n) || j.s.story.finding == headless && j.alone(n) {
		return
	}
	for _, c := range j.s.clients {
		if c.state != running || c.came+c.pace > n.began || c.brief() {
			continue
		}
		if _, here := n.reg.Find(c.key); !here {
			j.s.fail(c.key.ID, "%s lets readers in after %v, and does not list %s, which is there since %v", n.name, j.s.now-n.began, c.key, c.came)
		}
	}
}

// alone reports whether there is no other node: one that finds the names of no other takes itself for the ring.
func (j *judge) alone(n *node) bool {
	return !slices.ContainsFunc(j.s.nodes, func(other *node) bool { return other != n && other.up })
}

// undisturbed reports whether nothing has gone wrong since shortly before the node began, but that others restarted.
func (j *judge) undisturbed(n *node) bool {
	return j.s.story.clientLoss == 0 && j.s.wrong == 0 && j.s.wrongLast < n.began-time.Minute && n.began > 3*time.Minute
}

// opens: a node that may open does so in time.
func (j *judge) opens(n *node) {
	waited := n.now().Sub(n.join.Began)
	if most := leaseTime + replication.QuietToOpen + replication.RetryWhileWaiting + 2*slack; !n.open && waited > most && j.undisturbed(n) {
		j.s.fail("", "%s has not let readers in for %v", n.name, waited)
	}
	if most := joinLimit + time.Minute; !n.open && waited > most {
		j.s.fail("", "%s has not let readers in for %v, whatever has happened", n.name, waited)
	}
}
