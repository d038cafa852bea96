package server

import (
	"fmt"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
)

// info is what GET /eureka/status says (S-STATPAGE-1). Peers are available when replication to them works, whatever name
// they registered under (the reference only looks for their host names in the registry, S-STATPAGE-2).
func (st *status) info() httpapi.StatusInfo {
	var all, good, bad []string
	for i := range st.Peers {
		p := &st.Peers[i]
		all = append(all, p.URL)
		if available(p) {
			good = append(good, p.URL)
		} else {
			bad = append(bad, p.URL)
		}
	}
	info := httpapi.StatusInfo{
		General: st.general(),
		Application: []heureka.MetadataEntry{
			{Key: "registered-replicas", Value: strings.Join(all, ", ")},
			{Key: "available-replicas", Value: eachWithComma(good)},
			{Key: "unavailable-replicas", Value: eachWithComma(bad)},
		},
		Instance: st.Own,
		Lease:    st.Lease,
	}
	if least := st.cfg.MinAvailablePeers; least != nil && *least >= 0 {
		info.Healthy = new(len(good) >= *least)
	}
	return info
}

// own is the node's own instance as the registry has it, else as it will be registered, without what the registry adds.
func (n *node) own() (*heureka.Instance, heureka.LeaseInfo) {
	if rec, ok := n.reg.Find(n.cfg.Instance.Key()); ok {
		return rec.Shown()
	}
	in := n.cfg.Instance.Clone()
	in.Status = n.phase.ownStatus()
	in.LastUpdatedMS = n.started.UnixMilli()
	in.LastDirtyMS = in.LastUpdatedMS
	return in, in.Lease
}

// OwnStatus implements httpapi.Backend.
func (n *node) OwnStatus() heureka.Status {
	own, _ := n.own()
	return own.Status
}

// general are the statistics of the process: those of Spring's server, which leaves out the environment that Netflix's begins with (W-SRV-3).
func (st *status) general() []heureka.MetadataEntry {
	used, total := st.HeapBytes, st.SystemBytes
	return []heureka.MetadataEntry{
		{Key: "num-of-cpus", Value: strconv.Itoa(st.CPUs)},
		{Key: "total-avail-memory", Value: megabytes(total)},
		{Key: "current-memory-usage", Value: fmt.Sprintf("%s (%d%%)", megabytes(used), 100*used/max(total, 1))},
		{Key: "server-uptime", Value: uptime(st.At.Sub(st.Started))},
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
