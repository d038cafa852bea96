package config

import (
	"fmt"
	"strings"

	"heureka.internal/heureka/server"
)

// A Limit is a row of docs/limits.md: a setting with what happens beyond it.
type Limit struct {
	Key
	Answer  string // what is answered
	Counter string // the number that counts it
}

// refusedBy is the number of what is refused for a reason.
func refusedBy(reason string) string {
	return `heureka_requests_refused_total{reason="` + reason + `"}`
}

// Limits are the settings that bound what strangers and broken clients can make a node spend.
func Limits() []Limit { return limits }

var limits = []Limit{
	{Key: Key{Name: "record-bytes", Aliases: []string{"heureka.max-body-size"}, Kind: Size, Min: 1,
		Doc:   "Largest registration body, compressed or decompressed.",
		field: func(c *server.Config) any { return &c.MaxBodyBytes }},
		Answer: "413", Counter: refusedBy("too-large")},
	{Key: Key{Name: "batch-bytes", Aliases: []string{"heureka.max-batch-size"}, Kind: Size, Min: 1,
		Doc:   "Largest replication batch held in memory, compressed or decompressed. A longer batch of a Java server is applied entry by entry as it arrives, provided that no entry is larger; a heureka node sends smaller ones instead.",
		field: func(c *server.Config) any { return &c.MaxBatchBytes }},
		Answer: "413", Counter: refusedBy("too-large")},
	{Key: Key{Name: "batch-entries", Kind: Int,
		Doc:   "Most entries of a replication batch; Java servers and heureka send 250. 0 means no limit, here and below.",
		field: func(c *server.Config) any { return &c.Limits.BatchEntries }},
		Answer: "413", Counter: refusedBy("too-many-entries")},
	{Key: Key{Name: "name-bytes", Kind: Int,
		Doc:   "Longest application name and instance id; neither may contain control characters.",
		field: func(c *server.Config) any { return &c.Limits.NameBytes }},
		Answer: "400; in a batch, 400 for that entry alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "text-bytes", Kind: Int,
		Doc:   "Longest host name, address, URL, VIP address or other text of a record, metadata aside.",
		field: func(c *server.Config) any { return &c.Limits.TextBytes }},
		Answer: "400; in a batch, 400 for that entry alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "metadata-entries", Kind: Int,
		Doc:   "Most entries of metadata of an instance, and of its data centre.",
		field: func(c *server.Config) any { return &c.Limits.MetadataEntries }},
		Answer: "400; in a batch, 400 for that entry alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "decoding-bytes", Kind: Size,
		Doc:   "Total size of bodies above 64 KB that are read and decoded, and of answers above 64 KB made for one request, at the same time; an eighth of the memory limit at most.",
		field: func(c *server.Config) any { return &c.Limits.DecodingBytes }},
		Answer: "503", Counter: refusedBy("busy")},
	{Key: Key{Name: "future-timestamp", Kind: Span, Unit: sec, Min: 1,
		Doc:   "A record whose dirty timestamp is further ahead of this node's clock is replaced by any later registration from a client; one that came from another node is replaced by any other.",
		field: func(c *server.Config) any { return &c.Limits.FutureStamp }},
		Answer: "nothing: the record is kept as sent", Counter: "/actuator/health, component clock"},
	{Key: Key{Name: "instances", Kind: Int,
		Doc:   "Number of instances above which new ones are refused; registered ones never are. Other nodes may exceed it by a tenth.",
		field: func(c *server.Config) any { return &c.Limits.Instances }},
		Answer: "503; in a batch, 503 for that entry alone", Counter: refusedBy("full")},
	{Key: Key{Name: "instances-per-application", Kind: Int,
		Doc:   "Instances of one application, likewise.",
		field: func(c *server.Config) any { return &c.Limits.InstancesPerApp }},
		Answer: "503; in a batch, 503 for that entry alone", Counter: refusedBy("full")},
	{Key: Key{Name: "memory", Kind: Size,
		Doc:   "Memory limit: while the live heap exceeds three quarters of it, instances from clients that are new or become larger are refused; above nine tenths, those from other nodes too. Documents are encoded up to 82 percent of it, pages and copies for other nodes answered up to nine tenths. By default GOMEMLIMIT, which is 85 percent of the cgroup's limit unless set.",
		field: func(c *server.Config) any { return &c.Limits.MemoryBytes }},
		Answer: "503; in a batch, 503 for that entry alone", Counter: refusedBy("full")},
	{Key: Key{Name: "history-changes", Kind: Int, Min: 1,
		Doc:   "Number of changes kept in the history, for heureka history and /heureka/v1/history.",
		field: func(c *server.Config) any { return &c.Limits.HistoryChanges }},
		Answer: "the oldest is dropped", Counter: "/heureka/v1/history, since"},
	{Key: Key{Name: "history-bytes", Kind: Size, Min: 1,
		Doc:   "Memory that they may take.",
		field: func(c *server.Config) any { return &c.Limits.HistoryBytes }},
		Answer: "the oldest is dropped", Counter: "/heureka/v1/history, since"},
	{Key: Key{Name: "history-age", Kind: Span, Unit: sec, Min: 1,
		Doc:   "Age of the oldest of them.",
		field: func(c *server.Config) any { return &c.Limits.HistoryAge }},
		Answer: "the oldest is dropped", Counter: "/heureka/v1/history, since"},
	{Key: Key{Name: "watchers", Kind: Int,
		Doc:   "Most clients that watch at the same time, by /heureka/v1/watch.",
		field: func(c *server.Config) any { return &c.Limits.Watchers }},
		Answer: "503; the client polls", Counter: `heureka_requests_crowded_total{class="watch"}`},
	{Key: Key{Name: "watching-pages", Kind: Int,
		Doc:   "Most pages in browsers that watch at the same time.",
		field: func(c *server.Config) any { return &c.Limits.WatchingPages }},
		Answer: "503; the page polls", Counter: `heureka_requests_crowded_total{class="watch-page"}`},
}

