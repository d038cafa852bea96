package server

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// Watchers are told of each change as it happens: by server-sent events for as long as they listen, or with one answer each
// time they ask. Each reads the feed with a cursor of its own, on its request's goroutine, and costs nothing else: one that
// does not read stands still in a write, until the feed no longer has what comes next and it has to begin again.
const (
	watchBeat = 15 * time.Second // between signs of life, so that proxies keep the connection
	watchLife = time.Hour        // at least; then the client comes again, perhaps to another node
	watchTurn = 16               // changes that are taken from the feed at a time

	watchNames = 1000 // applications and VIPs that a watcher may choose

	usualPoll   = 30 * time.Second // a request that is answered once waits so long for something to tell
	longestPoll = time.Minute
	pollChanges = 1000
	pollBytes   = 1 << 20
)

// watching is what watchers share.
type watching struct {
	life   string // of this node, since it was started: numbers of changes begin anew with each
	events changes.Events

	streams atomic.Uint64
	told    atomic.Uint64 // changes, to all together
	resets  atomic.Uint64
}

// version names the state after the change numbered seq. Only this node, in this life, knows what follows it.
func (w *watching) version(seq uint64) string { return w.life + "-" + strconv.FormatUint(seq, 10) }

// seq returns the change that a version names.
func (w *watching) seq(version string) (uint64, bool) {
	digits, ok := strings.CutPrefix(version, w.life+"-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil
}

// A watchRequest is what the query and header of a watcher ask for.
type watchRequest struct {
	view     changes.View
	since    string // a version, "now", or "" for a snapshot
	snapshot bool   // is wanted, if since is not known
	brief    bool   // wants to know that something has changed, not what
	wait     time.Duration
}

func (r *watchRequest) read(from *http.Request) *failure {
	q := from.URL.Query()
	for _, app := range q["app"] {
		r.view.Apps = append(r.view.Apps, heureka.AppName(app))
	}
	r.view.VIPs, r.view.SecureVIPs = q["vip"], q["svip"]
	names := 0
	for _, list := range [][]string{r.view.Apps, r.view.VIPs, r.view.SecureVIPs} {
		slices.Sort(list)
		names += len(list)
	}
	if names > watchNames {
		return &failure{http.StatusBadRequest, fmt.Sprintf("%d applications and VIPs: want %d at most, or all", names, watchNames)}
	}
	r.since = q.Get("since")
	if last := from.Header.Get("Last-Event-ID"); last != "" { // newer than the URL
		r.since = last
	}
	r.snapshot, r.brief = q.Get("snapshot") != "false", q.Get("brief") == "true"
	r.wait = usualPoll
	if text := q.Get("wait"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 || d > longestPoll {
			return &failure{http.StatusBadRequest, fmt.Sprintf("wait is %.40q: want a duration up to %s", text, longestPoll)}
		}
		r.wait = d
	}
	return nil
}

// asPage reports whether a page watches, which counts apart from clients.
func asPage(r *http.Request) bool { return r.URL.Query().Get("as") == "page" }

// serveWatch answers GET watch?app=&vip=&svip=&since=&snapshot=&brief=&wait=&as=.
func (s *Server) serveWatch(w http.ResponseWriter, r *http.Request) {
	if !allows(w, r, http.MethodGet) {
		return
	}
	var q watchRequest
	if bad := q.read(r); bad != nil {
		writeJSON(w, r, bad.status, bad)
		return
	}
	st := &stream{Server: s, view: q.view, brief: q.brief, w: w, control: http.NewResponseController(w)}
	w.Header().Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		st.serve(r, &q)
		return
	}
	st.poll(r, &q)
}

// A stream is one watcher.
type stream struct {
	*Server
	view    changes.View
	brief   bool
	cursor  uint64 // the last change that it was told of, or that does not concern it
	w       http.ResponseWriter
	control *http.ResponseController
	err     error // of writing
}

// begin sets the cursor. It returns the records to start with, if there is to be a snapshot, and why the watcher has to begin
// again, if it asked for something that is gone.
func (st *stream) begin(q *watchRequest) (records iter.Seq[registry.Record], why string) {
	if q.since == "now" {
		st.cursor = st.cache.Seq()
		return nil, ""
	}
	if q.since == "" {
		return st.anew(q), ""
	}
	if seq, known := st.watching.seq(q.since); known && st.has(seq) {
		st.cursor = seq
		return nil, ""
	}
	st.watching.resets.Add(1)
	return st.anew(q), "this node does not know the version, or no longer what followed it"
}

// tooSlow is what a client is told that has not read in time.
const tooSlow = "too slow: changes that were not read are gone"

// anew sets the cursor to the present, and returns the records as they are, if the client wants them.
func (st *stream) anew(q *watchRequest) (records iter.Seq[registry.Record]) {
	if q.snapshot {
		records, st.cursor = st.cache.Local()
		return records
	}
	st.cursor = st.cache.Seq()
	return nil
}

// has reports whether the feed has what follows seq.
func (st *stream) has(seq uint64) bool {
	_, err := st.reg.Feed().Read(seq, nil)
	return err == nil
}

// next returns the changes after the cursor that concern the watcher; none, if there are none yet. When they are told, answers to
// reads have them as well.
func (st *stream) next(buf []registry.Change) ([]registry.Change, error) {
	n, err := st.reg.Feed().Read(st.cursor, buf)
	if n == 0 {
		return nil, err
	}
	st.cursor += uint64(n)
	if st.cache.Seq() < st.cursor {
		st.reg.Seq()
	}
	return slices.DeleteFunc(buf[:n], func(ch registry.Change) bool { return !st.view.Concerns(&ch) }), nil
}

// write sends a part. After an error there is nobody to send to.
func (st *stream) write(b []byte) {
	if st.err == nil {
		_, st.err = st.w.Write(b)
	}
}

// extend gives the client time to take what is sent next. Connections of ours have their own rule, by progress.
func (st *stream) extend() { _ = st.control.SetWriteDeadline(time.Now().Add(stallTimeout)) }

// errShort ends a watcher for whom there is no memory now.
var errShort = errors.New("no memory for a large record")

// hold takes what a piece of so many bytes needs: few large ones may be on their way at a time, to whoever watches. A client that
// is cut off comes again.
func (st *stream) hold(bytes int) {
	if st.err == nil && !httpapi.Hold(st.w, bytes) {
		st.err = errShort
	}
}

// weight returns about how many bytes an event takes while it is made.
func weight(ch *registry.Change) int {
	if ch.Removed() {
		return 0
	}
	return 2 * ch.Record.Weight()
}

// usualRecord is how large a buffer may be that is kept for the next record.
const usualRecord = 64 << 10

// record writes {"instance": …}, as in the API, behind what stands in b. It returns a buffer for the next one.
func (st *stream) record(b []byte, rec registry.Record) []byte {
	st.hold(rec.Weight())
	if st.err != nil {
		return nil
	}
	in, lease := rec.Shown()
	b = wire.JSON.AppendSingle(b, in, lease)
	st.extend()
	st.write(b)
	httpapi.GiveBack(st.w)
	if cap(b) > usualRecord {
		return nil
	}
	return b
}
