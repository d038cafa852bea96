package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"runtime"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// plainInstance and plainApplications are how one would write the codec with encoding/json and encoding/xml: the yard
// stick of the benchmarks.
type plainInstance struct {
	InstanceID       string            `json:"instanceId" xml:"instanceId"`
	HostName         string            `json:"hostName" xml:"hostName"`
	App              string            `json:"app" xml:"app"`
	IPAddr           string            `json:"ipAddr" xml:"ipAddr"`
	Status           string            `json:"status" xml:"status"`
	OverriddenStatus string            `json:"overriddenStatus" xml:"overriddenstatus"`
	Port             plainPort         `json:"port" xml:"port"`
	SecurePort       plainPort         `json:"securePort" xml:"securePort"`
	CountryID        int               `json:"countryId" xml:"countryId"`
	DataCenterInfo   plainDataCenter   `json:"dataCenterInfo" xml:"dataCenterInfo"`
	LeaseInfo        plainLease        `json:"leaseInfo" xml:"leaseInfo"`
	Metadata         map[string]string `json:"metadata" xml:"-"`
	HomePageURL      string            `json:"homePageUrl,omitempty" xml:"homePageUrl,omitempty"`
	StatusPageURL    string            `json:"statusPageUrl,omitempty" xml:"statusPageUrl,omitempty"`
	HealthCheckURL   string            `json:"healthCheckUrl,omitempty" xml:"healthCheckUrl,omitempty"`
	VIPAddress       string            `json:"vipAddress,omitempty" xml:"vipAddress,omitempty"`
	SecureVIPAddress string            `json:"secureVipAddress,omitempty" xml:"secureVipAddress,omitempty"`
	Coordinating     string            `json:"isCoordinatingDiscoveryServer" xml:"isCoordinatingDiscoveryServer"`
	LastUpdated      int64             `json:"lastUpdatedTimestamp,string" xml:"lastUpdatedTimestamp"`
	LastDirty        int64             `json:"lastDirtyTimestamp,string" xml:"lastDirtyTimestamp"`
	ActionType       string            `json:"actionType" xml:"actionType"`
}

type plainPort struct {
	Number  int    `json:"$" xml:",chardata"`
	Enabled string `json:"@enabled" xml:"enabled,attr"`
}

type plainDataCenter struct {
	Class string `json:"@class" xml:"class,attr"`
	Name  string `json:"name" xml:"name"`
}

type plainLease struct {
	RenewalIntervalInSecs int64 `json:"renewalIntervalInSecs" xml:"renewalIntervalInSecs"`
	DurationInSecs        int64 `json:"durationInSecs" xml:"durationInSecs"`
	RegistrationTimestamp int64 `json:"registrationTimestamp" xml:"registrationTimestamp"`
	LastRenewalTimestamp  int64 `json:"lastRenewalTimestamp" xml:"lastRenewalTimestamp"`
	EvictionTimestamp     int64 `json:"evictionTimestamp" xml:"evictionTimestamp"`
	ServiceUpTimestamp    int64 `json:"serviceUpTimestamp" xml:"serviceUpTimestamp"`
}

type plainApplications struct {
	XMLName      xml.Name `json:"-" xml:"applications"`
	Applications struct {
		Version     string `json:"versions__delta"`
		Hash        string `json:"apps__hashcode"`
		Application []struct {
			Name     string          `json:"name"`
			Instance []plainInstance `json:"instance"`
		} `json:"application"`
	} `json:"applications" xml:"-"`
	XMLApplication []struct {
		Name     string          `xml:"name"`
		Instance []plainInstance `xml:"instance"`
	} `json:"-" xml:"application"`
}

type plainRegistration struct {
	XMLName  xml.Name      `json:"-" xml:"instance"`
	Instance plainInstance `json:"instance" xml:"-"`
}

var sizes = []int{1, 10_000}

