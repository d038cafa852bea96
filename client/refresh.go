package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

// A refresher keeps the client's snapshot up to date. All of it happens in one goroutine at a time: first Run's, for the
// fetch at the start, then its own.
type refresher struct {
	client *Client
	cfg    *Config
	query  *session
	rand   *rand.Rand

	clock time.Duration // by how much the server's clock is ahead of this machine's

	server   string        // that sent the last document
	version  int64         // of the last document; -1 says that deltas make no sense (C-RF-3)
	deltaTag string        // of the last delta, if the server tags them
	fullTag  string        // of the document that is the snapshot, "" once a delta has changed it
	trail    remote.Trail  // whether a delta may follow the snapshot
	next     *Snapshot     // what the refresh under way has led to; nil: nothing new
	fetched  bool          // a server has answered once
	asked    time.Duration // for which a server asked to be left alone
	trouble  trouble
	start    backoff
	saved    *Snapshot // what the backup has
	savedAt  time.Time // or tried to
	saving   trouble

	following following
	oneConn   bool
}

// run refreshes until ctx ends, whenever its time comes or it is asked to.
func (f *refresher) run(ctx context.Context) {
	p := pace{interval: f.cfg.FetchInterval, longest: f.cfg.FetchInterval * time.Duration(f.cfg.FetchBackoffBound)}
	last, took := time.Now(), time.Duration(0)
	due := last.Add(f.pause(&p, false))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.following.news:
			if at := time.Now().Add(f.afterNews(last, took)); at.Before(due) {
				due = at
				timer.Reset(time.Until(due))
			}
			continue
		case <-timer.C:
		case <-f.client.asked:
		}
		asked, began := f.client.takeRefreshes(), time.Now()
		cutOff, err := f.once(ctx)
		asked.finish(err)
		last = time.Now()
		took, due = last.Sub(began), last.Add(f.pause(&p, cutOff))
		timer.Reset(time.Until(due))
	}
}

// pause is short until a server has answered once: a program without a registry is of no use (G-ST-1).
func (f *refresher) pause(p *pace, cutOff bool) time.Duration {
	if !f.fetched {
		return earlier(f.rand, f.start.next(f.asked), f.cfg.Jitter)
	}
	return earlier(f.rand, p.next(cutOff, f.asked), f.cfg.Jitter)
}

// wholeLimit is how long a fetch of the whole registry may take, if that is more than FetchInterval: a large one over a
// slow line would never be there otherwise.
const wholeLimit = 2 * time.Minute

// once refreshes, within one interval where deltas do.
func (f *refresher) once(ctx context.Context) (cutOff bool, err error) {
	limit := f.cfg.FetchInterval
	if !f.trail.Worth(time.Now()) {
		limit = max(limit, wholeLimit)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = f.refresh(ctx)
	f.asked = retryAfter(err)
	return err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded), err
}

// refresh asks one server after the other. The copy changes only by what a server said: a failure leaves it as it was
// (C-RF-10).
func (f *refresher) refresh(ctx context.Context) error {
	start := time.Now()
	var info RefreshInfo
	var wrong *Snapshot // where a delta led that did not match, if the whole could not be fetched then
	before := f.client.Snapshot()
	info.Err = f.query.do(ctx, "fetch", onSuccess, func(ctx context.Context, conn *remote.Conn) error {
		led, err := f.from(ctx, conn, &info)
		if led != nil {
			wrong = led
		}
		return err
	})
	if info.Err == nil {
		f.fetched = true
	} else if wrong != nil && !givenUp(ctx) { // better than nothing new (G-CA-3)
		f.next = wrong
	}
	now := cmp.Or(f.next, before)
	info.Unchanged, info.Instances, info.Duration = now == before, now.Len(), time.Since(start)
	f.client.counters.refreshed(&info) // before anybody who waits for the registry goes on
	f.publish()
	f.report(ctx, &info)
	return info.Err
}

// publish shows what a refresh has led to.
func (f *refresher) publish() {
	if f.next != nil {
		f.client.publish(f.next)
		f.next = nil
	}
}

