package server

import (
	"iter"
	"net/http"
	"strconv"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// serve sends server-sent events: reset, if the client has to forget what it has; an instance for each of the snapshot;
// whole, when the first picture is; then each change. Only whole and change have an id, from which to go on: whoever has not seen the
// whole picture begins again.
func (st *stream) serve(r *http.Request, q *watchRequest) {
	h := st.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	st.write([]byte("retry: 2000\n\n"))
	records, why := st.begin(q)
	if why != "" {
		st.reset(why)
	}
	count := -1
	if records != nil {
		count = st.snapshot(records)
	}
	if st.catchUp() {
		st.whole(count)
		st.flush()
		st.follow(r)
	}
}

// snapshot sends the records that are part of the view, and returns how many they are.
func (st *stream) snapshot(records iter.Seq[registry.Record]) (n int) {
	var b []byte
	for rec := range records {
		if !st.view.Has(rec) {
			continue
		}
		st.write([]byte("event: instance\ndata: "))
		if b = st.record(b[:0], rec); st.err != nil {
			return n
		}
		st.write([]byte("\n\n"))
		n++
	}
	return n
}

// catchUp tells of what has happened since the cursor. It reports whether the stream goes on.
func (st *stream) catchUp() bool {
	var buf [watchTurn]registry.Change
	for st.err == nil {
		before := st.cursor
		found, err := st.next(buf[:])
		if err != nil {
			st.watching.resets.Add(1)
			st.reset(tooSlow)
			st.flush()
			return false
		}
		if st.cursor == before {
			return true
		}
		st.extend()
		if n := len(found); st.brief && n > 0 {
			found = found[n-1:] // the last one tells enough
		}
		for i := range found {
			st.change(&found[i])
		}
	}
	return false
}

// follow tells of changes as they happen, until the client or the node is gone, or the client may no longer read.
func (st *stream) follow(r *http.Request) {
	caller := httpapi.CallerOf(r)
	asked := time.Now()
	end := time.NewTimer(st.watching.lifetime())
	defer end.Stop()
	beat := time.NewTimer(watchBeat)
	defer beat.Stop()
	for st.err == nil && st.phase.readsAllowed() {
		if time.Since(asked) >= watchBeat {
			if asked = time.Now(); !caller.StillMay() {
				st.reset("the credential is no longer good for this")
				st.flush()
				return
			}
		}
		woken := st.reg.Feed().Next(st.cursor)
		if woken == nil {
			if !st.catchUp() {
				return
			}
			st.flush()
			continue
		}
		beat.Reset(watchBeat)
		select {
		case <-woken:
		case <-beat.C:
			st.extend()
			st.id(st.cursor)
			st.write([]byte("\n")) // also moves on the id of those whom the last changes do not concern
			st.flush()
		case <-end.C:
			return
		case <-st.phase.ended:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// lifetime spreads the ends of streams that began at the same time over half an hour.
func (w *watching) lifetime() time.Duration {
	return watchLife + time.Duration(w.streams.Add(1)*617%1800)*time.Second
}

func (st *stream) flush() { _ = st.control.Flush() } // an error shows in the next write

func (st *stream) id(seq uint64) {
	var scratch [64]byte
	b := append(scratch[:0], "id: "...)
	b = append(append(b, st.watching.life...), '-')
	st.write(append(strconv.AppendUint(b, seq, 10), '\n'))
}

func (st *stream) change(ch *registry.Change) {
	st.id(ch.Seq)
	st.write([]byte("event: change\ndata: "))
	if st.brief {
		st.write([]byte("{}"))
	} else if st.hold(weight(ch)); st.err == nil {
		st.write(st.watching.events.Of(ch))
		httpapi.GiveBack(st.w)
	}
	st.write([]byte("\n\n"))
	st.watching.told.Add(1)
}

// whole marks that the client has the picture as it was at the cursor; of count instances, if that was a snapshot.
func (st *stream) whole(count int) {
	st.id(st.cursor)
	data := `event: whole` + "\n" + `data: {"version":"` + st.watching.version(st.cursor) + `"`
	if count >= 0 {
		data += `,"instances":` + strconv.Itoa(count)
	}
	st.write([]byte(data + "}\n\n"))
}

// reset tells the client to forget what it has.
func (st *stream) reset(why string) {
	st.extend()
	st.write([]byte("event: reset\ndata: {\"why\":\"" + why + "\"}\n\n"))
}
