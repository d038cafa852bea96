package client

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// A following is the stream in which a heureka server tells that the registry has changed, so that the refresher fetches the
// change at once. It only wakes the refresher: what is fetched, and whether it is right, is decided as without it. The refresher begins
// it, and begins it anew at a later refresh if it has ended.
type following struct {
	news   chan struct{} // holds one
	server string        // that is followed, "" before the first
	began  time.Time
	stop   context.CancelFunc
	ended  chan struct{} // closed at the end of the stream
	live   atomic.Bool   // the server tells of changes
}

// Pauses between two refreshes of which the second comes because of news. A refresh that takes long makes the next one
// later, so that many clients do not keep a server busy with what they hear from it.
const (
	newsPause = 500 * time.Millisecond
	newsShare = 20 // a refresh may take one part in so many of the time
)

// follow listens to the server that sent doc, if it offers that and is not listened to already.
func (f *refresher) follow(conn *remote.Conn, doc *remote.Document, now time.Time) {
	version := doc.Header.Get(wire.HeaderVersion)
	if f.cfg.DisableWatch || f.oneConn {
		version = ""
	}
	s := &f.following
	if s.server != "" && (s.server != conn.URL() || version == "") {
		s.stop()
		<-s.ended
		s.server = ""
	}
	if version == "" || s.server != "" && (!closed(s.ended) || now.Sub(s.began) < f.cfg.FetchInterval/10) {
		return
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(f.client.lifetime())
	s.server, s.began, s.ended = conn.URL(), now, make(chan struct{})
	ended, what := s.ended, remote.Watched{Since: version, VIP: f.cfg.OnlyVIP}
	stop := s.stop
	f.client.spawn(func() {
		defer close(ended)
		defer stop()
		f.listen(ctx, conn, what)
	})
}

// listen passes on that there is news, until ctx or the stream ends; that it has ended is news too.
func (f *refresher) listen(ctx context.Context, conn *remote.Conn, what remote.Watched) {
	s := &f.following
	err := conn.Watch(ctx, what, func(event string) {
		s.live.Store(true)
		if event != "whole" {
			s.tell()
		}
	})
	f.cfg.Logger.DebugContext(ctx, "watch ended", "server", conn.URL(), "err", err)
	if s.live.Swap(false) && ctx.Err() == nil {
		s.tell()
	}
}

func (s *following) tell() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// afterNews is how soon to refresh because of news. When a server ends, all its clients learn that at once, and each fetches
// everything from another: they do so over a third of the interval.
func (f *refresher) afterNews(last time.Time, took time.Duration) time.Duration {
	if !f.following.live.Load() {
		return spread(f.rand, f.cfg.FetchInterval/3)
	}
	pause := min(max(newsPause, newsShare*took), f.cfg.FetchInterval)
	return max(0, time.Until(last.Add(pause)))
}

// usesOneConn reports whether rt has but one connection for a server, which a stream would keep from all else.
func usesOneConn(rt http.RoundTripper) bool {
	t, ok := rt.(*http.Transport)
	return ok && t.MaxConnsPerHost == 1
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
