package dashboard

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka"
)

// A Query is what a list of instances shows: all of it stands in the page's URL, so that a link says what somebody saw.
type Query struct {
	Text    string // words that all have to occur; key=value is looked for in the metadata
	App     string
	Status  string // a status, or "expired"
	Zone    string
	Version string
	Sort    string   // a column, with a minus for the other way round; "" for trouble first
	Group   string   // "", app, zone, version, status, or a key of the metadata
	Columns []string // keys of the metadata
	Page    int      // from 1
	Open    string   // the instance in the drawer, as application/id
}

// maxColumns is how many keys of the metadata can be shown beside each other.
const maxColumns = 5

// ParseQuery reads the query of a URL. What makes no sense is left out.
func ParseQuery(v url.Values) Query {
	page, _ := strconv.Atoi(v.Get("page"))
	q := Query{
		Text: strings.TrimSpace(v.Get("q")), App: v.Get("app"), Status: v.Get("status"), Zone: v.Get("zone"), Version: v.Get("version"),
		Sort: v.Get("sort"), Group: v.Get("group"), Page: max(page, 1), Open: v.Get("open"),
	}
	for _, keys := range v["col"] {
		for key := range strings.SplitSeq(keys, ",") {
			if key = strings.TrimSpace(key); key != "" && len(q.Columns) < maxColumns && !slices.Contains(q.Columns, key) {
				q.Columns = append(q.Columns, key)
			}
		}
	}
	return q
}

// Values is the inverse of ParseQuery.
func (q Query) values() url.Values {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("q", q.Text)
	set("app", q.App)
	set("status", q.Status)
	set("zone", q.Zone)
	set("version", q.Version)
	set("sort", q.Sort)
	set("group", q.Group)
	set("col", strings.Join(q.Columns, ","))
	set("open", q.Open)
	if q.Page > 1 {
		v.Set("page", strconv.Itoa(q.Page))
	}
	return v
}

// Link is the query of a URL.
func (q Query) Link() string { return "?" + q.values().Encode() }

// ColumnList is the keys as a form shows them.
func (q Query) ColumnList() string { return strings.Join(q.Columns, ",") }

// ToPage links to another page of the same list.
func (q Query) ToPage(n int) string { q.Page, q.Open = n, ""; return q.Link() }

// ToOpen links to the same list with an instance in the drawer.
func (q Query) ToOpen(r *Row) string { q.Open = r.In.Key().String(); return q.Link() }

// ToClosed links to the same list without the drawer.
func (q Query) ToClosed() string { q.Open = ""; return q.Link() }

// ToSort links to the list in the order of a column, or the other way round if it is in that order.
func (q Query) ToSort(column string) string {
	if q.Sort == column {
		column = "-" + column
	}
	q.Sort, q.Page, q.Open = column, 1, ""
	return q.Link()
}

// Sorted says for a screen reader how a column is sorted.
func (q Query) Sorted(column string) string {
	switch q.Sort {
	case column:
		return "ascending"
	case "-" + column:
		return "descending"
	}
	return "none"
}

// ToGroup links to the instances of one group.
func (q Query) ToGroup(value string) string {
	switch q.Group {
	case "app":
		q.App = value
	case "zone":
		q.Zone = value
	case "version":
		q.Version = value
	case "status":
		q.Status = value
	default:
		q.Text = strings.TrimSpace(q.Text + " " + q.Group + "=" + value)
	}
	q.Group, q.Page, q.Open = "", 1, ""
	return q.Link()
}

// filter is a query, ready for many rows.
type filter struct {
	Query
	words []string // in lower case
}

func (q Query) filter() filter { return filter{q, strings.Fields(strings.ToLower(q.Text))} }

func (f *filter) admits(r *Row) bool {
	return (f.App == "" || strings.EqualFold(f.App, r.In.App)) && (f.Zone == "" || f.Zone == r.Zone()) &&
		(f.Version == "" || f.Version == r.Version()) && f.admitsStatus(r) && f.admitsText(r)
}

func (f *filter) admitsStatus(r *Row) bool {
	switch f.Status {
	case "":
		return true
	case "expired":
		return r.Expired
	case "override":
		return r.Overridden()
	}
	return strings.EqualFold(f.Status, r.In.Status.String())
}

// admitsText looks for each word in what a row shows, and in the values of the metadata.
func (f *filter) admitsText(r *Row) bool {
	if len(f.words) == 0 {
		return true
	}
	in := r.In
	text := strings.ToLower(strings.Join([]string{in.App, in.ResolvedID(), in.HostName, r.Address(), in.VIPAddress, in.Status.String(), r.Zone(), r.Version()}, "\n"))
	for _, word := range f.words {
		if !strings.Contains(text, word) && !hasMetadata(in.Metadata, word) {
			return false
		}
	}
	return true
}

func hasMetadata(m heureka.Metadata, word string) bool {
	key, value, pair := strings.Cut(word, "=")
	for _, e := range m {
		if pair && strings.EqualFold(e.Key, key) && strings.EqualFold(e.Value, value) || !pair && strings.Contains(strings.ToLower(e.Value), word) {
			return true
		}
	}
	return false
}

// order sorts rows, which come by application and id. Trouble comes first unless a column is named.
func (q Query) order(rows []*Row) {
	column, down := strings.CutPrefix(q.Sort, "-")
	compare := comparisons[column]
	if compare == nil {
		compare, down = func(a, b *Row) int { return a.rank() - b.rank() }, false
	}
	slices.SortStableFunc(rows, func(a, b *Row) int {
		if down {
			a, b = b, a
		}
		return compare(a, b)
	})
}

// comparisons are the columns by which lists are sorted.
var comparisons = map[string]func(a, b *Row) int{
	"app":     func(a, b *Row) int { return cmp.Compare(a.In.App, b.In.App) },
	"id":      func(a, b *Row) int { return cmp.Compare(a.In.ResolvedID(), b.In.ResolvedID()) },
	"status":  func(a, b *Row) int { return cmp.Compare(a.In.Status.String(), b.In.Status.String()) },
	"address": func(a, b *Row) int { return cmp.Compare(a.Address(), b.Address()) },
	"zone":    func(a, b *Row) int { return cmp.Compare(a.Zone(), b.Zone()) },
	"version": func(a, b *Row) int { return cmp.Compare(a.Version(), b.Version()) },
	"heard":   func(a, b *Row) int { return a.Heard.Compare(b.Heard) },
	"changed": func(a, b *Row) int { return cmp.Compare(a.In.LastUpdatedMS, b.In.LastUpdatedMS) },
}
