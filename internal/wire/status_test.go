package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// statusInfo is the status document that the reference gave in testdata/reference/status.xml.
func statusInfo(f wire.Format, healthy *bool) string {
	general := []heureka.MetadataEntry{
		{Key: "num-of-cpus", Value: "2"}, {Key: "total-avail-memory", Value: "235mb"},
		{Key: "current-memory-usage", Value: "95mb (40%)"}, {Key: "server-uptime", Value: "00:00"},
	}
	application := []heureka.MetadataEntry{{Key: "registered-replicas"}, {Key: "available-replicas"}, {Key: "unavailable-replicas"}}
	in := &heureka.Instance{
		App: "EUREKA", ID: "192.0.2.2:eureka:8761", HostName: "localhost", IPAddr: "192.0.2.2", Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8761, Enabled: true}, SecurePort: heureka.Port{Number: 443}, CountryID: 1,
		DataCenter: heureka.OwnDataCenter, Metadata: metadata("management.port", "8761"),
		HomePageURL: "http://localhost:8761/", StatusPageURL: "http://localhost:8761/actuator/info",
		HealthCheckURL: "http://localhost:8761/actuator/health", VIPAddress: "eureka", SecureVIPAddress: "eureka",
		LastUpdatedMS: 1795390431705, LastDirtyMS: 1795390431860,
	}
	lease := heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90}
	return string(wire.AppendStatusInfo(nil, f, general, application, in, lease, healthy))
}

// W-SRV-2, W-SRV-3.
func TestStatusInfoXML(t *testing.T) {
	checkGolden(t, "reference/status.xml", []byte(statusInfo(wire.XML, nil)))
	if doc := statusInfo(wire.XML, new(true)); !strings.HasSuffix(doc, "  </instanceInfo>\n  <isHeathly>true</isHeathly>\n</com.netflix.eureka.util.StatusInfo>") {
		t.Errorf("W-SRV-4: got\n%s", doc)
	}
}

// W-SRV-5, W-BUG-6.
func TestStatusInfoJSON(t *testing.T) {
	without, with := statusInfo(wire.JSON, nil), statusInfo(wire.JSON, new(false))
	if !json.Valid([]byte(without)) || strings.Contains(without, "healthy") {
		t.Errorf("without flag: %s", without)
	}
	if with != strings.TrimSuffix(without, "}")+`,"healthy":false}` {
		t.Errorf("with flag: %s", with)
	}
	const head = `{"generalStats":{"num-of-cpus":"2","total-avail-memory":"235mb","current-memory-usage":"95mb (40%)",` +
		`"server-uptime":"00:00"},"applicationStats":{"registered-replicas":"","available-replicas":"","unavailable-replicas":""},` +
		`"instanceInfo":{"instanceId":"192.0.2.2:eureka:8761","hostName":"localhost",`
	if !strings.HasPrefix(without, head) {
		t.Errorf("got %s", without)
	}
}

// W-XENC-9 holds here too: the version of the API is not known.
func TestStatusInfoStatus(t *testing.T) {
	in := orders(func(in *heureka.Instance) { in.Status = heureka.StatusOutOfService })
	for f, want := range map[wire.Format]string{wire.XML: "<status>DOWN</status>", wire.JSON: `"status":"OUT_OF_SERVICE"`} {
		if doc := string(wire.AppendStatusInfo(nil, f, nil, nil, in, in.Lease, nil)); !strings.Contains(doc, want) {
			t.Errorf("no %s in\n%s", want, doc)
		}
	}
}

func TestStatusInfoWithoutInstance(t *testing.T) {
	if got := string(wire.AppendStatusInfo(nil, wire.JSON, nil, nil, nil, heureka.LeaseInfo{}, nil)); got != `{"generalStats":{},"applicationStats":{}}` {
		t.Errorf("got %s", got)
	}
	if err := wellFormedXML(string(wire.AppendStatusInfo(nil, wire.XML, nil, nil, nil, heureka.LeaseInfo{}, nil))); err != nil {
		t.Error(err)
	}
}
