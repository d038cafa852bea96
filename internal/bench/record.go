package bench

import (
	"fmt"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// perApp is how many instances one application of the made-up registry has.
const perApp = 20

// instanceOf returns the i-th instance of a made-up fleet: about 1 kB on the wire, as a Spring service registers it.
func instanceOf(i int) *heureka.Instance {
	app := i / perApp
	name := fmt.Sprintf("service-%05d", app)
	ip := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
	host := fmt.Sprintf("ip-10-%d-%d-%d.eu-central-1.compute.internal", i>>16&255, i>>8&255, i&255)
	port := 8000 + i%perApp
	base := fmt.Sprintf("http://%s:%d", host, port)
	return &heureka.Instance{
		App:            heureka.AppName(name),
		ID:             fmt.Sprintf("%s:%s:%d", host, name, port),
		HostName:       host,
		IPAddr:         ip,
		Status:         heureka.StatusUp,
		Port:           heureka.Port{Number: port, Enabled: true},
		SecurePort:     heureka.Port{Number: 443},
		CountryID:      heureka.DefaultCountryID,
		DataCenter:     heureka.OwnDataCenter,
		Lease:          heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		Metadata:       metadataOf(i),
		HomePageURL:    base + "/",
		StatusPageURL:  base + "/actuator/info",
		HealthCheckURL: base + "/actuator/health",
		VIPAddress:     name, SecureVIPAddress: name,
		LastDirtyMS: 1_700_000_000_000 + int64(i),
	}
}

func metadataOf(i int) heureka.Metadata {
	return heureka.NewMetadata(map[string]string{
		"zone":            fmt.Sprintf("eu-central-1%c", 'a'+rune(i%3)),
		"management.port": fmt.Sprint(8000 + i%perApp),
		"version":         fmt.Sprintf("2.%d.%d", i/perApp%40, i%7),
		"build":           fmt.Sprintf("%08x", uint32(i/perApp)*2654435761),
		"weight":          "100",
	})
}

func registrationBody(in *heureka.Instance) []byte { return wire.AppendRegistration(nil, in) }

// HeartbeatRequest returns the heartbeat of the i-th instance as it is sent.
func HeartbeatRequest(i int) string {
	in := instanceOf(i)
	return fmt.Sprintf("PUT /eureka/%s?status=UP&lastDirtyTimestamp=%d HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", pathOf(in), in.LastDirtyMS)
}
