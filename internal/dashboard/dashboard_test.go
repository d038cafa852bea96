package dashboard_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
)

var now = time.Date(2026, 11, 22, 23, 33, 52, 0, time.FixedZone("", 3600))

func aFrame(from string) dashboard.Frame {
	return dashboard.Frame{Paths: dashboard.NewPaths(from, "/", "/eureka", "/heureka/v1"), Node: "n1", Zone: "z1", Environment: "test"}
}

// aView is a healthy node with one application.
func aView() *dashboard.View {
	return &dashboard.View{
		Frame:      aFrame("/"),
		Base:       "/eureka",
		Version:    "1.2.3",
		DataCenter: "default",
		Now:        now,
		Uptime:     "1 day 02:03",
		Phase:      "open",
		Reads:      true,
		Renewals: dashboard.Renewals{
			LastMinute: 2000, Expected: 2000, Threshold: 1700, ProtectionOn: true, EvictionAllowed: true,
		},
		Apps: []dashboard.App{dashboard.NewApp("ORDERS", []*heureka.Instance{instance("a"), instance("b")}, nil)},
	}
}

func instance(id string) *heureka.Instance {
	return &heureka.Instance{
		App: "ORDERS", ID: id, HostName: "host-" + id, Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter,
		StatusPageURL: "http://host-" + id + ":8080/info",
	}
}

type renderer interface{ Render(w io.Writer) error }

func render(t *testing.T, v renderer) string {
	t.Helper()
	var b bytes.Buffer
	if err := v.Render(&b); err != nil {
		t.Fatalf("Render: %v", err)
	}
	checkMarkup(t, b.String())
	return b.String()
}

// checkMarkup reads the page as far as an XML parser can check HTML: every element that needs an end has one, in order.
func checkMarkup(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict = false
	d.AutoClose = []string{"meta", "link", "input"}
	d.Entity = xml.HTMLEntity
	var open []string
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("page is not well formed: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			open = append(open, tok.Name.Local)
		case xml.EndElement:
			if open[len(open)-1] != tok.Name.Local {
				t.Fatalf("</%s> ends <%s>", tok.Name.Local, open[len(open)-1])
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
}

// text returns what a reader sees of the page, with single spaces.
func text(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, " ")
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

func wantText(t *testing.T, page string, want ...string) {
	t.Helper()
	got := text(page)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("page lacks %q:\n%s", w, got)
		}
	}
}

// S-DASH-2 section 1.
func TestDash2SystemStatus(t *testing.T) {
	wantText(t, render(t, aView()),
		"Environment test", "Data center default", "Version 1.2.3", "Phase open",
		"Current time 2026-11-22T23:33:52 +0100", "Uptime 1 day 02:03", "Lease expiration enabled true",
		"Renews threshold 1700", "Renews (last min) 2000", "Renews expected 2000")
}

// S-DASH-2: the sections and their order.
func TestDash2Sections(t *testing.T) {
	got := text(render(t, aView()))
	at := 0
	for _, h := range []string{"System Status", "DS Replicas", "Instances currently registered with Eureka", "General Info", "Instance Info"} {
		i := strings.Index(got[at:], h)
		if i < 0 {
			t.Fatalf("no section %q after the previous ones:\n%s", h, got)
		}
		at += i
	}
}

func TestPageNeedsNothingFromElsewhere(t *testing.T) {
	v := aView()
	v.Apps, v.Replicas = nil, nil
	page := render(t, v)
	for _, bad := range []string{"@import", "http:", "https:", "url("} {
		if strings.Contains(page, bad) {
			t.Errorf("page contains %q", bad)
		}
	}
}

// S-DASH-2 section 3: links to peers, never with their credentials.
func TestDash2Replicas(t *testing.T) {
	v := aView()
	v.Replicas = []dashboard.Replica{
		{URL: "http://user:s3cret@peer-1:8761/eureka/", Good: true, Note: "up to date"},
		{URL: "http://peer-2:8762/eureka/", Note: "unreachable"},
	}
	page := render(t, v)
	wantText(t, page, "peer-1:8761 up to date", "peer-2:8762 unreachable")
	if !strings.Contains(page, `href="http://peer-1:8761/"`) {
		t.Error("no link to the page of peer-1 without credentials")
	}
	if strings.Contains(page, "s3cret") {
		t.Error("page shows a password")
	}
	v.Replicas = nil
	wantText(t, render(t, v), "DS Replicas None")
}

