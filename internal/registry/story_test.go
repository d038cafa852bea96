package registry_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

var update = flag.Bool("update", false, "rewrite the table of stories in docs/self-preservation.md")

// A saga is what happens to a fleet, by default and on the reference. Its clients beat at their own moments, up to half a
// second late; a tick comes each minute.
type saga struct {
	name  string
	fleet []group
	// then happens after five minutes; the saga goes on for half an hour.
	then func(b *band)
}

// A group is a number of clients of one kind.
type group struct {
	n           int
	every, pace time.Duration // what they declare, and at which they beat; pace 0: the same
}

func defaults(n int) []group { return []group{{n: n, every: 30 * time.Second}} }

// sagas are the rows of the table.
var sagas = []saga{
	{"50 % of 200 fall silent", defaults(200), func(b *band) { b.silence(b.last(100)) }},
	{"90 % of 200 fall silent", defaults(200), func(b *band) { b.silence(b.last(180)) }},
	{"85 % fall silent while one beats 12 times a second", append([]group{{1, 30 * time.Second, time.Second / 12}}, defaults(199)...),
		func(b *band) { b.silence(b.last(170)) }},
	{"50 with an interval of 1 s among 150; 5 of the 150 die", append([]group{{50, time.Second, 0}}, defaults(100)...),
		func(b *band) { b.silence(b.last(5)) }},
	{"50 % of 100 with leases of 6 s fall silent", []group{{100, 2 * time.Second, 0}}, func(b *band) { b.silence(b.last(50)) }},
	{"leases of 6, 15, 90, 300 s mixed, 10 each; half of each falls silent", mixed, func(b *band) { b.silence(b.every(2)) }},
	{"the same; one of each dies", mixed, func(b *band) { b.silence(b.every(10)) }},
	{"1 of 4 killed", defaults(4), func(b *band) { b.silence(b.last(1)) }},
	{"2 of 10 killed", defaults(10), func(b *band) { b.silence(b.last(2)) }},
	{"10 of 20 killed", defaults(20), func(b *band) { b.silence(b.last(10)) }},
	{"20 of 100 killed", defaults(100), func(b *band) { b.silence(b.last(20)) }},
	{"20 of 100 killed, one each 2 min", defaults(100), func(b *band) {
		for i, id := range b.last(20) {
			b.at(time.Duration(i)*2*time.Minute, func() { b.silence([]int{id}) })
		}
	}},
	{"a roll-out: 20 more come, 3 min later the first 20 cancel", defaults(20), func(b *band) {
		old := b.last(20)
		b.add(defaults(20)...)
		b.at(3*time.Minute, func() { b.cancel(old) })
	}},
	{"a roll-out: 20 more come, 3 min later the first 20 are killed", defaults(20), func(b *band) {
		old := b.last(20)
		b.add(defaults(20)...)
		b.at(3*time.Minute, func() { b.silence(old) })
	}},
	{"one zone of three cut off for 10 min", defaults(30), func(b *band) {
		zone := b.last(10)
		b.silence(zone)
		b.at(10*time.Minute, func() { b.revive(zone) })
	}},
	{"a node that has just started loses half of what it copied", nil, func(b *band) {
		b.add(defaults(20)...)
		b.silence(b.last(10))
	}},
	{"the clock steps an hour ahead", defaults(20), func(b *band) { b.jump(time.Hour) }},
	{"the process is stopped for 5 min", defaults(20), func(b *band) { b.stop(5 * time.Minute) }},
}

var mixed = []group{{10, 2 * time.Second, 0}, {10, 5 * time.Second, 0}, {10, 30 * time.Second, 0}, {10, 100 * time.Second, 0}}

// A band is the fleet of a saga.
type band struct {
	t       *testing.T
	strict  bool // nobody alive may be evicted, and nobody dead may stay
	r       *registry.Registry
	now     time.Time
	rnd     *rand.Rand
	members []*member
	plans   []plan
	began   time.Time     // when it happened
	stopped time.Time     // until when the process stands still
	skipped time.Duration // by a jump

	protected bool
	told      []string
}

