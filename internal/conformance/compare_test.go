package conformance_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var client = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func readBody(resp *http.Response) ([]byte, error) {
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(resp.Body)
	}
	zr, err := gzip.NewReader(resp.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// compare returns how an answer differs from the wanted one, "" if it does not. Where the reference stumbles over bad
// input (500), naming the mistake (4xx) is as good. Bodies of errors are not compared.
func compare(st *step, want, got *answer) string {
	if want.Status == http.StatusInternalServerError && got.Status/100 == 4 {
		return ""
	}
	if want.Status != got.Status {
		return fmt.Sprintf("status %d, want %d", got.Status, want.Status)
	}
	if st.Compare == "status" || want.Status >= 400 {
		return ""
	}
	if strings.TrimSpace(want.Body) == "" && strings.TrimSpace(got.Body) == "" {
		return ""
	}
	if want.ContentType != got.ContentType {
		return fmt.Sprintf("media type %q, want %q", got.ContentType, want.ContentType)
	}
	asked := want.Encoding == "" && got.Encoding == "gzip" && strings.Contains(st.Header["Accept-Encoding"], "gzip")
	if want.Encoding != got.Encoding && !asked {
		return fmt.Sprintf("content coding %q, want %q", got.Encoding, want.Encoding)
	}
	return firstDifference(canonical(want.Body), canonical(got.Body))
}

// firstDifference shows where two canonical texts part.
func firstDifference(want, got string) string {
	if want == got {
		return ""
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	around := func(s string) string { return s[max(0, i-60):min(len(s), i+60)] }
	return fmt.Sprintf("body differs at …%s… want …%s…", around(got), around(want))
}

// canonical returns a body as a text that is the same for equal trees: members sorted, applications and instances too,
// times of the server replaced.
func canonical(body string) string {
	body = strings.TrimSpace(body)
	var v any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) == nil {
		return canonicalJSON("", v)
	}
	var n node
	if xml.Unmarshal([]byte(body), &n) == nil {
		return n.canonical()
	}
	return body
}

func canonicalJSON(key string, v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(&b, "%q:%s,", k, canonicalJSON(k, v[k]))
		}
		return "{" + b.String() + "}"
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = canonicalJSON(key, v[i])
		}
		if key == "application" || key == "instance" {
			slices.Sort(items)
		}
		return "[" + strings.Join(items, ",") + "]"
	case string:
		return fmt.Sprintf("%q", scrub(key, v))
	case json.Number:
		return scrub(key, v.String())
	default:
		return fmt.Sprint(v)
	}
}

// A node is an XML element.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

func (n *node) canonical() string {
	var attrs, children []string
	for _, a := range n.Attrs {
		attrs = append(attrs, a.Name.Local+"="+a.Value)
	}
	slices.Sort(attrs)
	head := fmt.Sprintf("<%s %s>", n.XMLName.Local, strings.Join(attrs, " "))
	if len(n.Nodes) == 0 {
		return head + scrub(n.XMLName.Local, strings.TrimSpace(n.Text))
	}
	for i := range n.Nodes {
		children = append(children, n.Nodes[i].canonical())
	}
	slices.Sort(children)
	return head + "(" + strings.Join(children, "") + ")"
}

var volatile = regexp.MustCompile(`^(registrationTimestamp|lastRenewalTimestamp|renewalTimestamp|evictionTimestamp|` +
	`serviceUpTimestamp|lastUpdatedTimestamp|timestamp|versions__delta|server-uptime|current-memory-usage|total-avail-memory|num-of-cpus)$`)

// recordedDirty is how the dirty timestamps end that the recorded requests carry. Any other is the server's invention.
const recordedDirty = "795389393136"

// scrub replaces what differs from run to run. That it is there, and not zero, still counts.
func scrub(key, v string) string {
	if volatile.MatchString(key) && v != "0" && v != "" {
		return "<varies>"
	}
	if key == "lastDirtyTimestamp" && len(v) == 13 && !strings.HasSuffix(v, recordedDirty) {
		return "<varies>"
	}
	return v
}

// The comparison must see what matters and nothing else, or the recordings prove nothing.
func TestCompare(t *testing.T) {
	instances := func(body string) *answer { return &answer{Status: 200, ContentType: "application/json", Body: body} }
	tests := []struct {
		name      string
		want, got *answer
		differ    bool
	}{
		{"order of members", instances(`{"a":1,"b":"x"}`), instances(`{"b":"x","a":1}`), false},
		{"order of instances", instances(`{"instance":[1,2]}`), instances(`{"instance":[2,1]}`), false},
		{"order of others", instances(`{"responseList":[1,2]}`), instances(`{"responseList":[2,1]}`), true},
		{"times", instances(`{"lastUpdatedTimestamp":"123"}`), instances(`{"lastUpdatedTimestamp":"456"}`), false},
		{"time missing", instances(`{"evictionTimestamp":123}`), instances(`{"evictionTimestamp":0}`), true},
		{"type", instances(`{"a":"1"}`), instances(`{"a":1}`), true},
		{"number and text of a time", instances(`{"lastUpdatedTimestamp":"1"}`), instances(`{"lastUpdatedTimestamp":1}`), true},
		{"extra member", instances(`{"a":1}`), instances(`{"a":1,"b":2}`), true},
		{"dirty of the client", instances(`{"lastDirtyTimestamp":"1795389393136"}`), instances(`{"lastDirtyTimestamp":"1795389393137"}`), true},
		{"dirty of the server", instances(`{"lastDirtyTimestamp":"1795389393137"}`), instances(`{"lastDirtyTimestamp":"1800000000000"}`), false},
		{"XML indentation", instances("<a>\n <b>1</b>\n</a>"), instances("<a><b>1</b></a>"), false},
		{"XML attribute", instances(`<a x="1"/>`), instances(`<a x="2"/>`), true},
		{"status", &answer{Status: 404}, &answer{Status: 400}, true},
		{"mistake named", &answer{Status: 500}, &answer{Status: 400}, false},
		{"still broken", &answer{Status: 500}, &answer{Status: 503}, true},
		{"error body", &answer{Status: 404, Body: "x"}, &answer{Status: 404}, false},
		{"label", instances("{}"), &answer{Status: 200, ContentType: "application/xml", Body: "{}"}, true},
		{"coding", instances("{}"), &answer{Status: 200, ContentType: "application/json", Encoding: "gzip", Body: "{}"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := compare(&step{}, tt.want, tt.got); (diff != "") != tt.differ {
				t.Errorf("compare = %q", diff)
			}
		})
	}
}
