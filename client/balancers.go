package client

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka"
)

// Weighted returns a Balancer that takes each instance in proportion to its metadata "weight", a whole number; 1 stands
// for a missing or unusable one. A nil source is seeded from the system.
func Weighted(src rand.Source) Balancer { return &weighted{dice: newDice(src)} }

type weighted struct {
	dice *dice
	sums memo[[]uint64] // of the weights up to each instance
}

// Pick implements Balancer.
func (b *weighted) Pick(info PickInfo) Picked {
	sums, ok := b.sums.look(info.Service, info.Instances, 0)
	if !ok {
		sums = b.sums.keep(info.Service, info.Instances, 0, sumsOf(info.Instances))
	}
	i, found := slices.BinarySearch(sums, b.dice.below(sums[len(sums)-1]))
	if found { // a sum is where the next instance begins
		i++
	}
	return Picked{Instance: info.Instances[i]}
}

func sumsOf(list []*heureka.Instance) []uint64 {
	sums := make([]uint64, len(list))
	var total uint64
	for i, in := range list {
		total += weight(in)
		sums[i] = total
	}
	return sums
}

// weight reads what Spring's load balancer reads, and takes for 1 what that takes for 1.
func weight(in *heureka.Instance) uint64 {
	s := in.Metadata.Get(weightKey)
	if s == "" {
		return 1
	}
	w, err := strconv.ParseUint(s, 10, 31)
	if err != nil || w == 0 {
		return 1
	}
	return w
}

// PreferZone returns a Balancer that lets next choose among the instances in a zone (see Zone), or among all if none is
// there. Case does not matter (C-VP-6).
func PreferZone(zone string, next Balancer) Balancer { return &preferZone{zone: zone, next: next} }

type preferZone struct {
	zone string
	next Balancer
	near memo[[]*heureka.Instance]
}

// Pick implements Balancer.
func (b *preferZone) Pick(info PickInfo) Picked {
	near, ok := b.near.look(info.Service, info.Instances, 0)
	if !ok {
		near, _ = inZone(info.Instances, b.zone)
		b.near.keep(info.Service, info.Instances, 0, near)
	}
	if len(near) > 0 {
		info.Instances = near
	}
	return b.next.Pick(info)
}

// inZone parts instances by zone.
func inZone(list []*heureka.Instance, zone string) (near, far []*heureka.Instance) {
	for _, in := range list {
		if strings.EqualFold(Zone(in), zone) {
			near = append(near, in)
		} else {
			far = append(far, in)
		}
	}
	return near, far
}

// SpillZone returns a Balancer that keeps calls in a zone as far as its instances can take them: if the zone has fewer
// instances than the others have on average, the share that is missing goes to those. next chooses among the instances
// of either side. A nil source is seeded from the system.
func SpillZone(zone string, next Balancer, src rand.Source) Balancer {
	return &spillZone{zone: zone, next: next, dice: newDice(src)}
}

type spillZone struct {
	zone  string
	next  Balancer
	dice  *dice
	sides memo[sides]
}

// sides are the instances on either side of a zone's border, and how many of a million calls stay.
type sides struct {
	near, far []*heureka.Instance
	stay      uint64
}

const million = 1_000_000

// Pick implements Balancer.
func (b *spillZone) Pick(info PickInfo) Picked {
	s, ok := b.sides.look(info.Service, info.Instances, 0)
	if !ok {
		s = b.sides.keep(info.Service, info.Instances, 0, sidesOf(info.Instances, b.zone))
	}
	info.Instances = s.near
	if len(s.near) == 0 || len(s.far) > 0 && b.dice.below(million) >= s.stay {
		info.Instances = s.far
	}
	return b.next.Pick(info)
}

func sidesOf(list []*heureka.Instance, zone string) sides {
	s := sides{stay: million}
	s.near, s.far = inZone(list, zone)
	others := make(map[string]bool)
	for _, in := range s.far {
		others[strings.ToLower(Zone(in))] = true
	}
	if len(others) > 0 {
		s.stay = min(million, million*uint64(len(s.near)*len(others))/uint64(len(s.far)))
	}
	return s
}

// Subset returns a Balancer that lets next choose among size of the instances only, which differ from caller to caller
// and stay the same as far as they can when instances come and go: many callers need not all connect to all instances. id
// is the caller's: its host name and port, for instance.
func Subset(size int, id string, next Balancer) Balancer {
	return &subset{size: max(size, 1), id: id, next: next}
}

type subset struct {
	size int
	id   string
	next Balancer
	some memo[[]*heureka.Instance]
}

