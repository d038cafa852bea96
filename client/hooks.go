package client

import (
	"time"

	"heureka.internal/heureka"
)

// Hooks tell a program what its client does, for metrics and tests. All are optional. They are called synchronously, from
// several goroutines, and must not block. None is given a credential.
type Hooks struct {
	// Request is called after every try of a server. The delta of a refresh, and the whole fetch that it may lead to, are
	// one.
	Request func(RequestInfo)
	// Heartbeat is called after every heartbeat, with the outcome of the registration that it may have led to.
	Heartbeat func(HeartbeatInfo)
	// Refresh is called after every refresh of the registry.
	Refresh func(RefreshInfo)
	// Status is called when the status of an own registration changes, here or as the registry shows it.
	Status func(StatusInfo)
	// Servers is called when the list of servers was found anew.
	Servers func(ServersInfo)
}

// A RequestInfo is one try of a server.
type RequestInfo struct {
	Op       string // "register", "renew", "cancel", "fetch", …
	Server   string // base URL without credentials
	Attempt  int    // 1 for the first server that one call tries
	Status   int    // HTTP status, 200 for any success, 0 if no answer came
	Duration time.Duration
	Err      error
}

// A HeartbeatInfo is the outcome of a heartbeat.
type HeartbeatInfo struct {
	Key          heureka.Key
	Reregistered bool // the server did not know the instance, or had an older state (C-HB-3)
	Err          error
}

// A RefreshInfo is the outcome of a refresh.
type RefreshInfo struct {
	Full      bool // the whole registry was fetched in the end
	Mismatch  bool // because a delta did not lead to the server's registry
	Unchanged bool // the registry is as it was
	Instances int  // in the registry now
	Applied   int  // entries of the delta that changed something
	Duration  time.Duration
	Err       error
}

// A StatusInfo is a change of status.
type StatusInfo struct {
	Key      heureka.Key
	Old, New heureka.Status
	Remote   bool // as the registry shows it, overrides included
}

// A ServersInfo is the list of servers.
type ServersInfo struct {
	Servers []string // base URLs without credentials, in order of preference
	Err     error    // the list is the old one
}

// call calls a hook that may not be there.
func call[T any](hook func(T), info T) {
	if hook != nil {
		hook(info)
	}
}
