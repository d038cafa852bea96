package dashboard

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"heureka.internal/heureka"
)

// An App is one application as the page lists it.
type App struct {
	Name   string
	AMIs   []Count // images and how many instances run each; "n/a" off Amazon
	Zones  []Count
	Groups []Group // one for each status that occurs, UP first
}

// A Count is a name and how often it occurs.
type Count struct {
	Name string
	N    int
}

// A Group is the instances of one application that have one status.
type Group struct {
	Status heureka.Status
	Links  []Link // sorted by id, at most maxLinks
	Total  int
}

// A Link is one instance.
type Link struct {
	ID         string
	URL        string // "" if its status page cannot be linked safely
	Overridden bool   // the status was set on the server
	Expired    bool   // its lease ran out
}

// The page names at most maxLinks instances of one status and application, and none if more than maxNamed are registered: the
// list of instances has them all.
const (
	maxLinks = 100
	maxNamed = 1000
)

// Totals are the numbers that lead to lists.
type Totals struct {
	Instances int
	Statuses  []Count // those that occur, UP first
}

// Totals adds up the applications.
func (v *View) Totals() (t Totals) {
	for _, s := range groupOrder {
		n := 0
		for i := range v.Apps {
			for _, g := range v.Apps[i].Groups {
				if g.Status == s {
					n += g.Total
				}
			}
		}
		if n > 0 {
			t.Statuses = append(t.Statuses, Count{s.String(), n})
		}
		t.Instances += n
	}
	return t
}

// shorten takes the names of instances out of a page that would have too many.
func (v *View) shorten() {
	if v.Totals().Instances <= maxNamed {
		return
	}
	for i := range v.Apps {
		for j := range v.Apps[i].Groups {
			v.Apps[i].Groups[j].Links = nil
		}
	}
}

// More returns how many instances of the group are not listed.
func (g Group) More() int { return g.Total - len(g.Links) }

// Good reports whether the status is the one that needs no attention.
func (g Group) Good() bool { return g.Status == heureka.StatusUp }

// Total returns the number of instances.
func (a App) Total() int {
	n := 0
	for _, g := range a.Groups {
		n += g.Total
	}
	return n
}

// groupOrder is the order in which the page lists statuses.
var groupOrder = []heureka.Status{
	heureka.StatusUp, heureka.StatusDown, heureka.StatusOutOfService, heureka.StatusStarting, heureka.StatusUnknown,
}

// NewApp groups the instances of one application, and marks those whose lease ran out. It keeps no reference to the slice,
// and changes nothing in it.
func NewApp(name string, instances []*heureka.Instance, expired map[heureka.Key]bool) App {
	amis, zones := map[string]int{}, map[string]int{}
	links := map[heureka.Status][]Link{}
	for _, in := range instances {
		ami, zone := place(in)
		amis[ami]++
		zones[zone]++
		link := newLink(in)
		link.Expired = expired[in.Key()]
		links[in.Status] = append(links[in.Status], link)
	}
	app := App{Name: name, AMIs: counts(amis), Zones: counts(zones)}
	for _, s := range groupOrder {
		if len(links[s]) > 0 {
			app.Groups = append(app.Groups, newGroup(s, links[s]))
		}
	}
	return app
}

func newGroup(s heureka.Status, links []Link) Group {
	slices.SortFunc(links, func(a, b Link) int { return cmp.Compare(a.ID, b.ID) })
	return Group{Status: s, Total: len(links), Links: links[:min(len(links), maxLinks)]}
}

func newLink(in *heureka.Instance) Link {
	l := Link{ID: in.ResolvedID(), Overridden: in.OverriddenStatus != heureka.StatusUnknown}
	if linkable(in.StatusPageURL) {
		l.URL = in.StatusPageURL
	}
	return l
}

// linkable keeps URLs that run code when clicked off the page: anybody can register anything.
func linkable(u string) bool {
	scheme, rest, ok := strings.Cut(u, "://")
	return ok && rest != "" && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// place returns where an instance runs: on Amazon by its data centre, elsewhere the zone that Spring's clients put into
// their metadata.
func place(in *heureka.Instance) (ami, zone string) {
	if dc := in.DataCenter; dc != nil && dc.Name == heureka.Amazon {
		return cmp.Or(dc.Metadata.Get("ami-id"), "n/a"), dc.Metadata.Get("availability-zone")
	}
	return "n/a", in.Metadata.Get("zone")
}

func counts(m map[string]int) []Count {
	out := make([]Count, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Count{name, m[name]})
	}
	return out
}

// OwnInfo returns what the page says of the node's own instance (S-DASH-2 section 6).
func OwnInfo(in *heureka.Instance) []heureka.MetadataEntry {
	info := []heureka.MetadataEntry{
		{Key: "ipAddr", Value: in.IPAddr},
		{Key: "status", Value: in.Status.String()},
	}
	if in.DataCenter == nil || in.DataCenter.Name != heureka.Amazon {
		return info
	}
	for _, key := range []string{"availability-zone", "public-ipv4", "instance-id", "public-hostname", "ami-id", "instance-type"} {
		if v, ok := in.DataCenter.Metadata.Lookup(key); ok {
			info = append(info, heureka.MetadataEntry{Key: key, Value: v})
		}
	}
	return info
}
