package replication

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/remote"
)

// Before a node evicts anybody it asks the other heureka nodes whether they have heard the instance itself, within its lease:
// heartbeats may not have found their way here, because the nodes do not know each other yet, or have much to tell.

const (
	// MaxAsking is for how long an eviction waits at most.
	MaxAsking = time.Second

	heardKeys = 4096 // asked about in one request
)

// heardRequest asks POST peerreplication/heard how long ago the receiver itself heard these instances.
type heardRequest struct {
	Protocol int     `json:"protocol,omitempty"`
	Keys     keyList `json:"keys"`
}

type keyDoc struct {
	App string `json:"app"`
	ID  string `json:"id"`
}

// heardAnswer has an age in milliseconds for each key, -1 for those that the node knows nothing of at first hand.
type heardAnswer struct {
	Protocol int     `json:"protocol,omitempty"`
	Ages     ageList `json:"ages"`
}

type (
	keyList []keyDoc
	ageList []int64
)

func (l *keyList) UnmarshalJSON(b []byte) (err error) {
	*l, err = counted[keyDoc](b, heardKeys)
	return err
}

func (l *ageList) UnmarshalJSON(b []byte) (err error) {
	*l, err = counted[int64](b, heardKeys)
	return err
}

// HeardRequest returns the request that asks about these keys, at most heardKeys.
func HeardRequest(keys []heureka.Key) []byte {
	ask := heardRequest{Protocol: Protocol, Keys: make(keyList, len(keys))}
	for i, k := range keys {
		ask.Keys[i] = keyDoc{k.App, k.ID}
	}
	return encoded(ask)
}

// AnswerHeard answers it; nil if it makes no sense.
func AnswerHeard(store Store, body []byte, now time.Time) []byte {
	var ask heardRequest
	if json.Unmarshal(body, &ask) != nil {
		return nil
	}
	answer := heardAnswer{Protocol: Protocol, Ages: make(ageList, len(ask.Keys))}
	for i, k := range ask.Keys {
		answer.Ages[i] = -1
		if age, ok := store.OwnAge(heureka.Key{App: k.App, ID: k.ID}, now); ok {
			answer.Ages[i] = age.Milliseconds()
		}
	}
	return encoded(answer)
}

// TakeHeard tells the store of the ages in an answer, and returns how many leases last because of it. An age counts from when
// the request left, so that the way makes nobody younger.
func TakeHeard(store Store, keys []heureka.Key, doc []byte, from registry.Origin, sent, now time.Time) (kept int) {
	var answer heardAnswer
	if json.Unmarshal(doc, &answer) != nil || len(answer.Ages) != len(keys) {
		return 0
	}
	way := now.Sub(sent)
	for i, ms := range answer.Ages {
		if ms < 0 || ms > maxHeardAge.Milliseconds() {
			continue
		}
		age := time.Duration(ms)*time.Millisecond + time.Millisecond + way // the fraction was cut off
		if store.Heard(keys[i], age, from, now) {
			kept++
		}
	}
	return kept
}

// maxHeardAge is more than any lease lasts, and leaves sums of times room.
const maxHeardAge = 50 * 365 * 24 * time.Hour

// AskHeard asks all heureka nodes that take replication about instances that are about to be evicted, for a second at most, and
// returns how many leases last because of it. Who does not answer, or does not understand, is not waited for.
func (ps *Peers) AskHeard(ctx context.Context, keys []heureka.Key) (kept int) {
	if len(keys) == 0 {
		return 0
	}
	ctx, cancel := within(ctx, MaxAsking)
	defer cancel()
	var asking sync.WaitGroup
	var mu sync.Mutex
	for _, p := range ps.whoHears() {
		asking.Go(func() {
			n := p.askHeard(ctx, keys)
			mu.Lock()
			defer mu.Unlock()
			kept += n
		})
	}
	asking.Wait()
	return kept
}

// whoHears returns the peers to ask.
func (ps *Peers) whoHears() []*peer {
	if ps.cfg.DisableAntiEntropy {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(*ps.list.Load()), func(p *peer) bool { return !p.answersNodes() })
}

// answersNodes reports whether a heureka node was there a moment ago.
func (p *peer) answersNodes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.link.health.s
	return p.has(Replica) && s.NodeID != "" && s.State == StateOK
}

func (p *peer) askHeard(ctx context.Context, keys []heureka.Key) (kept int) {
	f := p.fetcher(registry.BySync)
	for part := range slices.Chunk(keys, heardKeys) {
		sent := p.set.cfg.Now()
		doc, err := f.ask(ctx, remote.Request{Method: http.MethodPost, Path: heardPath, Body: HeardRequest(part)})
		if err != nil { // one of before there was this question does not know the path
			return kept
		}
		kept += TakeHeard(f.store, part, doc, registry.Origin{By: f.by, Address: f.conn.URL()}, sent, p.set.cfg.Now())
	}
	return kept
}

// Heard answers a node that asks what this one has heard itself; nil if it asks for nothing that makes sense, or there is no
// talk beside batches.
func (ps *Peers) Heard(address string, h http.Header, body []byte) []byte {
	if ps.cfg.DisableAntiEntropy || !speaks(h.Get(HeaderProtocol)) {
		return nil
	}
	ps.meet(address, h)
	return AnswerHeard(ps.cfg.Store, body, ps.cfg.Now())
}
