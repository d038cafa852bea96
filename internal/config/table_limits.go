package config

import "heureka.internal/heureka/server"

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
		Doc:   "Largest registration, also decompressed.",
		field: func(c *server.Config) any { return &c.MaxBodyBytes }},
		Answer: "413", Counter: refusedBy("too-large")},
	{Key: Key{Name: "batch-bytes", Aliases: []string{"heureka.max-batch-size"}, Kind: Size, Min: 1,
		Doc:   "Largest replication batch from a peer, also decompressed.",
		field: func(c *server.Config) any { return &c.MaxBatchBytes }},
		Answer: "413", Counter: refusedBy("too-large")},
	{Key: Key{Name: "batch-entries", Kind: Int,
		Doc:   "Most entries of a replication batch; Java servers and heureka send 250. 0 for no limit, here and below.",
		field: func(c *server.Config) any { return &c.Limits.BatchEntries }},
		Answer: "413", Counter: refusedBy("too-many-entries")},
	{Key: Key{Name: "name-bytes", Kind: Int,
		Doc:   "Longest application name and instance id; neither may have control characters.",
		field: func(c *server.Config) any { return &c.Limits.NameBytes }},
		Answer: "400; of an entry of a batch 400, alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "text-bytes", Kind: Int,
		Doc:   "Longest host name, address, URL, VIP address or other text of a record, metadata aside.",
		field: func(c *server.Config) any { return &c.Limits.TextBytes }},
		Answer: "400; of an entry of a batch 400, alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "metadata-entries", Kind: Int,
		Doc:   "Most entries of metadata of an instance, and of its data centre.",
		field: func(c *server.Config) any { return &c.Limits.MetadataEntries }},
		Answer: "400; of an entry of a batch 400, alone", Counter: refusedBy("over-limit")},
	{Key: Key{Name: "decoding-bytes", Kind: Size,
		Doc:   "Bodies above 64 KB that are read and decoded at a time, all together.",
		field: func(c *server.Config) any { return &c.Limits.DecodingBytes }},
		Answer: "503", Counter: refusedBy("busy")},
}

// limitKeys are the settings in limits.
func limitKeys() []Key {
	keys := make([]Key, len(limits))
	for i := range limits {
		keys[i] = limits[i].Key
	}
	return keys
}
