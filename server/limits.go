package server

import (
	"time"

	"heureka.internal/heureka/internal/wire"
)

// Limits bounds what strangers and broken clients can make a node spend. Zero stands for the default, a negative number for
// no limit. docs/limits.md says what is answered beyond each, and which number counts it.
type Limits struct {
	NameBytes       int   // of an application and an id
	TextBytes       int   // of each other text of a record, metadata aside
	MetadataEntries int   // of a record
	BatchEntries    int   // of a replication batch; Java servers and heureka send 250
	DecodingBytes   int64 // of all bodies that are read and decoded, and answers that are written, at a time; an eighth of the memory at most

	FutureStamp time.Duration // how far ahead of this node's clock a stamp must be to give way to others

	// Ceilings, above which new instances are refused; known ones never are, and what other nodes tell of may go a tenth
	// further.
	Instances       int
	InstancesPerApp int
	MemoryBytes     int64 // live heap; three quarters of it for clients, nine tenths for nodes. Zero: what GOMEMLIMIT says

	// What the history keeps, for GET /heureka/v1/history and heureka history; the oldest goes first.
	HistoryChanges int
	HistoryBytes   int64
	HistoryAge     time.Duration

	// Requests to GET /heureka/v1/watch that are under way at a time.
	Watchers      int // of clients
	WatchingPages int // of pages, apart
}

// What the feed of changes keeps for those that follow it, at most: they read it at once.
const (
	feedChanges = 4096
	feedBytes   = 32 << 20
)

func defaultLimits() Limits {
	return Limits{
		NameBytes:       512,
		TextBytes:       16 << 10,
		MetadataEntries: 1024,
		BatchEntries:    1000,
		DecodingBytes:   128 << 20,
		FutureStamp:     10 * time.Minute,
		Instances:       2_000_000,
		InstancesPerApp: 200_000,
		HistoryChanges:  10_000,
		HistoryBytes:    64 << 20,
		HistoryAge:      24 * time.Hour,
		Watchers:        20_000,
		WatchingPages:   2_000,
	}
}

// decoding returns the limits of what bodies become.
func (l *Limits) decoding() wire.Limits {
	return wire.Limits{
		NameBytes: l.NameBytes, TextBytes: l.TextBytes, MetadataEntries: l.MetadataEntries, BatchEntries: l.BatchEntries,
	}
}