// limitKeys are the settings in limits.
func limitKeys() []Key {
	keys := make([]Key, len(limits))
	for i := range limits {
		keys[i] = limits[i].Key
	}
	return keys
}

// beyond is what is answered beyond limits that stand elsewhere in the table of settings.
var beyond = map[string][2]string{
	"heureka.limits.fetches-in-flight": {"503 after a wait of 2 s", refusedBy("crowded")},
	"heureka.limits.pages-in-flight":   {"503 after a wait of 2 s", refusedBy("crowded")},
	"heureka.limits.batches-per-peer":  {"503", refusedBy("crowded")},
	"heureka.max-lease-duration":       {"nothing: the lease ends at the limit", ""},
}

// fixed are limits that no setting moves.
var fixed = [][4]string{
	{"header of a request, with its path and query", "64 KiB", "431", ""},
	{"headers of all requests under way, beyond 4 KiB of each", "1/32 of `heureka.limits.memory`, 128 KiB to 128 MiB; 128 MiB without a memory limit", "the connection is closed", "heureka_connections_refused_total"},
	{"connections that are open while memory is short", "1000, or as many as an eighth of `heureka.limits.memory` holds at 16 KiB each, if that is more", "the new one is closed, or idle ones for it", "heureka_connections_refused_total"},
	{"depth of a body's objects, arrays and elements", "64", "400", refusedBy("undecodable")},
	{"attributes of an XML element", "64", "400", refusedBy("undecodable")},
	{"records in the answer to a batch", "6 MiB", "409 without the record", ""},
	{"bytes still read of a body that was refused early", "1 MiB", "the connection is closed", ""},
	{"a body or an answer that does not count towards `decoding-bytes`", "64 KiB", "", ""},
	{"entries in one answer to a node that compares registries", "8 MiB, but the first record always fits", "the rest is requested again", ""},
	{"request from a node that compares registries", "32 MiB, 256 buckets", "413, 400", refusedBy("too-large")},
	{"such requests at a time", "1 of a proven peer, 4 of all others", "503", refusedBy("busy")},
	{"records of a peer that are remembered as beyond the limits above", "65536, 5 min", "not taken over, not requested again", "heureka_peer_refused_records_total"},
	{"response read from a peer", "24 MiB; a whole registry, which is taken over while it arrives, 4 GiB", "retried later; a node that cannot copy its peers' registry is not ready", ""},
	{"batch senders whose last number is remembered", "1024 proven peers, 1024 others", "all of them are forgotten", ""},
	{"nonces kept of possible peers", "64 of 64 bytes for each peer, one of each address", "the oldest is dropped", ""},
	{"key of an instance reported by another node", "8 KiB", "left out", ""},
	{"tombstones of cancelled instances", "131072, 32 MiB", "the oldest is dropped, starting with instances that never sent a heartbeat", ""},
	{"changes kept for followers such as the history", "4096, 32 MiB", "the oldest is dropped; a follower that has not read it starts over", ""},
	{"time without progress of a watcher that does not read", "2 min", "the connection is closed", "heureka_connections_stalled_total"},
	{"applications and VIP addresses that a watcher names", "1000", "400", ""},
	{"changes, and bytes of them, in one answer to a watcher that polls", "1000, 1 MiB", "the rest comes with the next answer", ""},
	{"encoded changes kept for watchers", "512, 8 MiB", "encoded again", ""},
	{"recent registrations and cancels on the page", "1000 each", "the oldest is dropped", ""},
	{"applications whose refusals the log tracks", "1024", "the others share one line a minute", ""},
}

// LimitsDoc returns docs/limits.md.
func LimitsDoc() string {
	var b strings.Builder
	b.WriteString(`# Limits

These limits bound what an attacker or a broken client can make a node spend. Requests beyond a limit get the status below, without a body
except for 400; ` + "`X-Heureka-Reason`" + ` says why, and a metric counts them. A value of 0 switches off any limit whose default allows it.

This page is generated from the table of settings; a test compares both.

| Setting | Default | What | Beyond it | Counted by |
|---|---|---|---|---|
`)
	row := func(setting, def, what, answer, counter string) {
		if counter != "" {
			counter = "`" + counter + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", setting, def, what, answer, counter)
	}
	for _, l := range limits {
		k, _ := FindKey("heureka.limits." + l.Name)
		row("`"+k.Name+"`", k.Default, strings.TrimSuffix(k.Doc, "."), l.Answer, l.Counter)
	}
	for _, k := range Keys() {
		if a, ok := beyond[k.Name]; ok {
			row("`"+k.Name+"`", k.Default, strings.TrimSuffix(k.Doc, "."), a[0], a[1])
		}
	}
	for _, f := range fixed {
		row("", f[1], f[0], f[2], f[3])
	}
	return b.String()
}
