package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// document answers the cached reads: apps, apps/delta, apps/{app}, vips and svips.
func (c *call) document(kind respcache.Kind) {
	f, ok := wire.NegotiateDocument(c.header("Accept"))
	if !ok {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
		return
	}
	if kind == respcache.Delta && c.cfg.DisableDelta {
		c.refuse(http.StatusForbidden, DeltaDisabled)
		return
	}
	version := ""
	if c.cfg.Version != nil {
		version = c.cfg.Version() // of now or earlier than the answer, so that whoever watches from there on misses nothing
	}
	a, err := c.b.Answer(c.query(kind, f))
	if err != nil {
		c.fail(err)
		return
	}
	if kind == respcache.Delta && c.cfg.DeltaReach != nil {
		c.w.Header().Set(wire.HeaderDeltaReach, strconv.FormatInt(int64(c.cfg.DeltaReach()/time.Second), 10))
	}
	if version != "" {
		c.w.Header()[wire.HeaderVersion] = []string{version}
	}
	c.answer(a)
}

// query makes a cache key of the request. Only the two registry-wide documents have regions and are compressed, and the
// latter whenever Accept-Encoding names gzip anywhere, whatever its q-value says (W-GZ-1, W-GZ-3).
func (c *call) query(kind respcache.Kind, f wire.Format) respcache.Query {
	q := respcache.Query{Kind: kind, Form: wire.Form{Format: f, Detail: wire.ParseDetail(c.header(wire.HeaderEurekaAccept))}}
	switch kind {
	case respcache.All, respcache.Delta:
		q.Regions = regions(c.Request.URL.RawQuery)
		q.Gzip = strings.Contains(c.header("Accept-Encoding"), "gzip")
	case respcache.App:
		q.Name = c.Route.App
	default:
		q.Name = c.Route.ID
	}
	return q
}

// readInstance serves GET apps/{app}/{id}, which no gate closes and no cache delays (W-INST-2).
func (c *call) readInstance() {
	f, ok := wire.NegotiateSingle(c.header("Accept"))
	if !ok {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
		return
	}
	in, lease, err := c.b.Instance(c.Route.Key())
	if err != nil {
		c.fail(err)
		return
	}
	c.single(f, in, lease)
}

// instanceByID serves GET instances/{id}.
func (c *call) instanceByID() {
	f, ok := wire.NegotiateSingle(c.header("Accept"))
	if !ok {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
		return
	}
	in, lease, err := c.b.InstanceByID(c.Route.ID)
	if err != nil {
		c.fail(err)
		return
	}
	c.single(f, in, lease)
}
