package server

import (
	"time"

	"heureka.internal/heureka/internal/listener"
)

// listener returns what connections may cost.
func (c Config) listener() listener.Config {
	return listener.Config{MaxConnections: 1 << 20, IdleGrace: time.Minute, Stall: 2 * time.Minute, Unsent: 128 << 10}
}
