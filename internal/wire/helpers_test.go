package wire_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// forms are the four shapes of a document.
var forms = []wire.Form{
	{Format: wire.JSON, Detail: wire.Full},
	{Format: wire.JSON, Detail: wire.Compact},
	{Format: wire.XML, Detail: wire.Full},
	{Format: wire.XML, Detail: wire.Compact},
}

var (
	fullJSON = wire.Form{Format: wire.JSON, Detail: wire.Full}
	fullXML  = wire.Form{Format: wire.XML, Detail: wire.Full}
)

func formName(f wire.Form) string {
	return map[wire.Format]string{wire.JSON: "json", wire.XML: "xml"}[f.Format] +
		map[wire.Detail]string{wire.Full: "", wire.Compact: "-compact"}[f.Detail]
}

// formatOf tells the format of a golden file by its name.
func formatOf(name string) wire.Format {
	if filepath.Ext(name) == ".json" {
		return wire.JSON
	}
	return wire.XML
}

// golden reads a body that was recorded from the reference or from a real client.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encodeApps puts a document together from its parts, as a cache does.
func encodeApps(f wire.Form, a *heureka.Applications) []byte {
	b := f.AppendDocHead(nil, a.Version, a.Hash)
	for i, app := range a.Apps {
		if i > 0 {
			b = append(b, f.Separator()...)
		}
		b = f.AppendAppHead(b, app.Name)
		for j, in := range app.Instances {
			if j > 0 {
				b = append(b, f.Separator()...)
			}
			b = f.AppendInstance(b, in, in.Lease)
		}
		b = f.AppendAppTail(b)
	}
	return f.AppendDocTail(b, a.Version, a.Hash)
}

func encodeApp(f wire.Form, app *heureka.Application) []byte {
	b := f.AppendApplicationHead(nil, app.Name)
	for i, in := range app.Instances {
		if i > 0 {
			b = append(b, f.Separator()...)
		}
		b = f.AppendApplicationInstance(b, in, in.Lease)
	}
	return f.AppendApplicationTail(b)
}

// service returns an instance like those of a usual Spring deployment: 1 kB of JSON.
func service(app, n int) *heureka.Instance {
	name := fmt.Sprintf("SERVICE-%05d", app)
	host := fmt.Sprintf("host-%05d-%03d.example.internal", app, n)
	return &heureka.Instance{
		App: name, ID: host + ":" + name + ":8080", HostName: host, IPAddr: fmt.Sprintf("10.%d.%d.%d", app>>8, app&255, n),
		Status: heureka.StatusUp, Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 8443},
		CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Lease: heureka.LeaseInfo{
			RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: 1795389850925, LastRenewalMS: 1795389944050,
			ServiceUpMS: 1795389850925,
		},
		Metadata: heureka.MetadataOf([]heureka.MetadataEntry{
			{Key: "management.port", Value: "8080"}, {Key: "version", Value: "1.4.2"}, {Key: "zone", Value: "zone-a"},
		}),
		HomePageURL: "http://" + host + ":8080/", StatusPageURL: "http://" + host + ":8080/actuator/info",
		HealthCheckURL: "http://" + host + ":8080/actuator/health", VIPAddress: name, SecureVIPAddress: name,
		LastUpdatedMS: 1795389850925, LastDirtyMS: 1795389393136, Action: heureka.ActionAdded,
	}
}

// fleet returns a registry of size instances, ten to an application.
func fleet(size int) *heureka.Applications {
	a := &heureka.Applications{Version: 1, Hash: fmt.Sprintf("UP_%d_", size)}
	for i := range size {
		if i%10 == 0 {
			a.Apps = append(a.Apps, &heureka.Application{Name: fmt.Sprintf("SERVICE-%05d", i/10)})
		}
		app := a.Apps[i/10]
		app.Instances = append(app.Instances, service(i/10, i%10))
	}
	return a
}
