package dashboard_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
)

func amazon(id, ami, zone string) *heureka.Instance {
	in := instance(id)
	in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{
		"ami-id": ami, "availability-zone": zone,
	})}
	return in
}

func TestDash2NewApp(t *testing.T) {
	down, zoned, nowhere := instance("d"), instance("z"), instance("n")
	down.Status, down.OverriddenStatus = heureka.StatusDown, heureka.StatusDown
	zoned.Metadata = heureka.NewMetadata(map[string]string{"zone": "rack-1"})
	nowhere.DataCenter = nil
	in := []*heureka.Instance{down, zoned, amazon("b", "ami-2", "us-east-1c"), amazon("a", "ami-2", "us-east-1c"), nowhere}

	got := dashboard.NewApp("ORDERS", in, nil)
	url := func(id string) string { return "http://host-" + id + ":8080/info" }
	want := dashboard.App{
		Name:  "ORDERS",
		AMIs:  []dashboard.Count{{Name: "ami-2", N: 2}, {Name: "n/a", N: 3}},
		Zones: []dashboard.Count{{Name: "", N: 2}, {Name: "rack-1", N: 1}, {Name: "us-east-1c", N: 2}},
		Groups: []dashboard.Group{
			{Status: heureka.StatusUp, Total: 4, Links: []dashboard.Link{
				{ID: "a", URL: url("a")}, {ID: "b", URL: url("b")}, {ID: "n", URL: url("n")}, {ID: "z", URL: url("z")},
			}},
			{Status: heureka.StatusDown, Total: 1, Links: []dashboard.Link{{ID: "d", URL: url("d"), Overridden: true}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NewApp (-want +got):\n%s", diff)
	}
	if in[0] != down {
		t.Error("NewApp reordered its argument")
	}
}

func TestDash2Instances(t *testing.T) {
	down := instance("b")
	down.Status, down.OverriddenStatus = heureka.StatusDown, heureka.StatusDown
	v := aView()
	v.Apps = []dashboard.App{dashboard.NewApp("ORDERS", []*heureka.Instance{instance("a"), down}, nil)}
	page := render(t, v)
	wantText(t, page, "Application AMIs Availability Zones Status ORDERS n/a (2) n/a (2) UP (1) a DOWN (1) b override")
	for _, want := range []string{
		`<span class="good">UP</span>`, `<span class="bad">DOWN</span>`, `<a href="http://host-a:8080/info" rel="noreferrer">a</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %s", want)
		}
	}
	v.Apps = nil
	wantText(t, render(t, v), "No instances available")
}

// Instances come from anybody: only http and https addresses become links, and text stays text.
func TestHostileInstances(t *testing.T) {
	for _, u := range []string{
		"javascript:alert(1)", "JaVaScRiPt://x/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "http:alert", "//evil/", "",
		"vbscript:x", " javascript:alert(1)", "httpx://h/", "http://",
	} {
		in := instance("x")
		in.StatusPageURL = u
		app := dashboard.NewApp("A", []*heureka.Instance{in}, nil)
		if got := app.Groups[0].Links[0].URL; got != "" {
			t.Errorf("status page %q is linked as %q", u, got)
		}
	}
	in := instance(`"><script>alert(1)</script>`)
	in.StatusPageURL = `http://h/"onmouseover="alert(1)`
	v := aView()
	v.Apps = []dashboard.App{dashboard.NewApp(`<img src=x>`, []*heureka.Instance{in}, nil)}
	page := render(t, v)
	for _, bad := range []string{"<script>", "<img", `"onmouseover`} {
		if strings.Contains(page, bad) {
			t.Errorf("page contains %q", bad)
		}
	}
}

func TestLinkableSchemes(t *testing.T) {
	for _, u := range []string{"http://h:1/info", "https://h/", "HTTP://h/"} {
		in := instance("x")
		in.StatusPageURL = u
		if got := dashboard.NewApp("A", []*heureka.Instance{in}, nil).Groups[0].Links[0].URL; got != u {
			t.Errorf("status page %q is linked as %q", u, got)
		}
	}
}

// One application with very many instances does not make the page grow without end.
func TestHugeApplicationIsCut(t *testing.T) {
	v := aView()
	v.Apps = []dashboard.App{dashboard.NewApp("BIG/ONE", fleet(2000), nil)}
	page := render(t, v)
	if !strings.Contains(page, `href="instances?app=BIG%2FONE&amp;status=UP"`) || strings.Contains(page, "<details") {
		t.Error("no link to the instances, or some of them are named")
	}
	wantText(t, page, "UP (2000)", "2000 instances")
	v.Apps = []dashboard.App{dashboard.NewApp("BIG/ONE", fleet(300), nil)}
	page = render(t, v)
	wantText(t, page, "UP (300)", "and 200 more: see all of them")
	if n := strings.Count(page, "host-"); n != 100 {
		t.Errorf("page names %d instances, want 100", n)
	}
}

func TestPageOfTenThousandInstancesStaysSmall(t *testing.T) {
	page := render(t, tenThousand())
	if len(page) > 300_000 {
		t.Errorf("page takes %d bytes", len(page))
	}
	wantText(t, page, "10000 instances", "500 applications")
}

func fleet(n int) []*heureka.Instance {
	out := make([]*heureka.Instance, n)
	for i := range out {
		out[i] = instance(fmt.Sprintf("%05d", i))
	}
	return out
}

func tenThousand() *dashboard.View {
	v := aView()
	v.Apps = nil
	for i := range 500 {
		v.Apps = append(v.Apps, dashboard.NewApp(fmt.Sprintf("SERVICE-%03d", i), fleet(20), nil))
	}
	return v
}

func BenchmarkRender(b *testing.B) {
	v := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Render(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