func BenchmarkEncode(b *testing.B) {
	for _, size := range sizes {
		apps := fleet(size)
		for _, f := range forms {
			b.Run(fmt.Sprintf("%s/%d", formName(f), size), func(b *testing.B) {
				var buf []byte
				b.ReportAllocs()
				b.SetBytes(int64(len(encodeApps(f, apps))))
				for b.Loop() {
					buf = f.AppendDocHead(buf[:0], apps.Version, apps.Hash)
					for _, app := range apps.Apps {
						buf = f.AppendAppHead(buf, app.Name)
						for _, in := range app.Instances {
							buf = f.AppendInstance(buf, in, in.Lease)
						}
						buf = f.AppendAppTail(buf)
					}
					buf = f.AppendDocTail(buf, apps.Version, apps.Hash)
				}
			})
		}
		b.Run(fmt.Sprintf("encoding-json/%d", size), func(b *testing.B) {
			var plain plainApplications
			if err := json.Unmarshal(encodeApps(fullJSON, apps), &plain); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(&plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeInstance(b *testing.B) {
	in := service(1, 1)
	for _, f := range []wire.Format{wire.JSON, wire.XML} {
		body := f.AppendSingle(nil, in, in.Lease)
		b.Run(formName(wire.Form{Format: f}), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := wire.DecodeInstance(f, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding-json", func(b *testing.B) {
		benchmarkPlain(b, wire.JSON.AppendSingle(nil, in, in.Lease), new(plainRegistration), json.Unmarshal)
	})
	b.Run("encoding-xml", func(b *testing.B) {
		benchmarkPlain(b, wire.XML.AppendSingle(nil, in, in.Lease), new(plainInstance), xml.Unmarshal)
	})
}

func benchmarkPlain[T any](b *testing.B, body []byte, v *T, unmarshal func([]byte, any) error) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		*v = *new(T)
		if err := unmarshal(body, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeApplications(b *testing.B) {
	for _, size := range sizes {
		apps := fleet(size)
		for _, f := range forms {
			body := encodeApps(f, apps)
			b.Run(fmt.Sprintf("%s/%d", formName(f), size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if _, err := wire.DecodeApplications(f.Format, body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("encoding-json/%d", size), func(b *testing.B) {
			benchmarkPlain(b, encodeApps(fullJSON, apps), new(plainApplications), json.Unmarshal)
		})
		b.Run(fmt.Sprintf("encoding-xml/%d", size), func(b *testing.B) {
			benchmarkPlain(b, encodeApps(fullXML, apps), new(plainApplications), xml.Unmarshal)
		})
	}
}

func BenchmarkDecodeBatch(b *testing.B) {
	var beats, registers []wire.ReplicationItem
	for i := range 250 {
		in := service(i/10, i%10)
		it := wire.ReplicationItem{
			App: in.App, ID: in.ID, Action: wire.Heartbeat, LastDirtyMS: in.LastDirtyMS, HasLastDirty: true, Status: "UP",
		}
		beats = append(beats, it)
		it.Action, it.Instance = wire.Register, in
		registers = append(registers, it)
	}
	for name, items := range map[string][]wire.ReplicationItem{"heartbeats": beats, "registers": registers} {
		body := wire.AppendBatch(nil, items)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := wire.DecodeBatch(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNegotiate(b *testing.B) {
	for _, accept := range []string{"application/json", "application/json, application/*+json", "text/html,*/*;q=0.8"} {
		b.Run(accept, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				wire.NegotiateDocument(accept)
			}
		})
	}
}

// BenchmarkRecordMemory measures the heap of a decoded record at rest.
func BenchmarkRecordMemory(b *testing.B) {
	const size = 10_000
	apps := fleet(size)
	body := encodeApps(fullJSON, apps)
	var kept *heureka.Applications
	var before, after runtime.MemStats
	for b.Loop() {
		kept = nil
		runtime.GC()
		runtime.ReadMemStats(&before)
		kept, _ = wire.DecodeApplications(wire.JSON, body)
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/size, "B/instance")
	runtime.KeepAlive(kept)
}
