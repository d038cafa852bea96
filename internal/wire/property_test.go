package wire_test

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// anyText draws text with the characters that codecs stumble over.
var anyText = rapid.OneOf(
	rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019-._:/ ")), 0, 30, -1),
	rapid.String(),
	rapid.StringOf(rapid.RuneFrom([]rune("\x00\x1b\t\n\r\"\\/<>&'\x7f\u0085\u00a0\u2028\uFFFD日ü😀$_@1"))),
)

// xmlText draws text that XML can carry.
var xmlText = rapid.Map(anyText, func(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return 'x'
		}
		return r
	}, s)
})

func drawMetadata(t *rapid.T, text *rapid.Generator[string], label string) heureka.Metadata {
	m := rapid.MapOfN(anyText, text, 0, 6).Draw(t, label)
	maps.DeleteFunc(m, func(k, _ string) bool { return k == "" || k == "@class" || k == "instanceId" })
	return heureka.NewMetadata(m)
}

func drawStatus(t *rapid.T, label string) heureka.Status {
	return heureka.Status(rapid.IntRange(0, int(heureka.StatusUp)).Draw(t, label))
}

func drawPort(t *rapid.T, label string) heureka.Port {
	return heureka.Port{
		Number:  int(rapid.Int32().Draw(t, label)),
		Enabled: rapid.Bool().Draw(t, label+" enabled"),
	}
}

func drawDataCenter(t *rapid.T, text *rapid.Generator[string]) *heureka.DataCenter {
	switch rapid.IntRange(0, 3).Draw(t, "data center") {
	case 0:
		return heureka.NetflixDataCenter
	case 1:
		return &heureka.DataCenter{Name: heureka.Amazon, Metadata: drawMetadata(t, text, "Amazon metadata")}
	case 2:
		return nil
	}
	return heureka.OwnDataCenter
}

func drawLease(t *rapid.T) heureka.LeaseInfo {
	return heureka.LeaseInfo{
		RenewalIntervalSecs: rapid.Int64Range(1, math.MaxInt32).Draw(t, "interval"),
		DurationSecs:        rapid.Int64Range(1, math.MaxInt32).Draw(t, "duration"),
		RegistrationMS:      rapid.Int64().Draw(t, "registration"),
		LastRenewalMS:       rapid.Int64().Draw(t, "renewal"),
		EvictionMS:          rapid.Int64().Draw(t, "eviction"),
		ServiceUpMS:         rapid.Int64().Draw(t, "up"),
	}
}

// optionalFields are the fields that may be absent or blank.
func optionalFields(in *heureka.Instance) map[heureka.Fields]*string {
	return map[heureka.Fields]*string{
		heureka.FieldInstanceID: &in.ID, heureka.FieldSID: &in.SID, heureka.FieldAppGroupName: &in.AppGroupName,
		heureka.FieldHomePageURL: &in.HomePageURL, heureka.FieldStatusPageURL: &in.StatusPageURL,
		heureka.FieldHealthCheckURL: &in.HealthCheckURL, heureka.FieldSecureHealthCheckURL: &in.SecureHealthCheckURL,
		heureka.FieldVIPAddress: &in.VIPAddress, heureka.FieldSecureVIPAddress: &in.SecureVIPAddress,
		heureka.FieldASGName: &in.ASGName,
	}
}

// drawInstance draws any instance that the format can represent.
func drawInstance(t *rapid.T, f wire.Format) *heureka.Instance {
	text := anyText
	if f == wire.XML {
		text = xmlText
	}
	in := &heureka.Instance{
		App: heureka.AppName(text.Draw(t, "app")), HostName: text.Draw(t, "host"), IPAddr: text.Draw(t, "ip"),
		Status: drawStatus(t, "status"), OverriddenStatus: drawStatus(t, "override"),
		Port: drawPort(t, "port"), SecurePort: drawPort(t, "secure port"), CountryID: int(rapid.Int32().Draw(t, "country")),
		DataCenter: drawDataCenter(t, text), Lease: drawLease(t), Metadata: drawMetadata(t, text, "metadata"),
		CoordinatingServer: rapid.Bool().Draw(t, "coordinating"), LastUpdatedMS: rapid.Int64().Draw(t, "updated"),
		LastDirtyMS: rapid.Int64().Draw(t, "dirty"), Action: heureka.Action(rapid.IntRange(0, 3).Draw(t, "action")),
	}
	for _, field := range slices.Sorted(maps.Keys(optionalFields(in))) {
		dst := optionalFields(in)[field]
		if !rapid.Bool().Draw(t, "sent") {
			continue
		}
		if *dst = text.Draw(t, "optional"); field == heureka.FieldAppGroupName {
			*dst = heureka.AppName(*dst)
		}
		if *dst == "" {
			in.Blank |= field
		}
	}
	if in.SID == "na" || in.SID == "unknown" {
		in.SID = ""
	}
	return in
}

// drawUsable draws an instance that a client keeps.
func drawUsable(t *rapid.T, f wire.Format, app string) *heureka.Instance {
	in := drawInstance(t, f)
	in.App, in.HostName = app, "h"+in.HostName
	return in
}

