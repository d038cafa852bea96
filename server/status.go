package server

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
)

// StatusInfo implements httpapi.Backend (S-STATPAGE-1). Peers are available when replication to them works, whatever name
// they registered under (the reference only looks for their host names in the registry, S-STATPAGE-2).
func (n *node) StatusInfo() httpapi.StatusInfo {
	var all, good, bad []string
	for _, p := range n.peerStatus(time.Now()) {
		all = append(all, p.URL)
		if available(&p) {
			good = append(good, p.URL)
		} else {
			bad = append(bad, p.URL)
		}
	}
	info := httpapi.StatusInfo{
		General: n.generalStats(time.Now()),
		Application: []heureka.MetadataEntry{
			{Key: "registered-replicas", Value: strings.Join(all, ", ")},
			{Key: "available-replicas", Value: eachWithComma(good)},
			{Key: "unavailable-replicas", Value: eachWithComma(bad)},
		},
		Instance: n.own(),
	}
	info.Lease = info.Instance.Lease
	if rec, ok := n.reg.Find(info.Instance.Key()); ok {
		info.Instance, info.Lease = rec.Instance, rec.Lease()
	}
	if n.cfg.MinAvailablePeers != nil && *n.cfg.MinAvailablePeers >= 0 {
		info.Healthy = new(len(good) >= *n.cfg.MinAvailablePeers)
	}
	return info
}

// own is the node's own instance as it is when it is not listed: what the registry says of its instances is not there.
func (n *node) own() *heureka.Instance {
	in := n.cfg.Instance.Clone()
	in.Status = n.phase.ownStatus()
	in.LastUpdatedMS = n.started.UnixMilli()
	in.LastDirtyMS = in.LastUpdatedMS
	return in
}

// generalStats are those of Spring's server, which leaves out the environment that Netflix's begins with (W-SRV-3).
func (n *node) generalStats(now time.Time) []heureka.MetadataEntry {
	used, total := memory()
	return []heureka.MetadataEntry{
		{Key: "num-of-cpus", Value: strconv.Itoa(runtime.GOMAXPROCS(0))},
		{Key: "total-avail-memory", Value: megabytes(total)},
		{Key: "current-memory-usage", Value: fmt.Sprintf("%s (%d%%)", megabytes(used), 100*used/max(total, 1))},
		{Key: "server-uptime", Value: uptime(now.Sub(n.started))},
	}
}

// memory returns the bytes of live heap and the bytes taken from the system.
func memory() (used, total uint64) {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}

func megabytes(b uint64) string { return strconv.FormatUint(b>>20, 10) + "mb" }

// uptime writes d as the status page does: days if any, then hours and minutes (S-STATPAGE-6).
func uptime(d time.Duration) string {
	minutes := int64(d / time.Minute)
	clock := fmt.Sprintf("%02d:%02d", minutes/60%24, minutes%60)
	switch days := minutes / (24 * 60); days {
	case 0:
		return clock
	case 1:
		return "1 day " + clock
	default:
		return fmt.Sprintf("%d days %s", days, clock)
	}
}

// eachWithComma writes each URL followed by a comma, as the reference's readers expect.
func eachWithComma(urls []string) string {
	var b strings.Builder
	for _, u := range urls {
		b.WriteString(u)
		b.WriteByte(',')
	}
	return b.String()
}