// givenUp reports whether the client ends. Running out of time is something else: a failure like others.
func givenUp(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// report tells everybody who wants to know.
func (f *refresher) report(ctx context.Context, info *RefreshInfo) {
	if !givenUp(ctx) {
		f.trouble.report(f.cfg.Logger, "registry fetch", info.Err)
	}
	call(f.cfg.Hooks.Refresh, *info)
	if info.Err == nil {
		f.client.remoteStatuses(f.serverTime())
		f.backup(ctx, f.client.Snapshot())
	}
}

// from refreshes from one server: by a delta if that makes sense, else as a whole. If a delta did not lead to the
// server's registry and the whole could not be fetched either, it returns where the delta led.
func (f *refresher) from(ctx context.Context, conn *remote.Conn, info *RefreshInfo) (*Snapshot, error) {
	if f.needsFull(conn) {
		return nil, f.full(ctx, conn, info)
	}
	asked := time.Now()
	doc, err := conn.Delta(ctx, remote.Query{Regions: f.cfg.RemoteRegions, IfNoneMatch: f.deltaTag})
	if noDelta(err) {
		return nil, f.full(ctx, conn, info) // in the same cycle (C-RF-6)
	}
	if err != nil {
		return nil, err
	}
	f.setClock(doc)
	f.follow(conn, doc, time.Now())
	if !f.trail.Continues(doc, time.Now()) {
		return nil, f.full(ctx, conn, info)
	}
	if doc.NotModified {
		f.trail.Take(asked, false)
		return nil, nil
	}
	return f.delta(ctx, conn, doc, asked, info)
}

// needsFull is C-RF-2 and, because deltas of another server may begin elsewhere than those of the last one, G-FO-2.
func (f *refresher) needsFull(conn *remote.Conn) bool {
	return f.cfg.DisableDelta || f.cfg.OnlyVIP != "" || !f.trail.Worth(time.Now()) || f.version == -1 ||
		conn.URL() != f.server || f.client.Snapshot().apps.size == 0
}

// noDelta reports whether a server says that it has no deltas, if only by an empty answer.
func noDelta(err error) bool {
	if s, ok := errors.AsType[*heureka.StatusError](err); ok {
		return s.Code == 403 || s.Code == 404
	}
	return errors.Is(err, remote.ErrEmpty)
}

// delta applies a delta and publishes the result if the hash says that it is the server's registry; else the whole comes
// first, so that nobody sees the wrong state in between (G-CA-2).
func (f *refresher) delta(ctx context.Context, conn *remote.Conn, doc *remote.Document, asked time.Time, info *RefreshInfo) (*Snapshot, error) {
	next, applied := f.client.Snapshot().fromDelta(doc.Apps, f.rand)
	info.Applied = applied
	if next.Hash() == doc.Apps.Hash {
		f.version, f.deltaTag = doc.Apps.Version, doc.ETag
		f.trail.Take(asked, false)
		if applied > 0 {
			f.fullTag = ""
		}
		f.next = next
		return nil, nil
	}
	info.Mismatch = true
	f.fullTag = ""
	if err := f.full(ctx, conn, info); err != nil {
		f.trail.Lose()
		return next, err
	}
	f.cfg.Logger.Info("delta did not match, fetched the whole registry",
		"server", conn.URL(), "hash", next.Hash(), "want", doc.Apps.Hash)
	if f.cfg.LogDeltaDiff {
		logDifference(f.cfg.Logger, next, cmp.Or(f.next, f.client.Snapshot()))
	}
	f.version, f.deltaTag = doc.Apps.Version, doc.ETag // of the delta, also in Java (C-RF-7)
	return nil, nil
}

// full fetches the whole. The tag of the last whole document is sent only to the server that made it, and only while the
// copy is just that document.
func (f *refresher) full(ctx context.Context, conn *remote.Conn, info *RefreshInfo) error {
	info.Full = true
	q := remote.Query{Regions: f.cfg.RemoteRegions}
	if conn.URL() == f.server {
		q.IfNoneMatch = f.fullTag
	}
	asked := time.Now()
	doc, err := f.fetchFull(ctx, conn, q)
	if err != nil {
		return err
	}
	f.setClock(doc)
	if conn.URL() != f.server {
		f.deltaTag = ""
		f.trail.Lose()
	}
	f.server = conn.URL()
	f.follow(conn, doc, time.Now())
	f.trail.Whole = spread(f.rand, f.cfg.FullFetchInterval)
	f.trail.Take(asked, true)
	if doc.NotModified {
		return nil
	}
	f.version, f.fullTag = doc.Apps.Version, doc.ETag
	f.next = f.client.Snapshot().fromFull(doc.Apps, FromServer, f.rand)
	return nil
}

// fetchFull asks for the whole registry, or for all that is wanted of it.
func (f *refresher) fetchFull(ctx context.Context, conn *remote.Conn, q remote.Query) (*remote.Document, error) {
	if f.cfg.OnlyVIP != "" {
		return conn.VIP(ctx, f.cfg.OnlyVIP, q)
	}
	return conn.Apps(ctx, q)
}

// setClock takes the server's clock, if it sent that.
func (f *refresher) setClock(doc *remote.Document) {
	if !doc.Date.IsZero() {
		f.clock = time.Until(doc.Date)
	}
}

func (f *refresher) serverTime() time.Time { return time.Now().Add(f.clock) }

// fromBackup is asked once, when the first fetch has failed (C-BK-1).
func (f *refresher) fromBackup(ctx context.Context) error {
	doc, err := f.cfg.Backup.Load(ctx)
	if err != nil {
		return err
	}
	f.next = f.client.Snapshot().fromFull(doc, FromBackup, f.rand)
	f.publish()
	f.cfg.Logger.Warn("using the backup registry", "instances", f.client.Snapshot().Len())
	return nil
}

// saveInterval is the least time between two savings of a registry (C-BK-3).
const saveInterval = time.Minute

// backup saves the copy if it has changed since the last time. A change that came too soon after that is saved later, by a
// refresh that need not bring another. An empty registry, as servers have that have just started, is worth less than what
// was saved before.
func (f *refresher) backup(ctx context.Context, s *Snapshot) {
	now := time.Now()
	if f.cfg.Backup == nil || s == f.saved || s.Len() == 0 || !f.savedAt.IsZero() && now.Sub(f.savedAt) < saveInterval {
		return
	}
	err := f.cfg.Backup.Save(ctx, s.Applications())
	if f.savedAt = now; err == nil {
		f.saved = s
	}
	f.saving.report(f.cfg.Logger, "backup of the registry", err)
}