func TestRegistrationRoundTrip(t *testing.T) {
	for _, f := range []wire.Format{wire.JSON, wire.XML} {
		t.Run(f.MediaType(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in := drawInstance(t, f)
				// AppendSingle would turn some statuses into DOWN in XML.
				body := wire.Form{Format: f}.AppendInstance(nil, in, in.Lease)
				if f == wire.JSON {
					body = wire.AppendRegistration(nil, in)
				}
				got, err := wire.DecodeInstance(f, body)
				if err != nil {
					t.Fatalf("%v\n%s", err, body)
				}
				if diff := cmp.Diff(in, got); diff != "" {
					t.Fatalf("(-want +got):\n%s\n%s", diff, body)
				}
			})
		})
	}
}

// compacted is what the compact forms keep of an instance, as a client reads it (W-JMINI-2, W-JMINI-4, W-JMINI-5).
func compacted(in *heureka.Instance) *heureka.Instance {
	const kept = heureka.FieldInstanceID | heureka.FieldVIPAddress | heureka.FieldSecureVIPAddress | heureka.FieldASGName
	out := &heureka.Instance{
		App: in.App, ID: in.ID, HostName: in.HostName, IPAddr: in.IPAddr, Status: in.Status, Port: in.Port,
		SecurePort: in.SecurePort, CountryID: heureka.DefaultCountryID, DataCenter: in.DataCenter,
		Lease:      heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		VIPAddress: in.VIPAddress, SecureVIPAddress: in.SecureVIPAddress, ASGName: in.ASGName,
		LastUpdatedMS: in.LastUpdatedMS, Action: in.Action, Blank: in.Blank & kept,
	}
	if dc := in.DataCenter; dc != nil && dc.Name == heureka.Amazon {
		m := dc.Metadata.Map()
		maps.DeleteFunc(m, func(k, _ string) bool {
			return !slices.Contains([]string{"instance-id", "public-ipv4", "public-hostname", "local-ipv4", "availability-zone"}, k)
		})
		out.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(m)}
	}
	return out
}

func TestDocumentRoundTrip(t *testing.T) {
	for _, f := range forms {
		t.Run(formName(f), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				sent, want := &heureka.Applications{Version: rapid.Int64().Draw(t, "version"), Hash: xmlText.Draw(t, "hash")}, &heureka.Applications{}
				want.Version, want.Hash = sent.Version, sent.Hash
				for range rapid.IntRange(0, 3).Draw(t, "apps") {
					name := "A" + heureka.AppName(xmlText.Draw(t, "name"))
					app, kept := &heureka.Application{Name: name}, &heureka.Application{Name: name}
					for range rapid.IntRange(0, 3).Draw(t, "instances") {
						in := drawUsable(t, f.Format, name)
						app.Instances = append(app.Instances, in)
						if f.Detail == wire.Compact {
							in = compacted(in)
						}
						kept.Instances = append(kept.Instances, in)
					}
					sent.Apps, want.Apps = append(sent.Apps, app), append(want.Apps, kept)
				}
				body := encodeApps(f, sent)
				got, err := wire.DecodeApplications(f.Format, body)
				if err != nil {
					t.Fatalf("%v\n%s", err, body)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("(-want +got):\n%s\n%s", diff, body)
				}
				for i, app := range sent.Apps {
					got, err := wire.DecodeApplication(f.Format, encodeApp(f, app))
					if diff := cmp.Diff(want.Apps[i], got); err != nil || diff != "" {
						t.Fatalf("%v (-want +got):\n%s", err, diff)
					}
				}
			})
		})
	}
}

func TestBatchRoundTrip(t *testing.T) {
	actions := []wire.ReplicationAction{
		"", wire.Heartbeat, wire.Register, wire.Cancel, wire.StatusUpdate, wire.DeleteStatusOverride,
	}
	rapid.Check(t, func(t *rapid.T) {
		items := make([]wire.ReplicationItem, rapid.IntRange(0, 5).Draw(t, "items"))
		for i := range items {
			items[i] = wire.ReplicationItem{
				App: anyText.Draw(t, "app"), ID: anyText.Draw(t, "id"), Action: rapid.SampledFrom(actions).Draw(t, "action"),
				Status: anyText.Draw(t, "status"), OverriddenStatus: anyText.Draw(t, "override"),
			}
			if rapid.Bool().Draw(t, "dirty") {
				items[i].LastDirtyMS, items[i].HasLastDirty = rapid.Int64().Draw(t, "ms"), true
			}
			if rapid.Bool().Draw(t, "instance") {
				items[i].Instance = drawInstance(t, wire.JSON)
			}
		}
		body := wire.AppendBatch(nil, items)
		got, err := wire.DecodeBatch(body)
		if diff := cmp.Diff(items, got); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s\n%s", err, diff, body)
		}
	})
}

// Whatever bytes a string holds, encoding/json and encoding/xml read it as the same text with U+FFFD for what is broken.
func TestTextOfAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var got struct{ Name string }
		if err := json.Unmarshal(append(fullJSON.AppendAppHead(nil, text), "]}"...), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(text)); got.Name != want { // as strict as encoding/json: one U+FFFD per byte
			t.Fatalf("JSON: got %q, want %q", got.Name, want)
		}
		in := &heureka.Instance{App: "A", HostName: text, IPAddr: text, Metadata: metadata("a"+text, text)}
		if err := wellFormedXML(string(fullXML.AppendInstance(nil, in, in.Lease))); err != nil {
			t.Fatalf("XML: %v", err)
		}
	})
}
