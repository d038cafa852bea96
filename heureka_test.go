package heureka_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"unicode"

	"heureka.internal/heureka"
)

func TestHashCode(t *testing.T) { // W-HASH-1, W-HASH-2
	cases := []struct {
		name   string
		counts map[heureka.Status]int64
		want   string
	}{
		{"none", nil, ""},
		{"3 UP", map[heureka.Status]int64{heureka.StatusUp: 3}, "UP_3_"},
		{"2 UP, 1 DOWN", map[heureka.Status]int64{heureka.StatusUp: 2, heureka.StatusDown: 1}, "DOWN_1_UP_2_"},
		{"one of each", map[heureka.Status]int64{heureka.StatusUp: 1, heureka.StatusDown: 1, heureka.StatusStarting: 1, heureka.StatusOutOfService: 1, heureka.StatusUnknown: 1},
			"DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UNKNOWN_1_UP_1_"},
	}
	for _, c := range cases {
		var counts heureka.StatusCounts
		for s, n := range c.counts {
			counts.Add(s, n)
		}
		if got := counts.Hash(); got != c.want {
			t.Errorf("%s: Hash() = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestHashCountsEveryApplicationOnItsOwn(t *testing.T) { // W-HASH-3
	up := &heureka.Instance{ID: "same", Status: heureka.StatusUp}
	apps := heureka.Applications{Apps: []*heureka.Application{
		{Name: "A", Instances: []*heureka.Instance{up}},
		{Name: "B", Instances: []*heureka.Instance{up}},
	}}
	if got := apps.Count().Hash(); got != "UP_2_" {
		t.Errorf("Hash() = %q, want UP_2_", got)
	}
	if got := apps.Count().Total(); got != 2 {
		t.Errorf("Total() = %d, want 2", got)
	}
}

func TestResolvedID(t *testing.T) { // W-IDENT-1
	amazon := &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{"instance-id": "i-1"})}
	cases := []struct {
		name string
		in   heureka.Instance
		want string
	}{
		{"explicit", heureka.Instance{ID: "x", HostName: "h", DataCenter: amazon}, "x"},
		{"amazon", heureka.Instance{HostName: "h", DataCenter: amazon}, "i-1"},
		{"amazon without id", heureka.Instance{HostName: "h", DataCenter: &heureka.DataCenter{Name: heureka.Amazon}}, "h"},
		{"not amazon", heureka.Instance{HostName: "h", DataCenter: heureka.OwnDataCenter}, "h"},
		{"no data centre", heureka.Instance{HostName: "h"}, "h"},
	}
	for _, c := range cases {
		if got := c.in.ResolvedID(); got != c.want {
			t.Errorf("%s: ResolvedID() = %q, want %q", c.name, got, c.want)
		}
	}
}

// S-DEF-34: application names are upper-cased as Java does it without a locale. The wanted forms are Java 17's.
func TestAppNameIsUpperCasedAsInJava(t *testing.T) {
	for in, want := range map[string]string{
		"orders-1": "ORDERS-1", "ORDERS": "ORDERS", "": "", "müsli": "MÜSLI", "straße": "STRASSE", "ﬁle": "FILE", "ıi": "II",
		"ŉ": "ʼN", "\u0390": "\u0399\u0308\u0301", "ǆ": "Ǆ", "жук": "ЖУК", "日本": "日本", "a\xffb": "A\xffB",
	} {
		if got := heureka.AppName(in); got != want {
			t.Errorf("AppName(%q) = %q, want %q", in, got, want)
		}
		if got := string(heureka.AppendAppName([]byte("x/"), in)); got != "x/"+want {
			t.Errorf("AppendAppName(x/, %q) = %q, want %q", in, got, "x/"+want)
		}
	}
	for r := range unicode.MaxRune { // or two nodes would not agree on a name that one of them has changed
		if once := heureka.AppName(string(r)); heureka.AppName(once) != once {
			t.Errorf("%q becomes %q, and that %q", r, once, heureka.AppName(once))
		}
	}
}

func TestNamesOfStatusesAndActions(t *testing.T) {
	for s := heureka.StatusUnknown; s <= heureka.StatusUp; s++ {
		if got, ok := heureka.ParseStatus(s.String()); !ok || got != s {
			t.Errorf("ParseStatus(%q) = %v, %v", s.String(), got, ok)
		}
	}
	for _, bad := range []string{"up", " UP", "", "NEW"} {
		if got, ok := heureka.ParseStatus(bad); ok {
			t.Errorf("ParseStatus(%q) = %v, want a refusal", bad, got)
		}
	}
	for a := heureka.ActionAdded; a <= heureka.ActionDeleted; a++ {
		if got, ok := heureka.ParseAction(a.String()); !ok || got != a {
			t.Errorf("ParseAction(%q) = %v, %v", a.String(), got, ok)
		}
	}
	if _, ok := heureka.ParseAction(""); ok {
		t.Error("ParseAction accepts the empty name")
	}
}

func TestMetadata(t *testing.T) {
	m := heureka.NewMetadata(map[string]string{"b": "2", "a": "1"})
	with := m.With(heureka.MetadataEntry{Key: "b", Value: "3"}, heureka.MetadataEntry{Key: "c", Value: ""})
	if got, want := with.Map(), (map[string]string{"a": "1", "b": "3", "c": ""}); !maps.Equal(got, want) {
		t.Errorf("With() = %v, want %v", got, want)
	}
	if m.Get("b") != "2" {
		t.Error("With changed its receiver")
	}
	if _, ok := with.Lookup("c"); !ok {
		t.Error("an empty value is not found")
	}
	if _, ok := with.Lookup("d"); ok {
		t.Error("Lookup finds what is not there")
	}
	var order strings.Builder
	for k := range with.All() {
		order.WriteString(k)
	}
	if order.String() != "abc" {
		t.Errorf("All() goes %q, want abc", order.String())
	}
}

func TestStatusErrorIsNotFoundOnlyFor404(t *testing.T) {
	for code, want := range map[int]bool{404: true, 403: false, 500: false} {
		err := &heureka.StatusError{Op: "renew A/b", URL: "http://h/", Code: code}
		if got := errors.Is(err, heureka.ErrNotFound); got != want {
			t.Errorf("errors.Is(%v, ErrNotFound) = %v, want %v", err, got, want)
		}
	}
}
