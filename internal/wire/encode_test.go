package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

func orders(change func(*heureka.Instance)) *heureka.Instance {
	in := service(1, 1)
	change(in)
	return in
}

// TestEncodeInstance looks for pieces of an encoded instance: want must be there, never must not.
func TestEncodeInstance(t *testing.T) {
	type instance = heureka.Instance
	tests := []struct {
		statement   string
		form        wire.Form
		change      func(*instance)
		want, never string
	}{
		{"W-JENC-5 ports", fullJSON, func(in *instance) { in.Port.Enabled = false },
			`"port":{"$":8080,"@enabled":"false"},"securePort":{"$":8443,"@enabled":"false"},"countryId":1,`, ""},
		{"W-JENC-5 texts of numbers and booleans", fullJSON, func(in *instance) { in.CoordinatingServer = true },
			`"isCoordinatingDiscoveryServer":"true","lastUpdatedTimestamp":"1795389850925","lastDirtyTimestamp":"1795389393136"`, ""},
		{"W-JENC-6", fullJSON, func(in *instance) {}, `"overriddenStatus":"UNKNOWN"`, "overriddenstatus"},
		{"W-JENC-7 no id", fullJSON, func(in *instance) { in.ID = "" }, `{"hostName":`, "instanceId"},
		{"W-JENC-7 sid", fullJSON, func(in *instance) { in.SID = "s1" }, `"sid":"s1"`, ""},
		{"W-JENC-7 no sid", fullJSON, func(in *instance) {}, "", `"sid"`},
		{"W-JENC-7 no action", fullJSON, func(in *instance) { in.Action = heureka.ActionNone }, `"lastDirtyTimestamp":"1795389393136"}`,
			"actionType"},
		{"W-JENC-7 absent texts", fullJSON, func(in *instance) { in.VIPAddress, in.HomePageURL, in.ASGName = "", "", "" }, "",
			`"vipAddress"`},
		{"W-JENC-7 no data center", fullJSON, func(in *instance) { in.DataCenter = nil }, "", "dataCenterInfo"},
		{"W-FLD-4 empty texts", fullJSON, func(in *instance) {
			in.ID, in.VIPAddress, in.SID = "", "", ""
			in.Blank = heureka.FieldInstanceID | heureka.FieldVIPAddress | heureka.FieldAppGroupName | heureka.FieldSID
		}, `"appGroupName":"","homePageUrl"`, ""},
		{"W-IDENT-3 an empty id", fullJSON, func(in *instance) { in.ID, in.Blank = "", heureka.FieldInstanceID }, `{"instanceId":"",`, ""},
		{"W-JENC-8 Netflix", fullJSON, func(in *instance) { in.DataCenter = heureka.NetflixDataCenter },
			`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"Netflix"}`, ""},
		{"W-BUG-4 Amazon metadata last", fullJSON, func(in *instance) {
			in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("mac", "m", "instance-id", "i")}
		}, `{"@class":"com.netflix.appinfo.AmazonInfo","name":"Amazon","metadata":{"instance-id":"i","mac":"m"}}`, ""},
		{"W-JENC-9 empty metadata", fullJSON, func(in *instance) { in.Metadata = nil },
			`"metadata":{"@class":"java.util.Collections$EmptyMap"}`, ""},
		{"W-JENC-9 metadata", fullJSON, func(in *instance) { in.Metadata = metadata("b", "2", "a", "") },
			`"metadata":{"a":"","b":"2"}`, "@class\":\"java"},
		{"W-JENC-11 statuses", fullJSON, func(in *instance) {
			in.Status, in.OverriddenStatus, in.Action = heureka.StatusOutOfService, heureka.StatusDown, heureka.ActionDeleted
		}, `"status":"OUT_OF_SERVICE","overriddenStatus":"DOWN"`, ""},
		{"W-JMINI-3 number", forms[1], func(in *instance) {}, `"lastUpdatedTimestamp":1795389850925,"actionType":"ADDED"`, ""},
		{"W-JMINI-4 left out", forms[1], func(in *instance) { in.SID, in.AppGroupName = "s", "G" }, "",
			"sid"},
		{"W-JMINI-5 Amazon metadata", forms[1], func(in *instance) {
			in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("mac", "m", "instance-id", "i")}
		}, `"metadata":{"instance-id":"i"}`, `"mac"`},
		{"W-XENC-4 old spelling", fullXML, func(in *instance) {}, "<overriddenstatus>UNKNOWN</overriddenstatus>", "overriddenStatus"},
		{"W-XENC-5 ports", fullXML, func(in *instance) {}, `<port enabled="true">8080</port>`, ""},
		{"W-XENC-6 Amazon", fullXML, func(in *instance) {
			in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("instance-id", "i")}
		}, "      <dataCenterInfo class=\"com.netflix.appinfo.AmazonInfo\">\n        <name>Amazon</name>\n        <metadata>\n" +
			"          <instance-id>i</instance-id>\n        </metadata>\n      </dataCenterInfo>\n", ""},
		{"W-XENC-6 Amazon without metadata", fullXML, func(in *instance) { in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon} },
			"        <name>Amazon</name>\n        <metadata/>\n      </dataCenterInfo>", ""},
		{"W-XENC-7 empty metadata", fullXML, func(in *instance) { in.Metadata = nil },
			"      <metadata class=\"java.util.Collections$EmptyMap\"/>\n", "</metadata>"},
		{"W-XENC-7 empty texts", fullXML, func(in *instance) {
			in.Metadata, in.VIPAddress, in.Blank = metadata("a", ""), "", heureka.FieldVIPAddress
		}, "<a></a>", ""},
		{"W-XENC-9 not in documents", fullXML, func(in *instance) { in.Status = heureka.StatusOutOfService },
			"<status>OUT_OF_SERVICE</status>", ""},
		{"W-XMINI-1 one line", forms[3], func(in *instance) {},
			`<status>UP</status><lastUpdatedTimestamp>1795389850925</lastUpdatedTimestamp><actionType>ADDED</actionType>` +
				`<port enabled="true">8080</port><securePort enabled="false">8443</securePort></instance>`, "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			in := orders(tt.change)
			got := string(tt.form.AppendInstance(nil, in, in.Lease))
			if !strings.Contains(got, tt.want) {
				t.Errorf("no %s in\n%s", tt.want, got)
			}
			if tt.never != "" && strings.Contains(got, tt.never) {
				t.Errorf("%s in\n%s", tt.never, got)
			}
		})
	}
}

