package dashboard_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/lint"
)

func row(app, id string, spoil ...func(r *dashboard.Row)) dashboard.Row {
	in := instance(id)
	in.App, in.Port = app, heureka.Port{Number: 8080, Enabled: true}
	r := dashboard.Row{In: in, Heard: now.Add(-10 * time.Second), RunsOut: now.Add(80 * time.Second), By: "here"}
	for _, do := range spoil {
		do(&r)
	}
	return r
}

func with(status heureka.Status, pairs ...string) func(r *dashboard.Row) {
	return func(r *dashboard.Row) {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		r.In.Status, r.In.Metadata = status, heureka.NewMetadata(m)
	}
}

func someRows() []dashboard.Row {
	return []dashboard.Row{
		row("BILLING", "b1", with(heureka.StatusUp, "zone", "z1", "version", "2.0")),
		row("BILLING", "b2", with(heureka.StatusStarting, "zone", "z2")),
		row("ORDERS", "o1", with(heureka.StatusUp, "zone", "z1", "team", "Blue")),
		row("ORDERS", "o2", func(r *dashboard.Row) { r.Overdue = true }),
		row("ORDERS", "o3", func(r *dashboard.Row) { r.Overdue, r.Expired = true, true }),
		row("USERS", "u1", with(heureka.StatusDown)),
		row("USERS", "u2", with(heureka.StatusOutOfService)),
	}
}

func ids(l *dashboard.List) string {
	var out []string
	for _, r := range l.Rows {
		out = append(out, r.In.ID)
	}
	return strings.Join(out, " ")
}

func list(t *testing.T, query string, rows []dashboard.Row) *dashboard.List {
	t.Helper()
	v, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return dashboard.NewList(aFrame("/instances"), dashboard.ParseQuery(v), rows, now)
}