type member struct {
	key    heureka.Key
	group  group
	due    time.Time
	silent bool
	gone   bool
}

type plan struct {
	at time.Time
	do func()
}

func (b *band) at(d time.Duration, do func()) { b.plans = append(b.plans, plan{b.now.Add(d), do}) }

func (b *band) add(groups ...group) {
	for _, g := range groups {
		if g.pace == 0 {
			g.pace = g.every
		}
		for range g.n {
			m := &member{key: key(fmt.Sprintf("i%04d", len(b.members))), group: g}
			in := instance(m.key.ID, leased(int64(g.every/time.Second), int64(3*g.every/time.Second)))
			if _, err := b.r.Register(in, registry.FromClient, b.now); err != nil {
				b.t.Fatal(err)
			}
			m.due = b.now.Add(time.Duration(b.rnd.Int64N(int64(g.pace))))
			b.members = append(b.members, m)
		}
	}
}

func (b *band) last(n int) []int { return b.pick(func(i int) bool { return i >= len(b.members)-n }) }

func (b *band) every(n int) []int { return b.pick(func(i int) bool { return i%n == 0 }) }

func (b *band) pick(ok func(i int) bool) (ids []int) {
	for i := range b.members {
		if ok(i) {
			ids = append(ids, i)
		}
	}
	return ids
}

func (b *band) silence(ids []int) {
	for _, i := range ids {
		b.members[i].silent = true
	}
}

// revive: a client that is not known any more registers.
func (b *band) revive(ids []int) {
	for _, i := range ids {
		m := b.members[i]
		m.silent, m.due = false, b.now.Add(time.Duration(b.rnd.Int64N(int64(m.group.pace))))
	}
}

func (b *band) cancel(ids []int) {
	b.silence(ids)
	for _, i := range ids {
		if err := b.r.Cancel(b.members[i].key, registry.FromClient, b.now); err != nil {
			b.t.Error(err)
		}
	}
}

// jump is what a resumed machine may see: the clock steps ahead, and clients come when they would have come. Steps of the wall
// clock alone do not matter, because times are compared by their monotonic reading.
func (b *band) jump(d time.Duration) {
	b.now, b.skipped = b.now.Add(d), d
	for _, m := range b.members {
		m.due = m.due.Add(d)
	}
}

// stop freezes the process: no beats, no ticks; clients try on.
func (b *band) stop(d time.Duration) { b.stopped = b.now.Add(d) }

const sagaStep = 50 * time.Millisecond

// play tells a saga and returns what happened, for the table.
func (s *saga) play(t *testing.T, cfg registry.Config) string {
	cfg.Rand = rand.NewPCG(1, 2)
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		t.Fatal(err)
	}
	b := &band{t: t, strict: !cfg.CountBeats, r: r, now: time.Now(), rnd: rand.New(rand.NewPCG(3, 4))}
	start := b.now
	b.add(s.fleet...)
	r.OpenForTraffic(len(b.members), b.now)
	b.at(5*time.Minute, func() { b.began = b.now; s.then(b) })
	tick, second, update := start.Add(time.Minute), start, start.Add(15*time.Minute)
	for end := start.Add(50 * time.Minute); b.now.Before(end.Add(b.skipped)); b.now = b.now.Add(sagaStep) {
		b.carryOut()
		if b.now.Before(b.stopped) {
			tick, second = b.stopped, b.stopped
			continue
		}
		b.beat()
		if !b.now.Before(second) {
			second = second.Add(time.Second)
			r.Advance(b.now)
			b.watch()
		}
		if !b.now.Before(update) {
			update = update.Add(15 * time.Minute)
			r.UpdateThreshold(b.now)
		}
		if !b.now.Before(tick) {
			tick = tick.Add(time.Minute)
			b.tick()
		}
	}
	return b.end()
}

