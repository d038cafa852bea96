package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// A Query says which registry to fetch.
type Query struct {
	Regions []string // remote regions to include; sent in sorted order, so that servers see one spelling
	// IfNoneMatch is the ETag of a document that the caller still has; "" asks unconditionally.
	IfNoneMatch string
}

// A Document is an answer with instances.
type Document struct {
	Apps        *heureka.Applications // nil if NotModified
	NotModified bool                  // the server still has what IfNoneMatch names
	ETag        string                // "" from servers without them
	Date        time.Time             // the server's clock; zero if it sent none
	Reach       time.Duration         // how far a delta reaches back; NoReach if the server does not say
	Header      http.Header
	Bytes       int // size of the body, decompressed
}

// NoReach is the Reach of documents that are no deltas, and of servers that do not say.
const NoReach time.Duration = -1

// Apps fetches the whole registry.
func (c *Conn) Apps(ctx context.Context, q Query) (*Document, error) {
	return c.document(ctx, op{verb: "fetch registry"}, "apps/", q)
}

// Delta fetches what changed lately. A *heureka.StatusError with 403 or 404 says that the server offers no deltas
// (W-GOCLI-7).
func (c *Conn) Delta(ctx context.Context, q Query) (*Document, error) {
	return c.document(ctx, op{verb: "fetch delta"}, "apps/delta", q)
}

// VIP fetches the instances with this VIP address; none is no error. SVIP does so for secure VIP addresses.
func (c *Conn) VIP(ctx context.Context, vip string, q Query) (*Document, error) {
	return c.document(ctx, op{verb: "fetch VIP", subject: vip}, "vips/"+url.PathEscape(vip), q)
}

// SVIP fetches the instances with this secure VIP address; none is no error.
func (c *Conn) SVIP(ctx context.Context, vip string, q Query) (*Document, error) {
	return c.document(ctx, op{verb: "fetch secure VIP", subject: vip}, "svips/"+url.PathEscape(vip), q)
}

// Application fetches one application; heureka.ErrNotFound if it has no instance.
func (c *Conn) Application(ctx context.Context, app string) (*heureka.Application, error) {
	op := op{verb: "fetch application", subject: app}
	return fetch(ctx, c, op, "apps/"+url.PathEscape(app), wire.DecodeApplication)
}

// Instance fetches one instance as the server has it now.
func (c *Conn) Instance(ctx context.Context, key heureka.Key) (*heureka.Instance, error) {
	path := "apps/" + url.PathEscape(key.App) + "/" + url.PathEscape(key.ID)
	return fetch(ctx, c, opOf("fetch", key), path, wire.DecodeSingle)
}

// InstanceByID fetches the instance with this id from any application; which one, if several have it, is the server's
// choice.
func (c *Conn) InstanceByID(ctx context.Context, id string) (*heureka.Instance, error) {
	return fetch(ctx, c, op{verb: "fetch", subject: id}, "instances/"+url.PathEscape(id), wire.DecodeSingle)
}

// document fetches a document of applications. These are the large ones, whose buffers come from a pool.
func (c *Conn) document(ctx context.Context, op op, path string, q Query) (*Document, error) {
	req := Request{Method: http.MethodGet, Path: path, Query: regionQuery(q.Regions), Limit: c.cfg.MaxRegistryBytes, Pooled: true}
	if q.IfNoneMatch != "" {
		req.Header = http.Header{"If-None-Match": {q.IfNoneMatch}}
	}
	reply, err := c.exchange(ctx, op, req)
	if err != nil {
		return nil, err
	}
	defer reply.Release()
	doc := &Document{
		ETag:   reply.Header.Get("ETag"),
		Date:   reply.Date(),
		Reach:  reach(reply.Header),
		Header: reply.Header,
		Bytes:  len(reply.Body),
	}
	if reply.Status == http.StatusNotModified {
		doc.NotModified = true
		return doc, nil
	}
	doc.Apps, err = decode(c, reply, wire.DecodeApplications)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return doc, nil
}

// reach reads wire.HeaderDeltaReach.
func reach(h http.Header) time.Duration {
	secs, err := strconv.ParseUint(h.Get(wire.HeaderDeltaReach), 10, 31)
	if err != nil {
		return NoReach
	}
	return time.Duration(secs) * time.Second
}

// regionQuery keeps commas as they are, as Java clients do.
func regionQuery(regions []string) string {
	if len(regions) == 0 {
		return ""
	}
	escaped := make([]string, 0, len(regions))
	for _, r := range slices.Sorted(slices.Values(regions)) {
		escaped = append(escaped, url.QueryEscape(r))
	}
	return "regions=" + strings.Join(escaped, ",")
}

// fetch gets anything else.
func fetch[T any](ctx context.Context, c *Conn, op op, path string, read func(wire.Format, []byte) (T, error)) (T, error) {
	var zero T
	reply, err := c.exchange(ctx, op, Request{Method: http.MethodGet, Path: path})
	if err != nil {
		return zero, err
	}
	v, err := decode(c, reply, read)
	if err != nil {
		return zero, fmt.Errorf("%s: %w", op, err)
	}
	return v, nil
}

// decode looks at the body rather than at its label, because servers mislabel (W-NEG-4); only HTML is believed, as it
// begins like XML.
func decode[T any](c *Conn, reply *Reply, read func(wire.Format, []byte) (T, error)) (T, error) {
	var zero T
	format, err := c.format(reply)
	if err != nil {
		return zero, err
	}
	v, err := read(format, reply.Body)
	if err != nil {
		return zero, c.undecodable(reply, err)
	}
	return v, nil
}

// format finds out what a body is.
func (c *Conn) format(reply *Reply) (wire.Format, error) {
	body := bytes.TrimLeft(bytes.TrimPrefix(reply.Body, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(body) == 0:
		return 0, fmt.Errorf("%s: %w", c.shown, ErrEmpty)
	case reply.isHTML() || body[0] != '{' && body[0] != '<':
		return 0, fmt.Errorf("%s answered %s, %w", c.shown, reply.mediaType(), ErrNotEureka)
	case body[0] == '{':
		return wire.JSON, nil
	}
	return wire.XML, nil
}

// undecodable tells a cut-off or broken document from a page that is none at all.
func (c *Conn) undecodable(reply *Reply, err error) error {
	if reply.isHTML() {
		err = errors.Join(err, ErrNotEureka)
	}
	return fmt.Errorf("%s answered an unreadable %s: %w", c.shown, reply.mediaType(), err)
}