// The lease is the registry's live one, not the one that the instance was registered with.
func TestEncodeTakesTheGivenLease(t *testing.T) {
	in := service(1, 1)
	for _, f := range []wire.Form{fullJSON, fullXML} {
		b := f.AppendInstance(nil, in, heureka.LeaseInfo{LastRenewalMS: 424242})
		b = f.AppendApplicationInstance(b, in, heureka.LeaseInfo{EvictionMS: 434343})
		b = f.Format.AppendSingle(b, in, heureka.LeaseInfo{ServiceUpMS: 444444})
		for _, want := range []string{"424242", "434343", "444444"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: no %s", formName(f), want)
			}
		}
	}
	if b := wire.AppendRegistration(nil, in); !strings.Contains(string(b), "1795389944050") {
		t.Errorf("registration without its own lease: %s", b)
	}
}

// W-XENC-9.
func TestEncodeSingleKnowsOnlyV1StatusesInXML(t *testing.T) {
	for status, want := range map[heureka.Status]string{
		heureka.StatusUp: "UP", heureka.StatusDown: "DOWN", heureka.StatusStarting: "STARTING",
		heureka.StatusOutOfService: "DOWN", heureka.StatusUnknown: "DOWN",
	} {
		in := orders(func(in *heureka.Instance) { in.Status, in.OverriddenStatus = status, status })
		x := string(wire.XML.AppendSingle(nil, in, in.Lease))
		if !strings.Contains(x, "<status>"+want+"</status>\n  <overriddenstatus>"+status.String()+"</overriddenstatus>") {
			t.Errorf("%s in XML:\n%s", status, x)
		}
		j := string(wire.JSON.AppendSingle(nil, in, in.Lease))
		if !strings.Contains(j, `"status":"`+status.String()+`"`) {
			t.Errorf("%s in JSON:\n%s", status, j)
		}
	}
}

