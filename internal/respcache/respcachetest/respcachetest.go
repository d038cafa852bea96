// Package respcachetest helps tests of other packages that need an answer cache.
package respcachetest

import (
	"cmp"
	"time"

	"heureka.internal/heureka/internal/respcache"
)

// New returns a cache with usual values for what cfg leaves out.
func New(cfg respcache.Config) *respcache.Cache {
	cfg.UpdateInterval = cmp.Or(cfg.UpdateInterval, 30*time.Second)
	cfg.AutoExpiration = cmp.Or(cfg.AutoExpiration, 3*time.Minute)
	cfg.DeltaRetention = cmp.Or(cfg.DeltaRetention, 3*time.Minute)
	cfg.ChunkBytes = cmp.Or(cfg.ChunkBytes, respcache.ChunkBytes)
	cfg.LookupBytes = cmp.Or(cfg.LookupBytes, respcache.LookupBytes)
	c, err := respcache.New(cfg)
	if err != nil {
		panic(err)
	}
	return c
}
