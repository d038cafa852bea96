package server

import (
	"context"
	"iter"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// poll answers once: with a snapshot, or with what has happened since the version that the client names, as soon as there is
// something to tell. It writes as it goes: a snapshot may be large.
func (st *stream) poll(r *http.Request, q *watchRequest) {
	records, why := st.begin(q)
	var found [][]byte
	if records == nil && why == "" {
		var behind bool
		if found, behind = st.await(r.Context(), q.wait); behind {
			st.watching.resets.Add(1)
			records, why = st.anew(q), tooSlow
		}
	}
	if st.err != nil {
		st.w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	st.w.Header().Set("Content-Type", "application/json")
	st.extend()
	st.write([]byte(`{"version":"` + st.watching.version(st.cursor) + `"`))
	if why != "" {
		st.write([]byte(`,"reset":"` + why + `"`))
	}
	if records != nil {
		st.instances(records)
	}
	st.write([]byte(`,"changes":[`))
	for i, b := range found {
		if i > 0 {
			st.write([]byte{','})
		}
		st.extend()
		st.write(b)
	}
	st.write([]byte("]}"))
	if st.err != nil {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	st.watching.told.Add(uint64(len(found)))
}

// instances writes the records that are part of the view.
func (st *stream) instances(records iter.Seq[registry.Record]) {
	st.write([]byte(`,"instances":[`))
	var b []byte
	n := 0
	for rec := range records {
		if !st.view.Has(rec) {
			continue
		}
		if b = b[:0]; n > 0 {
			b = append(b, ',')
		}
		n++
		if b = st.record(b, rec); st.err != nil {
			return
		}
	}
	st.write([]byte("]"))
}

// await returns the changes after the cursor that concern the client, encoded, as soon as there are some; none after wait. It
// reports behind if they are gone.
func (st *stream) await(ctx context.Context, wait time.Duration) (found [][]byte, behind bool) {
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for {
		found, behind = st.gather()
		if behind || len(found) > 0 || st.err != nil {
			return found, behind
		}
		woken := st.reg.Feed().Next(st.cursor)
		if woken == nil {
			continue
		}
		select {
		case <-woken:
		case <-limit.C:
			return nil, false
		case <-st.phase.ended:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

// gather takes what there is, up to what fits into one answer; of the large ones, one.
func (st *stream) gather() (found [][]byte, behind bool) {
	var buf [watchTurn]registry.Change
	for size := 0; len(found) < pollChanges && size < pollBytes; {
		before := st.cursor
		news, err := st.next(buf[:])
		if err != nil {
			return nil, true
		}
		if st.cursor == before {
			break
		}
		for i := range news {
			need := weight(&news[i])
			if size > 0 && size+need > pollBytes {
				st.cursor = news[i].Seq - 1
				return found, false
			}
			if st.hold(size + need); st.err != nil {
				return nil, false
			}
			b := st.watching.events.Of(&news[i])
			found, size = append(found, b), size+len(b)
		}
	}
	return found, false
}