// W-JENC-13.
func TestEncodeJSONText(t *testing.T) {
	tests := map[string]string{
		`plain`:                         `"plain"`,
		"\"\\/<>&'":                     `"\"\\/<>&'"`,
		"\t\n\r\b\f":                    `"\t\n\r\b\f"`,
		"\x00\x1f\x7f":                  "\"\\u0000\\u001F\x7f\"",
		"ü日\u2028😀":                     "\"ü日\u2028😀\"",
		"a\xffb\xc3":                    "\"a\uFFFDb\uFFFD\"",
		"\xed\xa0\x80":                  "\"\uFFFD\uFFFD\uFFFD\"",
		strings.Repeat("ü", 100) + "\\": `"` + strings.Repeat("ü", 100) + `\\"`,
	}
	for text, want := range tests {
		b := fullJSON.AppendAppHead(nil, text)
		if got := string(b); got != `{"name":`+want+`,"instance":[` {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// W-XENC-10.
func TestEncodeXMLText(t *testing.T) {
	tests := map[string]string{
		`plain`:                  `plain`,
		`&<>"'`:                  `&amp;&lt;&gt;&quot;&apos;`,
		"a\rb":                   "a&#xd;b",
		"\t\n":                   "\t\n",
		"\x7f\u0080\u0085\u009f": "&#x7f;&#x80;&#x85;&#x9f;",
		"\u00a0ü日😀":              "\u00a0ü日😀",
		"\x00\x1b":               "\uFFFD\uFFFD", // forbidden: unlike the reference, something that can be read
		"\uFFFE\uFFFF\uFFFD":     "\uFFFD\uFFFD\uFFFD",
		"a\xffb":                 "a\uFFFDb",
	}
	for text, want := range tests {
		b := forms[3].AppendAppHead(nil, text)
		if got := string(b); got != `<application><name>`+want+`</name>` {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// W-XENC-8, W-XDEC-8.
func TestXMLKeys(t *testing.T) {
	tests := map[string]string{
		"zone": "zone", "build_no": "build__no", "a$b": "a_-b", "a b": "a_.0020b", "a/b": "a_.002fb", "a#b": "a_.0023b",
		"a@b": "a_.0040b", "1a": "_.0031a", "-a": "_.002da", ".a": "_.002ea", "a1-.b": "a1-.b", "a:b": "a:b", "ünï": "ünï",
		"日本": "日本", "a:b:c": "a:b_.003ac", ":a": ":a", "__": "____", "_": "__", "_.0031": "__.0031", "😀": "_.d83d_.de00",
		"\x00": "_.0000", "a\tb": "a_.0009b", "٣": "_.0663", "<a>&": "_.003ca_.003e_.0026", "ıňÖ": "ıňÖ", "ĳ": "_.0133", "ŉ": "_.0149", "management.port": "management.port",
	}
	for key, element := range tests {
		in := orders(func(in *heureka.Instance) { in.Metadata = metadata(key, "v") })
		b := fullXML.AppendInstance(nil, in, in.Lease)
		if want := "<" + element + ">v</" + element + ">\n"; !strings.Contains(string(b), want) {
			t.Errorf("%q: no %s in\n%s", key, want, b)
		}
		got, err := wire.DecodeInstance(wire.XML, b)
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		if v, ok := got.Metadata.Lookup(key); !ok || v != "v" {
			t.Errorf("%q came back as %v", key, got.Metadata)
		}
	}
}

// W-XDEC-8: names that we would not have written.
func TestXMLKeysOfOthers(t *testing.T) {
	for element, key := range map[string]string{
		"a_b": "a_b", "a_": "a_", "a_.": "a_.", "a_.00g0": "a_.00g0", "a_.002": "a_.002", "a_.002Fb": "a/b", "_.d83d": "\uFFFD",
		"_.d83d_.0041": "\uFFFDA", "_.d83d_.zzzz": "\uFFFD_.zzzz", "a_b__c": "a_b_c",
	} {
		in, err := wire.DecodeInstance(wire.XML, []byte("<instance><app>A</app><metadata><"+element+">v</"+element+"></metadata></instance>"))
		if err != nil {
			t.Errorf("%s: %v", element, err)
			continue
		}
		if _, ok := in.Metadata.Lookup(key); !ok || len(in.Metadata) != 1 {
			t.Errorf("%s: got %q, want %q", element, in.Metadata, key)
		}
	}
}

// A key that no element name could carry is not worth an unreadable document.
func TestXMLLeavesOutTheEmptyKey(t *testing.T) {
	in := orders(func(in *heureka.Instance) { in.Metadata = metadata("", "v", "a", "b") })
	b := string(fullXML.AppendInstance(nil, in, in.Lease))
	if !strings.Contains(b, "<metadata>\n        <a>b</a>\n      </metadata>") {
		t.Errorf("got\n%s", b)
	}
}

// Every letter that stays in a name is one for encoding/xml too, whose tables are those of older editions of XML 1.0.
func TestXMLNameLettersAreReadable(t *testing.T) {
	entries := make([]heureka.MetadataEntry, 0, 1<<16)
	for r := rune(0x80); r <= 0xFFFF; r++ {
		if utf8.ValidRune(r) {
			entries = append(entries, heureka.MetadataEntry{Key: string(r), Value: "v"})
		}
	}
	in := heureka.Instance{App: "A", Metadata: heureka.MetadataOf(entries)}
	doc := string(fullXML.AppendInstance(nil, &in, in.Lease))
	if err := wellFormedXML(doc); err != nil {
		t.Error(err)
	}
	if kept := len(entries) - strings.Count(doc, "<_."); kept < 30_000 {
		t.Errorf("only %d letters stay", kept)
	}
}

// wellFormedXML reads all tokens.
func wellFormedXML(doc string) error {
	d := xml.NewDecoder(strings.NewReader(doc))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// The parts are free of context: a document that a cache joins is the one that is written at once, and valid.
func TestPartsJoinToValidDocuments(t *testing.T) {
	apps := fleet(25)
	for _, f := range forms {
		t.Run(formName(f), func(t *testing.T) {
			doc := encodeApps(f, apps)
			app := encodeApp(f, apps.Apps[0])
			for _, b := range [][]byte{doc, app} {
				if f.Format == wire.JSON && !json.Valid(b) {
					t.Errorf("invalid JSON: %s", b)
				}
				if err := wellFormedXML(string(b)); f.Format == wire.XML && err != nil {
					t.Errorf("%v: %s", err, b)
				}
				if strings.HasSuffix(string(b), "\n") {
					t.Error("ends with a newline")
				}
			}
		})
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	in := service(1, 1)
	in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("instance-id", "i", "mac", "m")}
	buf := make([]byte, 0, 1<<16)
	for _, f := range forms {
		allocs := testing.AllocsPerRun(100, func() {
			b := f.AppendDocHead(buf, 1, "UP_1_")
			b = f.AppendAppHead(b, in.App)
			b = f.AppendInstance(b, in, in.Lease)
			b = f.AppendAppTail(b)
			b = f.AppendDocTail(b, 1, "UP_1_")
			b = f.Format.AppendSingle(b, in, in.Lease)
			if b = wire.AppendBatchResult(b, nil); len(b) > cap(buf) {
				t.Fatal("buffer too small")
			}
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", formName(f), allocs)
		}
	}
}

func TestMediaTypeAndDetail(t *testing.T) {
	if j, x := wire.JSON.MediaType(), wire.XML.MediaType(); j != "application/json" || x != "application/xml" { // W-NEG-7
		t.Errorf("MediaType = %s, %s", j, x)
	}
	for header, want := range map[string]wire.Detail{ // W-HDR-4
		"compact": wire.Compact, "COMPACT": wire.Compact, "full": wire.Full, "": wire.Full, "tiny": wire.Full, "compact ": wire.Full,
	} {
		if got := wire.ParseDetail(header); got != want {
			t.Errorf("ParseDetail(%q) = %v", header, got)
		}
	}
}