// A link to a peer leads to its status page, whichever path it serves the API under.
func TestReplicasLinkToTheirPages(t *testing.T) {
	for url, want := range map[string]string{
		"http://p:8761/eureka/":           "http://p:8761/",
		"http://p:8761/eureka":            "http://p:8761/",
		"http://p:8761/ctx/eureka/v2/":    "http://p:8761/ctx/",
		"http://u:s3cret@p/v2/":           "http://p/",
		"https://p/somewhere":             "https://p/somewhere/",
		"http://eureka/":                  "http://eureka/",
		"http://eureka-1:8761/my-eureka/": "http://eureka-1:8761/my-eureka/",
	} {
		v := aView()
		v.Replicas = []dashboard.Replica{{URL: url, Note: "ok"}}
		if page := render(t, v); !strings.Contains(page, `<a href="`+want+`"`) {
			t.Errorf("no link to %s for %s:\n%s", want, url, page)
		}
	}
}

func TestReplicaThatIsNoURL(t *testing.T) {
	v := aView()
	v.Replicas = []dashboard.Replica{{URL: "javascript:alert(1)"}, {URL: "http://u:s3cret@%zz/"}}
	page := render(t, v)
	if strings.Contains(page, "href=\"javascript") || strings.Contains(page, "s3cret") {
		t.Errorf("page shows what it must not:\n%s", page)
	}
}

// S-DASH-2 section 5, S-DEF-16.
func TestDash2GeneralInfo(t *testing.T) {
	v := aView()
	v.General = []heureka.MetadataEntry{
		{Key: "num-of-cpus", Value: "2"},
		{Key: "registered-replicas", Value: "http://u:s3cret@peer-1/eureka/, http://peer-2/eureka/, https://u:p%40s3cret@peer-3:1/"},
		{Key: "odd", Value: "mail me@example.net"},
	}
	page := render(t, v)
	wantText(t, page, "num-of-cpus 2", "registered-replicas http://peer-1/eureka/, http://peer-2/eureka/, https://peer-3:1/",
		"odd mail me@example.net")
	if strings.Contains(page, "s3cret") {
		t.Error("page shows a password")
	}
}

func TestPasswordsOfAllShapesAreRemoved(t *testing.T) {
	for _, in := range []string{
		"http://u:s3cret@h/", "http://s3cret@h/", "http://u:a@s3cret@h/", "http://u:a,s3cret@h/", "http://x/,http://u:s3cret@h/",
		"HTTP://u:s3cret@h", "http://u:s3cret@[::1]:8761/",
	} {
		v := aView()
		v.General = []heureka.MetadataEntry{{Key: "k", Value: in}}
		if page := render(t, v); strings.Contains(page, "s3cret") {
			t.Errorf("the password of %q is shown", in)
		}
	}
}

// S-DASH-2 section 6.
func TestDash2InstanceInfo(t *testing.T) {
	own := instance("eureka-1")
	own.IPAddr = "192.0.2.2"
	v := aView()
	v.Own = dashboard.OwnInfo(own)
	wantText(t, render(t, v), "Instance Info ipAddr 192.0.2.2 status UP")

	own.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{
		"ami-id": "ami-1", "availability-zone": "us-east-1c", "mac": "not shown",
	})}
	v.Own = dashboard.OwnInfo(own)
	page := render(t, v)
	wantText(t, page, "availability-zone us-east-1c", "ami-id ami-1")
	if strings.Contains(page, "not shown") {
		t.Error("page shows Amazon metadata beyond the listed")
	}
}

// S-SP-11: which warning for which state, S-SP-9 being decided elsewhere.
func TestSP11Warnings(t *testing.T) {
	tests := []struct {
		below, on bool
		want      string // how the warning begins; "" for none
	}{
		{below: true, on: true, want: "EMERGENCY: renewals are below the threshold, so no instance is being expired"},
		{below: true, on: false, want: "Renewals are below the threshold and self-preservation is turned off"},
		{below: false, on: false, want: "Self-preservation is turned off"},
		{below: false, on: true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("below=%t/on=%t", tt.below, tt.on), func(t *testing.T) {
			v := aView()
			v.Renewals.BelowThreshold, v.Renewals.ProtectionOn = tt.below, tt.on
			ws := v.Warnings()
			if tt.want == "" {
				if len(ws) > 0 {
					t.Errorf("Warnings() = %v, want none", ws)
				}
				return
			}
			if len(ws) != 1 || !strings.HasPrefix(ws[0].Text, tt.want) {
				t.Fatalf("Warnings() = %v, want one that begins with %q", ws, tt.want)
			}
			wantText(t, render(t, v), ws[0].Text, "2000 renewals in the last minute, threshold 1700, expected 2000.")
			if got := strings.HasPrefix(ws[0].Text, "EMERGENCY"); got != (tt.below && tt.on) {
				t.Errorf("EMERGENCY is %t", got)
			}
		})
	}
}

// A page that says false somewhere says why, once.
func TestWhyNothingIsEvicted(t *testing.T) {
	v := aView()
	v.Renewals.Why = "nothing was counted yet"
	wantText(t, render(t, v), "Nothing is evicted now: nothing was counted yet.")
	v.Renewals.BelowThreshold = true
	if page := render(t, v); strings.Contains(page, v.Renewals.Why) {
		t.Error("page says beside the warning why nothing is evicted")
	}
}