// carryOut does what is planned for now. That may make new plans.
func (b *band) carryOut() {
	plans := b.plans
	b.plans = nil
	for _, p := range plans {
		if b.now.Before(p.at) {
			b.plans = append(b.plans, p)
			continue
		}
		p.do()
	}
}

// beat sends the heartbeats that are due. A client that is not known registers, unless it was evicted while it was heard.
func (b *band) beat() {
	for _, m := range b.members {
		if m.silent || b.now.Before(m.due) {
			continue
		}
		m.due = b.now.Add(m.group.pace + time.Duration(b.rnd.Int64N(int64(min(m.group.pace/10, 500*time.Millisecond)))))
		if b.r.Renew(m.key, registry.Renewal{}, registry.FromClient, b.now) == nil {
			continue
		}
		in := instance(m.key.ID, leased(int64(m.group.every/time.Second), int64(3*m.group.every/time.Second)))
		if _, err := b.r.Register(in, registry.FromClient, b.now); err != nil {
			b.t.Fatal(err)
		}
		m.gone = false
	}
}

func (b *band) clock() string {
	d := b.now.Sub(b.began) - b.skipped.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func (b *band) tell(format string, args ...any) {
	if !b.began.IsZero() {
		b.told = append(b.told, b.clock()+" "+fmt.Sprintf(format, args...))
	}
}

// watch notes when protection begins and ends.
func (b *band) watch() {
	if held := !b.r.EvictionAllowed(b.now); held != b.protected {
		if b.protected = held; held {
			b.tell("protection")
		} else {
			b.tell("protection ends")
		}
	}
}

// tick evicts, and demands that nobody alive goes.
func (b *band) tick() {
	ev := b.r.Evict(b.now)
	for _, m := range b.members {
		if _, ok := b.r.Find(m.key); ok || m.gone {
			continue
		}
		m.gone = true
		if !m.silent && b.strict {
			b.t.Errorf("at %s: %s was evicted although it is alive", b.clock(), m.key)
		}
	}
	if ev.Evicted > 0 {
		b.tell("-%d", ev.Evicted)
	}
}

// end sums up: what happened when, and who of the dead is still listed.
func (b *band) end() string {
	dead := 0
	for _, m := range b.members {
		if _, ok := b.r.Find(m.key); ok && m.silent {
			dead++
		}
	}
	told := strings.Join(shortened(b.told), ", ")
	if dead > 0 && !b.protected && b.strict {
		b.t.Errorf("%d dead are listed though nothing protects them", dead)
	}
	switch {
	case dead > 0:
		told += fmt.Sprintf("; %d dead listed", dead)
	case told == "":
		told = "nothing is evicted, nothing protected"
	}
	return strings.TrimPrefix(told, "; ")
}

// shortened leaves out the middle of a long story.
func shortened(told []string) []string {
	if len(told) <= 7 {
		return told
	}
	return append(append(slices.Clone(told[:4]), "…"), told[len(told)-2:]...)
}

// docs/self-preservation.md has a table of what becomes of fleets. In no story is anybody evicted by default who is alive,
// and nobody dead stays unless protected; -update rewrites the table.
func TestSagas(t *testing.T) {
	var table strings.Builder
	table.WriteString("| After five minutes in good order | heureka | with `heureka.compatibility: netflix` |\n|---|---|---|\n")
	for i := range sagas {
		s := &sagas[i]
		ours := s.play(t, registry.Config{})
		theirs := s.play(t, netflix(registry.Config{}))
		fmt.Fprintf(&table, "| %s | %s | %s |\n", s.name, ours, theirs)
	}
	const file, begin, end = "../../docs/self-preservation.md", "<!-- stories -->\n", "<!-- end of stories -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), begin)
	old, tail, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no place for the stories", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+table.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table.String() {
		t.Errorf("%s does not tell what happens; go test ./internal/registry -run TestSagas -update rewrites it:\n%s", file, table.String())
	}
}