func TestListChoosesAndSorts(t *testing.T) {
	for query, want := range map[string]string{
		"":                       "o3 u1 u2 b2 o2 b1 o1", // trouble first
		"sort=id":                "b1 b2 o1 o2 o3 u1 u2",
		"sort=-id":               "u2 u1 o3 o2 o1 b2 b1",
		"sort=nothing":           "o3 u1 u2 b2 o2 b1 o1",
		"app=orders&sort=id":     "o1 o2 o3",
		"status=UP&sort=id":      "b1 o1 o2 o3",
		"status=expired":         "o3",
		"zone=z1&sort=-id":       "o1 b1",
		"version=2.0":            "b1",
		"q=host-u+USERS&sort=id": "u1 u2",
		"q=team%3Dblue":          "o1",
		"q=team%3Dred":           "",
		"q=blue":                 "o1",
		"q=z1+orders":            "o1",
		"page=99&sort=id":        "b1 b2 o1 o2 o3 u1 u2", // the last page
	} {
		if got := ids(list(t, query, someRows())); got != want {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
}

func TestListGroups(t *testing.T) {
	l := list(t, "group=zone&q=b", someRows())
	want := []dashboard.Count{{Name: "z1", N: 2}, {Name: "z2", N: 1}}
	if diff := cmp.Diff(want, l.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	page := render(t, l)
	if !strings.Contains(page, `href="?q=b&amp;zone=z1"`) {
		t.Error("no link to a group")
	}
	if got := list(t, "group=team", someRows()).Query.ToGroup("Blue"); got != "?q=team%3DBlue" {
		t.Errorf("ToGroup = %q", got)
	}
}

// A page has 100 rows, and leads to the ones beside it with the same query.
func TestListHasPages(t *testing.T) {
	var rows []dashboard.Row
	for i := range 250 {
		rows = append(rows, row("ORDERS", fmt.Sprintf("%03d", i)))
	}
	l := list(t, "page=2&q=host&sort=id", rows)
	page := render(t, l)
	wantText(t, page, "101 to 200 of 250", "page 2 of 3")
	for _, want := range []string{`href="?q=host&amp;sort=id" rel="prev"`, `href="?page=3&amp;q=host&amp;sort=id" rel="next"`} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	if len(l.Rows) != 100 || l.Rows[0].In.ID != "100" {
		t.Errorf("%d rows from %s", len(l.Rows), l.Rows[0].In.ID)
	}
	wantText(t, render(t, list(t, "q=nothing", rows)), "none of 250", "No instance matches.")
}

func aDetail() *dashboard.Detail {
	r := row("ORDERS", "o1", with(heureka.StatusUp, "zone", "z1"))
	r.In.HomePageURL, r.In.HealthCheckURL = "http://host-o1:8080/", "javascript:alert(1)"
	return &dashboard.Detail{
		Frame: aFrame("/instance"), Now: now, Row: &r, Key: r.In.Key(), Since: now.Add(-time.Hour),
		Changes: []dashboard.Change{{At: now, What: "registered", Key: r.In.Key(), To: "UP", Why: "client at 10.0.0.7"}},
		Faults:  []lint.Finding{{Kind: lint.Loopback, App: "ORDERS", ID: "o1", Text: "is registered at localhost"}},
	}
}

func TestDetailTellsAll(t *testing.T) {
	page := render(t, aDetail())
	wantText(t, page, "UP , last changed by client at 10.0.0.7", "It is registered at localhost. Callers on other hosts reach themselves.",
		"Heartbeat every 30s Lease 1m30s Last heartbeat 10s ago, here Lease ends in 1m20s", "Application ORDERS Instance id o1", "Port 8080",
		"Health check javascript:alert(1)", "zone z1", "registered ORDERS/o1 - → UP client at 10.0.0.7")
	if !strings.Contains(page, `<a href="http://host-o1:8080/" rel="noreferrer">`) || strings.Contains(page, `href="javascript`) {
		t.Error("the home page is not linked, or a script is")
	}
	gone := aDetail()
	gone.Row = nil
	wantText(t, render(t, gone), "It is not registered now.", "registered ORDERS/o1")
}

func TestDrawerIsPartOfTheList(t *testing.T) {
	l := list(t, "q=o1&open=ORDERS%2Fo1", someRows())
	l.Drawer = aDetail()
	page := render(t, l)
	wantText(t, page, "Close On a page of its own ORDERS o1")
	if !strings.Contains(page, `href="?q=o1">Close`) || !strings.Contains(page, `href="instance?app=ORDERS&amp;id=o1"`) {
		t.Error("the drawer cannot be left")
	}
}

func TestPlot(t *testing.T) {
	if p := dashboard.NewPlot([]dashboard.Sample{{At: now}}, now); p.Present != "" {
		t.Errorf("one sample makes %q", p.Present)
	}
	p := dashboard.NewPlot([]dashboard.Sample{
		{At: now.Add(-2 * time.Hour), Present: 9}, {At: now.Add(-30 * time.Minute), Present: 50, Expected: 100, Threshold: 85}, {At: now, Present: 100, Expected: 100, Threshold: 85},
	}, now)
	if p.Present != "360,87.3 720,14.5" {
		t.Errorf("Present = %q", p.Present)
	}
	young := dashboard.NewPlot([]dashboard.Sample{{At: now.Add(-time.Minute), Present: 100}, {At: now, Present: 100}}, now)
	if young.Present != "360,14.5 720,14.5" || young.Left != "2 min ago" || p.Left != "60 min ago" {
		t.Errorf("a young node draws %q from %s, an old one from %s", young.Present, young.Left, p.Left)
	}
}

// everyPage is each page with something on it, by name.
func everyPage(t *testing.T) map[string]string {
	t.Helper()
	skew := 3 * time.Second
	return map[string]string{
		"status":    render(t, aView()),
		"instances": render(t, list(t, "group=app&col=team", someRows())),
		"instance":  render(t, aDetail()),
		"peers": render(t, &dashboard.Ring{Frame: aFrame("/peers"), Now: now, Peers: []dashboard.Peer{
			{URL: "http://u:s3cret@p:8761/eureka/", State: "failing", Error: "refused", Kind: "heureka", Skew: &skew},
		}}),
		"renewals": render(t, &dashboard.Meter{Frame: aFrame("/renewals"), Now: now, Changes: aDetail().Changes, Removed: aDetail().Changes,
			Plot: dashboard.NewPlot([]dashboard.Sample{{At: now.Add(-time.Minute), Present: 1}, {At: now, Present: 2}}, now)}),
		"warnings": render(t, dashboard.NewFaults(aFrame("/warnings"), aDetail().Faults)),
		"lastn":    render(t, &dashboard.LastN{Frame: aFrame("/lastn")}),
	}
}

func TestPagesSayWhatTheyAreFor(t *testing.T) {
	pages := everyPage(t)
	for name, want := range map[string]string{
		"peers":    "p:8761 State failing Last error refused Kind heureka Lag 0s, 0 instances pending",
		"renewals": "Renewals a minute in the last hour: now 2 present",
		"warnings": "loopback 1 Callers on other hosts reach themselves. Set eureka.instance.hostname or ip-address, or prefer-ip-address. ORDERS/o1 is registered at localhost",
	} {
		wantText(t, pages[name], want)
	}
	for name, page := range pages {
		if strings.Contains(page, "s3cret") {
			t.Errorf("%s shows a password", name)
		}
		if !strings.Contains(page, "<title>n1 (z1) · ") {
			t.Errorf("%s is not called after its node", name)
		}
	}
}

// Names and metadata are anybody's: they stay text on every page.
func TestHostileNamesOnEveryPage(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	r := row(evil, evil, with(heureka.StatusUp, evil, evil, "zone", evil, "version", evil))
	r.In.HostName, r.In.HomePageURL = evil, "javascript:alert(1)"
	key := r.In.Key()
	d := &dashboard.Detail{Frame: aFrame("/instance"), Now: now, Row: &r, Key: key, Changes: []dashboard.Change{{At: now, Key: key, Why: evil, From: evil}}}
	l := dashboard.NewList(aFrame("/instances"), dashboard.ParseQuery(url.Values{"q": {"script"}, "group": {"zone"}, "col": {evil}, "app": {evil}}), []dashboard.Row{r}, now)
	l.Drawer = d
	for name, v := range map[string]renderer{
		"list": l, "detail": d,
		"warnings": dashboard.NewFaults(aFrame("/warnings"), []lint.Finding{{Kind: lint.HostName, App: evil, ID: evil, Text: evil}}),
		"renewals": &dashboard.Meter{Frame: aFrame("/renewals"), Changes: d.Changes, Removed: d.Changes, Explain: []string{evil}},
	} {
		page := render(t, v)
		for _, bad := range []string{"<script>", "<img", `href="javascript`} {
			if strings.Contains(page, bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
	}
}