func TestEmergencySaysSinceWhen(t *testing.T) {
	v := aView()
	v.Renewals.BelowThreshold = true
	v.Renewals.Expected = 12.5
	v.Renewals.ProtectedSince = now.Add(-90 * time.Second)
	wantText(t, render(t, v), "expected 12.5.", "Protected since 2026-11-22T23:32:22 +0100 (for 1m30s).")
}

func TestPhaseThatRefusesReads(t *testing.T) {
	v := aView()
	v.Phase, v.PhaseWhy, v.Reads = "waiting", "no peer answered", false
	v.PhaseSince = now.Add(-time.Minute)
	wantText(t, render(t, v), "Phase waiting: no peer answered",
		"Reads of the registry are refused while this node is waiting (for 1m0s): no peer answered.")

	v.PhaseSince, v.PhaseWhy = time.Time{}, ""
	wantText(t, render(t, v), "Reads of the registry are refused while this node is waiting. Registrations")

	v.Renewals.BelowThreshold = true
	if ws := v.Warnings(); len(ws) != 2 || !strings.HasPrefix(ws[0].Text, "EMERGENCY") {
		t.Errorf("Warnings() = %v, want both, EMERGENCY first", ws)
	}
}

func TestClockThatWentBackShowsNoNegativeTime(t *testing.T) {
	v := aView()
	v.Renewals.BelowThreshold = true
	v.Renewals.ProtectedSince = now.Add(time.Hour)
	wantText(t, render(t, v), "(for 0s)")
}

// S-DASH-4.
func TestDash4LastN(t *testing.T) {
	l := &dashboard.LastN{
		Frame:      aFrame("/lastn"),
		Cancelled:  []dashboard.Event{{At: now, Key: heureka.Key{App: "A", ID: "2"}}, {At: now.Add(-time.Second), Key: heureka.Key{App: "A", ID: "<1>"}}},
		Registered: []dashboard.Event{{At: now, Key: heureka.Key{App: "B", ID: "h:b:1"}, Why: "client at <10.0.0.7>"}},
	}
	page := render(t, l)
	wantText(t, page, "Last 1000 cancelled leases",
		"2026-11-22T23:33:52 +0100 A(2) 2026-11-22T23:33:51 +0100 A(<1>)",
		"Last 1000 newly registered leases Timestamp Lease Why 2026-11-22T23:33:52 +0100 B(h:b:1) client at <10.0.0.7>")
	wantText(t, render(t, &dashboard.LastN{}), "cancelled leases None so far.")
}

// Links are relative to the page, so that a prefix which a proxy strips does not matter.
func TestPathsAreRelative(t *testing.T) {
	for _, tt := range []struct{ from, page, instances, api string }{
		{"/", "./", "instances", "eureka"},
		{"/lastn", "./", "instances", "eureka"},
		{"/eureka/", "../", "../instances", "../eureka"},
		{"/eureka/v2/", "../../", "../../instances", "../../eureka"},
	} {
		p := dashboard.NewPaths(tt.from, "/", "/eureka", "/heureka/v1")
		if p.Page != tt.page || p.Instances != tt.instances || p.API != tt.api {
			t.Errorf("from %s: %+v, want %+v", tt.from, p, tt)
		}
	}
	if p := dashboard.NewPaths("/ctx/", "/ctx/", "/ctx/eureka", "/ctx/heureka/v1"); p.Page != "./" || p.Peers != "peers" {
		t.Errorf("below a context path: %+v", p)
	}
	p := dashboard.NewPaths("/ctx/ui/peers", "/ctx/ui", "/ctx/eureka", "/ctx/heureka/v1")
	base, _ := url.Parse("https://proxy/prefix/ctx/ui/peers")
	for link, want := range map[string]string{p.Page: "/prefix/ctx/ui", p.LastN: "/prefix/ctx/ui/lastn", p.V1: "/prefix/ctx/heureka/v1", p.API: "/prefix/ctx/eureka"} {
		if u, err := base.Parse(link); err != nil || u.Path != want {
			t.Errorf("%s leads to %v (%v), want %s", link, u, err, want)
		}
	}
}

// The policy forbids what stands in the page itself: style, script and handlers.
func TestPagesObeyTheirPolicy(t *testing.T) {
	for name, page := range everyPage(t) {
		for _, bad := range []string{"<style", "style=", "<script>", " onclick", `href="javascript:`} {
			if strings.Contains(page, bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
		if !strings.Contains(page, `<script type="module" src="`+dashboard.ScriptName+`"`) || !strings.Contains(page, `href="`+dashboard.StyleName+`"`) {
			t.Errorf("%s lacks its files", name)
		}
	}
}

func TestRenderReportsTheWritersError(t *testing.T) {
	if err := aView().Render(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("Render = %v, want %v", err, errBroken)
	}
}

var errBroken = errors.New("broken pipe")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