// Pick implements Balancer.
func (b *subset) Pick(info PickInfo) Picked {
	some, ok := b.some.look(info.Service, info.Instances, 0)
	if !ok {
		some = b.some.keep(info.Service, info.Instances, 0, b.of(info.Instances))
	}
	info.Instances = some
	return b.next.Pick(info)
}

// of takes the instances that rank first for this caller.
func (b *subset) of(list []*heureka.Instance) []*heureka.Instance {
	if len(list) <= b.size {
		return list
	}
	ranked := slices.Clone(list)
	slices.SortFunc(ranked, func(x, y *heureka.Instance) int {
		return cmp.Compare(hashOf(b.id, x.ResolvedID()), hashOf(b.id, y.ResolvedID()))
	})
	return slices.Clip(ranked[:b.size])
}

// hashOf is FNV-1a with a finish that mixes, the same in every process.
func hashOf(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	return h ^ h>>33
}

// A KeyOf says what a call is to be kept together by, "" for nothing.
type KeyOf func(PickInfo) string

// Sticky returns a Balancer that takes the instance whose id a call names, such as the one in the cookie of a session, and
// leaves the choice to next if there is none.
func Sticky(id KeyOf, next Balancer) Balancer { return &sticky{id: id, next: next} }

// Cookie is the KeyOf that reads a cookie of the request; the server of a session sets it to its instance id.
func Cookie(name string) KeyOf {
	return func(info PickInfo) string {
		if info.Request == nil {
			return ""
		}
		c, err := info.Request.Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	}
}

type sticky struct {
	id   KeyOf
	next Balancer
	byID memo[map[string]*heureka.Instance]
}

// Pick implements Balancer.
func (b *sticky) Pick(info PickInfo) Picked {
	id := b.id(info)
	if id == "" {
		return b.next.Pick(info)
	}
	byID, ok := b.byID.look(info.Service, info.Instances, 0)
	if !ok {
		byID = make(map[string]*heureka.Instance, len(info.Instances))
		for _, in := range info.Instances {
			byID[in.ResolvedID()] = in
		}
		b.byID.keep(info.Service, info.Instances, 0, byID)
	}
	if in := byID[id]; in != nil {
		return Picked{Instance: in}
	}
	return b.next.Pick(info)
}

// ConsistentHash returns a Balancer that sends calls with the same key to the same instance, in every process; when
// instances come and go, few keys move. Calls without a key are left to next.
func ConsistentHash(key KeyOf, next Balancer) Balancer { return &consistent{key: key, next: next} }

type consistent struct {
	key   KeyOf
	next  Balancer
	table memo[[]uint32]
}

// Pick implements Balancer.
func (b *consistent) Pick(info PickInfo) Picked {
	key := b.key(info)
	if key == "" {
		return b.next.Pick(info)
	}
	table, ok := b.table.look(info.Service, info.Instances, 0)
	if !ok {
		table = b.table.keep(info.Service, info.Instances, 0, maglev(info.Instances))
	}
	return Picked{Instance: info.Instances[table[hashOf(key)%uint64(len(table))]]}
}

// primes are the sizes of tables: some ten places for each instance make the shares even enough.
var primes = []uint64{251, 2039, 16381, 131071, 1048573}

// maglev fills a table in which each instance has its own order of places (Eisenbud et al., 2016): they take turns at
// taking the next free one. The order of the list does not matter.
func maglev(list []*heureka.Instance) []uint32 {
	size := primes[len(primes)-1]
	for _, p := range primes {
		if p >= uint64(len(list))*10 {
			size = p
			break
		}
	}
	order := make([]uint32, len(list))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(i, j uint32) int { return strings.Compare(list[i].ResolvedID(), list[j].ResolvedID()) })
	at, skip := make([]uint64, len(list)), make([]uint64, len(list))
	for i, in := range list {
		h := hashOf(in.ResolvedID())
		at[i], skip[i] = h%size, (h>>32)%(size-1)+1
	}
	return fill(make([]uint32, size), order, at, skip)
}

// fill gives every place to an instance.
func fill(table, order []uint32, at, skip []uint64) []uint32 {
	size, taken := uint64(len(table)), make([]bool, len(table))
	for n := 0; n < len(table); {
		for _, i := range order {
			for taken[at[i]] {
				at[i] = (at[i] + skip[i]) % size
			}
			taken[at[i]], table[at[i]] = true, i
			if n++; n == len(table) {
				break
			}
		}
	}
	return table
}
