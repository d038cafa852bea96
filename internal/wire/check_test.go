package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// W-REG-3, W-REG-4: each failure hides those after it.
func TestCheckRegistration(t *testing.T) {
	type instance = heureka.Instance
	tests := []struct {
		want   string
		change func(*instance)
	}{
		{"Missing instanceId", func(in *instance) { *in = instance{} }},
		{"Missing instanceId", func(in *instance) { in.ID, in.HostName = "", "" }}, // W-REG-6
		{"Missing hostname", func(in *instance) { *in = instance{ID: "i"} }},
		{"Missing ip address", func(in *instance) { *in = instance{ID: "i", HostName: "h"} }},
		{"Missing appName", func(in *instance) { *in = instance{ID: "i", HostName: "h", IPAddr: "1"} }},
		{"Mismatched appName, expecting SERVICE-00001 but was OTHER", func(in *instance) { in.App, in.DataCenter = "OTHER", nil }},
		{"Missing dataCenterInfo", func(in *instance) { in.DataCenter = nil }},
		{"Missing dataCenterInfo Name", func(in *instance) { in.DataCenter = &heureka.DataCenter{} }},
		{"", func(in *instance) {}},
		{"", func(in *instance) { in.ID = "" }}, // W-REG-6
		{"", func(in *instance) {
			in.ID, in.HostName, in.IPAddr = " ", " ", " " // white space is not blank
		}},
		{"", func(in *instance) {
			in.ID, in.DataCenter = "", &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("instance-id", "i")}
		}},
	}
	for _, tt := range tests {
		in := orders(tt.change)
		var got string
		if err := wire.CheckRegistration(in, "service-00001"); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("CheckRegistration(%+v) = %q, want %q", in, got, tt.want)
		}
	}
}

// W-REG-4 and W-REG-5 meet: what the decoder leaves to the checks.
func TestDecodedRegistrationsMeetTheirChecks(t *testing.T) {
	tests := []struct {
		format     wire.Format
		body, want string
	}{
		{wire.JSON, `{"instance":{"app":"DEMO"}}`, "Missing instanceId"},
		{wire.JSON, `{"instance":{"app":"DEMO","hostName":""}}`, "Missing instanceId"},
		{wire.JSON, `{"instance":{"app":"DEMO","instanceId":"i"}}`, "Missing hostname"},
		{wire.JSON, `{"instance":{"app":"","hostName":"h","ipAddr":"1"}}`, "Missing appName"},
		{wire.JSON, `{"instance":{"app":"other","hostName":"h","ipAddr":"1"}}`, "Mismatched appName, expecting DEMO but was OTHER"},
		{wire.JSON, `{"instance":{"app":"demo","hostName":"h","ipAddr":"1"}}`, "Missing dataCenterInfo"},
		{wire.JSON, `{"instance":{"app":"demo","hostName":"h","ipAddr":"1","dataCenterInfo":null}}`, "Missing dataCenterInfo"},
		{wire.JSON, `{"instance":{"app":"demo","hostName":"h","ipAddr":"1","dataCenterInfo":{"@class":"com.netflix.appinfo.MyDataCenterInfo"}}}`,
			"Missing dataCenterInfo Name"},
		{wire.XML, `<instance><app>demo</app><hostName>h</hostName><ipAddr>1</ipAddr><dataCenterInfo/></instance>`, "Missing dataCenterInfo"},
		{wire.XML, `<instance><app/><hostName>h</hostName><ipAddr>1</ipAddr></instance>`, "Missing appName"},
	}
	for _, tt := range tests {
		in, err := wire.DecodeInstance(tt.format, []byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		if err := wire.CheckRegistration(in, "DEMO"); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.body, err, tt.want)
		}
	}
}

// W-REG-7, W-BUG-1.
func TestCompleteAmazon(t *testing.T) {
	amazon := func(id, host string, pairs ...string) *heureka.Instance {
		return &heureka.Instance{ID: id, HostName: host, DataCenter: &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata(pairs...)}}
	}
	tests := []struct {
		in   *heureka.Instance
		want heureka.Metadata
	}{
		{amazon("i", "h"), metadata("instance-id", "i")},
		{amazon("", "h", "mac", "m"), metadata("instance-id", "h", "mac", "m")},
	}
	for _, tt := range tests {
		before := *tt.in.DataCenter
		got := wire.CompleteAmazon(tt.in)
		if diff := cmp.Diff(tt.want, got.DataCenter.Metadata); diff != "" || got.DataCenter.Name != heureka.Amazon {
			t.Errorf("%+v (-want +got):\n%s", tt.in, diff)
		}
		if got == tt.in || !cmp.Equal(before, *tt.in.DataCenter) {
			t.Errorf("%+v was changed", tt.in)
		}
		if again := wire.CompleteAmazon(got); again != got {
			t.Errorf("%+v completed twice", got)
		}
	}
	for _, in := range []*heureka.Instance{amazon("i", "h", "instance-id", "x"), amazon("i", "h", "instance-id", ""), {DataCenter: heureka.OwnDataCenter}, {}} {
		if got := wire.CompleteAmazon(in); got != in {
			t.Errorf("%+v became %+v", in, got)
		}
	}
}

// W-ERR-4.
func TestAppendParseError(t *testing.T) {
	const xml = `<error><message>cannot parse request body</message></error>`
	for contentType, want := range map[string]string{
		"application/json":               `{"error": "cannot parse request body"}`,
		"application/json;charset=UTF-8": xml, "application/xml": xml, "*/*": xml, "": xml,
	} {
		if got := string(wire.AppendParseError(nil, contentType, "")); got != want {
			t.Errorf("%q: got %s", contentType, got)
		}
	}
}
