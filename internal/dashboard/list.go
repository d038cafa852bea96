package dashboard

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"heureka.internal/heureka"
)

// A Row is an instance as lists show it.
type Row struct {
	In      *heureka.Instance
	Heard   time.Time // the last sign of life; zero: not known here
	By      string    // where it arrived, for people
	RunsOut time.Time
	Expired bool // the lease has run out
	Overdue bool
}

// Zone, Version and Address are what the row shows under these names.
func (r *Row) Zone() string    { _, zone := place(r.In); return zone }
func (r *Row) Version() string { return r.In.Metadata.Get("version") } // as Spring's and Istio's conventions have it

// Address is where callers reach the instance.
func (r *Row) Address() string {
	host := cmp.Or(r.In.HostName, r.In.IPAddr)
	switch {
	case r.In.Port.Enabled:
		return host + ":" + strconv.Itoa(r.In.Port.Number)
	case r.In.SecurePort.Enabled:
		return host + ":" + strconv.Itoa(r.In.SecurePort.Number)
	}
	return host
}

// Good reports whether the instance needs no attention.
func (r *Row) Good() bool { return r.In.Status == heureka.StatusUp && !r.Expired }

// Overridden reports whether the status was set on a server.
func (r *Row) Overridden() bool { return r.In.OverriddenStatus != heureka.StatusUnknown }

// Changed is when a server changed the record last.
func (r *Row) Changed() time.Time { return ms(r.In.LastUpdatedMS) }

// Column returns the value of a key of the metadata.
func (r *Row) Column(key string) string { return r.In.Metadata.Get(key) }

// rank is low for what somebody should look at.
func (r *Row) rank() int {
	if r.Expired {
		return 0
	}
	rank := 1 + slices.Index([]heureka.Status{
		heureka.StatusDown, heureka.StatusOutOfService, heureka.StatusUnknown, heureka.StatusStarting, heureka.StatusUp,
	}, r.In.Status)
	if r.In.Status == heureka.StatusUp && !r.Overdue {
		rank++
	}
	return rank
}

// pageRows is how many rows a page has.
const pageRows = 100

// A List is the page that lists instances.
type List struct {
	Frame
	Query    Query
	Now      time.Time
	Rows     []*Row // of this page
	Found    int
	Total    int
	Pages    int
	Statuses []Count // of all instances, for the filter
	Zones    []Count
	Groups   []Count // of those found, if Query groups them
	Drawer   *Detail // nil: closed
}

// NewList chooses, sorts and cuts. The rows come by application and id.
func NewList(f Frame, q Query, rows []Row, now time.Time) *List {
	l := &List{Frame: f, Query: q, Now: now, Total: len(rows)}
	statuses, zones, groups := map[string]int{}, map[string]int{}, map[string]int{}
	filter, found := q.filter(), make([]*Row, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		statuses[r.In.Status.String()]++
		zones[r.Zone()]++
		if r.Expired {
			statuses["expired"]++
		}
		if !filter.admits(r) {
			continue
		}
		found = append(found, r)
		groups[q.groupOf(r)]++
	}
	delete(zones, "")
	l.Statuses, l.Zones = counts(statuses), counts(zones)
	if q.Group != "" {
		l.Groups = largest(counts(groups))
	}
	q.order(found)
	l.cut(found)
	return l
}

// cut keeps the rows of one page: of the last one, if there are not so many.
func (l *List) cut(found []*Row) {
	l.Found = len(found)
	l.Pages = max((l.Found+pageRows-1)/pageRows, 1)
	l.Query.Page = min(l.Query.Page, l.Pages)
	from := (l.Query.Page - 1) * pageRows
	l.Rows = found[from:min(from+pageRows, l.Found)]
}

// maxGroups is how many groups are shown.
const maxGroups = 100

func largest(groups []Count) []Count {
	slices.SortStableFunc(groups, func(a, b Count) int { return b.N - a.N })
	return groups[:min(len(groups), maxGroups)]
}

func (q Query) groupOf(r *Row) string {
	switch q.Group {
	case "":
		return ""
	case "app":
		return r.In.App
	case "zone":
		return r.Zone()
	case "version":
		return r.Version()
	case "status":
		return r.In.Status.String()
	}
	return r.Column(q.Group)
}

// Previous and Next link to the pages beside this one, "" if there is none.
func (l *List) Previous() string {
	if l.Query.Page == 1 {
		return ""
	}
	return l.Query.ToPage(l.Query.Page - 1)
}

// Next is as Previous.
func (l *List) Next() string {
	if l.Query.Page == l.Pages {
		return ""
	}
	return l.Query.ToPage(l.Query.Page + 1)
}

// Range says which of those found the page shows.
func (l *List) Range() string {
	if l.Found == 0 {
		return "none of " + strconv.Itoa(l.Total)
	}
	from := (l.Query.Page-1)*pageRows + 1
	text := fmt.Sprintf("%d to %d of %d", from, from+len(l.Rows)-1, l.Found)
	if l.Found < l.Total {
		text += fmt.Sprintf(" found, %d in all", l.Total)
	}
	return text
}

// Render writes the page. Its error is the writer's.
func (l *List) Render(w io.Writer) error { return instancesPage.Execute(w, l) }

// ms is a time of the wire; zero if it has none.
func ms(t int64) time.Time {
	if t <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(t)
}
