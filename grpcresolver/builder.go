package grpcresolver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/resolver"

	"heureka.internal/heureka/client"
)

// Scheme is the scheme of targets: "eureka".
const Scheme = "eureka"

// RefreshInterval is how often, at most, channels make a client refresh its registry out of turn (G-GR-7).
const RefreshInterval = 5 * time.Second

// ErrNotReady is why calls fail before the client has its first registry. It reaches callers as text only, in a status
// with the code Unavailable.
var ErrNotReady = errors.New("registry not fetched yet")

// A Builder is a resolver.Builder for grpc.WithResolvers. Client is required, the zero value of all else works. One
// Builder serves any number of channels, and should serve all of a Client, whose refreshes it limits. It must not be
// copied or changed after first use.
type Builder struct {
	Client *client.Client

	// RoundRobin spreads the calls of channels over all instances. Otherwise grpc-go, without a service config, sends all
	// calls to the first instance that it can connect to (G-GR-8).
	//
	// grpc-go takes the service config of a resolver instead of that of grpc.WithDefaultServiceConfig, without a word, and
	// shows that one to no resolver. So with RoundRobin or ServiceConfig, pass nothing to grpc.WithDefaultServiceConfig:
	// what else belongs into it, such as a retry policy, must be in ServiceConfig. Or leave both empty and write the
	// policies there: round_robin, or ZonePolicy around it.
	RoundRobin bool
	// ServiceConfig is the service config of channels, in JSON. RoundRobin adds its policy unless it has one. For targets
	// with zone=Z, ZonePolicy is put around the policy.
	ServiceConfig string
	// HostName connects to the host names of instances rather than to their ipAddr, as secure=true does (G-GR-4).
	HostName bool
	// ServerName makes TLS expect a certificate for the host name of the instance rather than for the name of the
	// service. Whoever can register instances then decides which certificates are good: use it only if that is nobody
	// whom the certificate authority would not trust (G-GR-4).
	ServerName bool

	mu         sync.Mutex
	refreshed  time.Time // when the last refresh out of turn began
	refreshing bool
}

// Register adds a Builder for c to grpc-go's registry of the whole process, for programs that cannot pass
// grpc.WithResolvers. That registry is not synchronised: call it before any channel is made, in main or init (G-GR-1).
func Register(c *client.Client) { resolver.Register(&Builder{Client: c}) }

// Scheme returns "eureka".
func (b *Builder) Scheme() string { return Scheme }

// Build starts to watch the service that target names. grpc-go calls it when a channel is first used, and again when one
// that was idle is used. The error tells what is wrong with the target.
func (b *Builder) Build(target resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	q, err := parse(target)
	if err != nil {
		return nil, err
	}
	config, err := b.serviceConfig(q.zone != "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &serviceResolver{builder: b, query: q, config: config, cc: cc, ctx: ctx, cancel: cancel}
	r.work.Go(r.follow)
	return r, nil
}

// mayRefresh reports whether a refresh may begin now; the caller then begins one and calls refreshEnded after it.
func (b *Builder) mayRefresh(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refreshing || now.Sub(b.refreshed) < RefreshInterval {
		return false
	}
	b.refreshing, b.refreshed = true, now
	return true
}

func (b *Builder) refreshEnded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refreshing = false
}

// serviceConfig returns the service config to send, "" for none.
func (b *Builder) serviceConfig(zoned bool) (string, error) {
	const policy = "loadBalancingConfig"
	if b.ServiceConfig == "" && !b.RoundRobin {
		return "", nil
	}
	config := make(map[string]json.RawMessage)
	if b.ServiceConfig != "" {
		if err := json.Unmarshal([]byte(b.ServiceConfig), &config); err != nil {
			return "", fmt.Errorf("service config: %w", err)
		}
	}
	_, own := config[policy]
	switch {
	case own:
	case b.RoundRobin:
		config[policy] = json.RawMessage(`[{"round_robin":{}}]`)
	case zoned:
		config[policy] = json.RawMessage(`[{"pick_first":{}}]`) // grpc-go's default
	}
	if zoned {
		config[policy] = fmt.Appendf(nil, `[{%q:{"childPolicy":%s}}]`, ZonePolicy, config[policy])
	}
	text, err := json.Marshal(config)
	return string(text), err
}
