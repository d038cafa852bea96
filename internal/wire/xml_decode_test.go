package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// registrationXML is registration in XML.
func registrationXML(elements string) string {
	return "<instance><hostName>h1</hostName><app>DEMO</app><ipAddr>10.0.0.1</ipAddr>" +
		"<dataCenterInfo><name>MyOwn</name></dataCenterInfo>" + elements + "</instance>"
}

func TestDecodeRegistrationXML(t *testing.T) {
	type instance = heureka.Instance
	amazon := func(pairs ...string) *heureka.DataCenter {
		return &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata(pairs...)}
	}
	tests := []struct {
		statement, elements string
		change              func(*instance)
	}{
		{"W-FLD-3 defaults", ``, func(in *instance) {}},
		{"W-XDEC-1 CDATA is text", `<vipAddress>a<![CDATA[<&]]>b</vipAddress>`, func(in *instance) { in.VIPAddress = "a<&b" }},
		{"W-XDEC-1 comments are nothing", `<vipAddress>a<!-- - -->b<?pi x?></vipAddress>`, func(in *instance) { in.VIPAddress = "ab" }},
		{"W-XDEC-2 unknown elements", `<foo x="y"><hostName>evil</hostName><bar/></foo>`, func(in *instance) {}},
		{"W-XDEC-2 white space stays", "<hostName> h1\n </hostName>", func(in *instance) { in.HostName = " h1\n " }},
		{"W-XDEC-2 elements in a text", "<hostName>h<b>x</b>9</hostName>", func(in *instance) { in.HostName = "h9" }},
		{"W-XDEC-3 ports", `<port enabled="false">8081</port><securePort enabled="true">8443</securePort><countryId>-7</countryId>`,
			func(in *instance) {
				in.Port, in.SecurePort, in.CountryID = heureka.Port{Number: 8081}, heureka.Port{Number: 8443, Enabled: true}, -7
			}},
		{"W-XDEC-3 no attribute", `<port>8081</port><securePort>8443</securePort>`,
			func(in *instance) { in.Port.Number, in.SecurePort.Number = 8081, 8443 }},
		{"W-XDEC-3 other attributes", `<port enabled="FALSE">1</port><securePort enabled="TRUE">2</securePort>`,
			func(in *instance) { in.Port.Number, in.SecurePort.Number = 1, 2 }},
		{"W-XDEC-4 statuses in any case", `<status>Out_Of_Service</status><overriddenstatus>down</overriddenstatus>`,
			func(in *instance) { in.Status, in.OverriddenStatus = heureka.StatusOutOfService, heureka.StatusDown }},
		{"W-XDEC-4 new spelling", `<overriddenStatus>DOWN</overriddenStatus>`,
			func(in *instance) { in.OverriddenStatus = heureka.StatusDown }},
		{"W-XDEC-4 unknown statuses", `<status>BROKEN</status><overriddenstatus></overriddenstatus>`,
			func(in *instance) { in.Status = heureka.StatusUnknown }},
		{"W-XDEC-5 upper case", `<app>demo-x</app><appGroupName>grp</appGroupName>`,
			func(in *instance) { in.App, in.AppGroupName = "DEMO-X", "grp" }},
		{"W-XDEC-6 class is ignored", `<dataCenterInfo class="com.netflix.appinfo.AmazonInfo"><name>Netflix</name></dataCenterInfo>`,
			func(in *instance) { in.DataCenter = heureka.NetflixDataCenter }},
		{"W-XDEC-6 Amazon in any case", `<dataCenterInfo><name>aMAZON</name><metadata><a>b</a></metadata></dataCenterInfo>`,
			func(in *instance) { in.DataCenter = amazon("a", "b") }},
		{"W-XDEC-6 Amazon without metadata", `<dataCenterInfo><name>Amazon</name></dataCenterInfo>`,
			func(in *instance) { in.DataCenter = amazon() }},
		{"W-XDEC-6 metadata of others", `<dataCenterInfo><name>MyOwn</name><metadata><a>b</a></metadata><x/></dataCenterInfo>`,
			func(in *instance) {}},
		{"W-XDEC-6 the last one counts whole", `<dataCenterInfo><name>Amazon</name><metadata><a>b</a></metadata></dataCenterInfo>
			<dataCenterInfo><name>Amazon</name></dataCenterInfo>`, func(in *instance) { in.DataCenter = amazon() }},
		{"W-XDEC-6 no name", `<dataCenterInfo></dataCenterInfo>`, func(in *instance) { in.DataCenter = nil }},
		{"W-XDEC-7 lease", `<leaseInfo><durationInSecs>15</durationInSecs><renewalIntervalInSecs>5</renewalIntervalInSecs>
			<registrationTimestamp>2</registrationTimestamp><lastRenewalTimestamp>3</lastRenewalTimestamp>
			<evictionTimestamp>4</evictionTimestamp><serviceUpTimestamp>5</serviceUpTimestamp></leaseInfo>`,
			func(in *instance) {
				in.Lease = heureka.LeaseInfo{
					RenewalIntervalSecs: 5, DurationSecs: 15, RegistrationMS: 2, LastRenewalMS: 3, EvictionMS: 4, ServiceUpMS: 5,
				}
			}},
		{"W-XDEC-7 empty lease", `<leaseInfo/>`, func(in *instance) {}},
		{"W-BUG-10 lease that is no number", `<leaseInfo><renewalIntervalInSecs>x</renewalIntervalInSecs><foo><bar/></foo>
			<durationInSecs>15</durationInSecs></leaseInfo><vipAddress>v</vipAddress>`,
			func(in *instance) { in.Lease.DurationSecs, in.VIPAddress = 15, "v" }},
		{"W-XDEC-8 metadata", `<metadata><a__b>1</a__b><c> x </c><c>2</c><a:b>3</a:b><e/></metadata>`,
			func(in *instance) { in.Metadata = metadata("a_b", "1", "c", "2", "a:b", "3", "e", "") }},
		{"W-XDEC-8 empty-map class", `<metadata class="java.util.Collections$EmptyMap"/>`, func(in *instance) {}},
		{"W-XDEC-8 nested elements", `<metadata><a><b>y</b></a><c>x<b>y</b>z</c></metadata>`,
			func(in *instance) { in.Metadata = metadata("a", "", "c", "xz") }},
		{"W-XDEC-8 the later map wins", `<metadata><a>1</a></metadata><metadata><b>2</b></metadata>`,
			func(in *instance) { in.Metadata = metadata("b", "2") }},
		{"W-XDEC-9 values", `<lastDirtyTimestamp>7</lastDirtyTimestamp><lastUpdatedTimestamp>8</lastUpdatedTimestamp>
			<isCoordinatingDiscoveryServer>TRUE</isCoordinatingDiscoveryServer><actionType>DELETED</actionType>`,
			func(in *instance) {
				in.LastDirtyMS, in.LastUpdatedMS, in.CoordinatingServer, in.Action = 7, 8, true, heureka.ActionDeleted
			}},
		{"W-XDEC-9 unreadable values", `<lastDirtyTimestamp>abc</lastDirtyTimestamp><lastUpdatedTimestamp> 8</lastUpdatedTimestamp>
			<isCoordinatingDiscoveryServer>1</isCoordinatingDiscoveryServer><actionType>gone</actionType>`, func(in *instance) {}},
		{"W-XDEC-9 what was read before stays", `<lastDirtyTimestamp>7</lastDirtyTimestamp><lastDirtyTimestamp/>`,
			func(in *instance) { in.LastDirtyMS = 7 }},
		{"W-XDEC-10 empty elements", `<homePageUrl></homePageUrl><vipAddress/><instanceId/>`,
			func(in *instance) {
				in.Blank = heureka.FieldHomePageURL | heureka.FieldVIPAddress | heureka.FieldInstanceID
			}},
		{"W-JENC-7 sid na", `<sid>na</sid>`, func(in *instance) {}},
		{"W-IDENT-4 is for JSON", `<metadata><instanceId>i</instanceId></metadata>`,
			func(in *instance) { in.Metadata = metadata("instanceId", "i") }},
		{"character references", `<vipAddress>&#x41;&#66;&lt;&amp;&gt;&quot;&apos;&#xd;</vipAddress>`,
			func(in *instance) { in.VIPAddress = "AB<&>\"'\r" }},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			got, err := wire.DecodeInstance(wire.XML, []byte(registrationXML(tt.elements)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(registered(tt.change), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// W-XDEC-1, W-XDEC-2.
func TestDecodeRegistrationXMLRoots(t *testing.T) {
	inner := strings.TrimSuffix(strings.TrimPrefix(registrationXML(""), "<instance>"), "</instance>")
	for _, body := range []string{
		`<?xml version="1.0" encoding="utf-8"?>` + "\n<!-- hello -->\n" + registrationXML("") + "\n",
		"\uFEFF" + registrationXML(""),
		`<instance xmlns="http://example.org/ns">` + inner + `</instance>`,
		`<?xml version="1.0" encoding="US-ASCII"?>` + registrationXML(""),
		`<?xml version="1.0"?>` + registrationXML("") + "\n<!-- bye --><?bye bye?>\n",
		`<instance xmlns:x="urn:x">` + inner + `<x:vipAddress>other</x:vipAddress><y:port>text</y:port></instance>`,
		`<com.netflix.appinfo.InstanceInfo>` + inner + `</com.netflix.appinfo.InstanceInfo>`,
	} {
		got, err := wire.DecodeInstance(wire.XML, []byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if diff := cmp.Diff(registered(func(*heureka.Instance) {}), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
}

// W-XDEC-1: the declaration's encoding counts.
func TestDecodeRegistrationXMLInLatin1(t *testing.T) {
	got, err := wire.DecodeInstance(wire.XML, []byte(`<?xml version="1.0" encoding="ISO-8859-1"?>`+registrationXML("<vipAddress>caf\xe9</vipAddress>")))
	if err != nil || got.VIPAddress != "café" {
		t.Errorf("got %v, %v, want café", got, err)
	}
}

func TestDecodeRegistrationXMLRefuses(t *testing.T) {
	tests := []struct{ statement, body string }{
		{"W-REG-2 empty body", ``},
		{"W-XDEC-1 white space", " \n"},
		{"W-XDEC-1 other root", `<application>` + registrationXML("") + `</application>`},
		{"W-XDEC-1 text first", `x` + registrationXML("")},
		{"W-XDEC-1 end tag first", `</a>` + registrationXML("")},
		{"W-XDEC-1 not closed", strings.TrimSuffix(registrationXML(""), "</instance>")},
		{"W-XDEC-1 closed by another", registrationXML("<a><b></a></b>")},
		{"W-XDEC-1 another root with the same local name", `<x:instance>` + strings.TrimPrefix(strings.TrimSuffix(registrationXML(""), "</instance>"), "<instance>") + `</x:instance>`},
		{"W-XDEC-1 text after the root", registrationXML("") + "x"},
		{"W-XDEC-1 a second root", registrationXML("") + registrationXML("")},
		{"W-XDEC-1 a broken tag after the root", registrationXML("") + "<"},
		{"W-XDEC-1 no XML", `{"instance":{}}`},
		{"W-XDEC-1 DOCTYPE", `<!DOCTYPE instance [<!ENTITY a "b">]>` + registrationXML("")},
		{"W-XDEC-1 DOCTYPE with an external entity",
			`<!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + registrationXML("<vipAddress>&x;</vipAddress>")},
		{"W-XDEC-1 unknown entity", registrationXML("<vipAddress>&nbsp;</vipAddress>")},
		{"W-XDEC-1 forbidden character", registrationXML("<vipAddress>&#1;</vipAddress>")},
		{"W-XDEC-1 other encoding", `<?xml version="1.0" encoding="UTF-16"?>` + registrationXML("")},
		{"invalid UTF-8", registrationXML("<vipAddress>\xff</vipAddress>")},
		{"W-REG-5 no app", `<instance><hostName>h</hostName></instance>`},
		{"W-XDEC-3 no number", registrationXML("<port>http</port>")},
		{"W-XDEC-3 empty", registrationXML("<countryId/>")},
		{"W-XDEC-3 white space", registrationXML("<securePort> 8443 </securePort>")},
		{"W-XDEC-3 fraction", registrationXML("<port>80.0</port>")},
		{"W-XDEC-3 too large", registrationXML("<port>2147483648</port>")},
		{"W-XDEC-6 unknown name", registrationXML("<dataCenterInfo><name>Google</name></dataCenterInfo>")},
		{"W-XDEC-6 other case", registrationXML("<dataCenterInfo><name>myown</name></dataCenterInfo>")},
		{"W-XDEC-6 metadata first",
			registrationXML("<dataCenterInfo><metadata><a>b</a></metadata><name>Amazon</name></dataCenterInfo>")},
		{"nested too deeply", registrationXML(strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100))},
		{"nested absurdly", strings.Repeat("<instance>", 1_000_000)},
		{"a bomb of attributes", "<instance " + strings.Repeat(`a="b" `, 100_000)},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			in, err := wire.DecodeInstance(wire.XML, []byte(tt.body))
			if err == nil {
				t.Fatalf("accepted as %+v", in)
			}
			if in != nil {
				t.Error("an instance besides the error")
			}
			if syntax, ok := errors.AsType[*wire.SyntaxError](err); !ok || syntax.Msg == "" {
				t.Errorf("error %#v", err)
			}
		})
	}
}

// W-CQ-F-6: what FG sends: empty texts, a lease of zeros, a data centre without class and with empty metadata.
func TestDecodeFargoRegistration(t *testing.T) {
	got, err := wire.DecodeInstance(wire.XML, []byte(`<instance><hostName>h1</hostName><homePageUrl></homePageUrl>
<statusPageUrl></statusPageUrl><healthCheckUrl></healthCheckUrl><app>demo</app><ipAddr>10.0.0.1</ipAddr>
<vipAddress>v</vipAddress><secureVipAddress></secureVipAddress><status>UP</status><overriddenstatus></overriddenstatus>
<port enabled="true">80</port><securePort enabled="false">443</securePort><countryId>0</countryId>
<dataCenterInfo><name>MyOwn</name><metadata></metadata></dataCenterInfo>
<leaseInfo><renewalIntervalInSecs>0</renewalIntervalInSecs><durationInSecs>0</durationInSecs></leaseInfo>
<metadata></metadata></instance>`))
	if err != nil {
		t.Fatal(err)
	}
	want := registered(func(in *heureka.Instance) {
		in.VIPAddress, in.Port.Number, in.SecurePort.Number, in.CountryID = "v", 80, 443, 0
		in.Blank = heureka.FieldHomePageURL | heureka.FieldStatusPageURL | heureka.FieldHealthCheckURL | heureka.FieldSecureVIPAddress
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
