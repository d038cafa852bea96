package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// A Renewal is what a heartbeat tells about its instance (C-HB-1, C-HB-2).
type Renewal struct {
	Status      heureka.Status
	DirtyMS     int64          // lastDirtyTimestamp; 0 is not sent
	Override    heureka.Status // sent only if HasOverride, which only replicating servers do
	HasOverride bool
}

// Register stores in, replacing what the server has under the same key. Any 2xx is success (W-GOCLI-2).
func (c *Conn) Register(ctx context.Context, in *heureka.Instance) error {
	op := opOf("register", in.Key())
	if in.App == "" {
		return fmt.Errorf("%s: instance without an application name", op)
	}
	_, err := c.exchange(ctx, op, Request{
		Method: http.MethodPost,
		Path:   "apps/" + url.PathEscape(in.App),
		Body:   wire.AppendRegistration(nil, in),
		unread: true,
	})
	return err
}

// Renew sends a heartbeat. An error that matches heureka.ErrNotFound asks for a registration (C-HB-3); bodies do not
// count, whatever they are (W-GOCLI-3).
func (c *Conn) Renew(ctx context.Context, key heureka.Key, renewal Renewal) error {
	var q query
	q.add("status", renewal.Status.String())
	q.addMS("lastDirtyTimestamp", renewal.DirtyMS)
	if renewal.HasOverride {
		q.add("overriddenstatus", renewal.Override.String())
	}
	return c.onKey(ctx, "renew", http.MethodPut, key, "", q)
}

// Cancel removes an instance.
func (c *Conn) Cancel(ctx context.Context, key heureka.Key) error {
	return c.onKey(ctx, "cancel", http.MethodDelete, key, "", query{})
}

// SetOverride sets an override, which outranks the instance's own status until it is cleared (C-HC-5). A dirtyMS of 0 is
// not sent.
func (c *Conn) SetOverride(ctx context.Context, key heureka.Key, s heureka.Status, dirtyMS int64) error {
	var q query
	q.add("value", s.String())
	q.addMS("lastDirtyTimestamp", dirtyMS)
	return c.onKey(ctx, "set status of", http.MethodPut, key, "/status", q)
}

// ClearOverride removes an override; the instance is shown as s until its next registration. StatusUnknown is not sent:
// the server takes its absence for the same (W-STAT-8). Nor is a dirtyMS of 0.
func (c *Conn) ClearOverride(ctx context.Context, key heureka.Key, s heureka.Status, dirtyMS int64) error {
	var q query
	if s != heureka.StatusUnknown {
		q.add("value", s.String())
	}
	q.addMS("lastDirtyTimestamp", dirtyMS)
	return c.onKey(ctx, "clear status of", http.MethodDelete, key, "/status", q)
}

// SetMetadata adds or replaces metadata on the server only; the instance's next registration overwrites all of it
// (W-META-4).
func (c *Conn) SetMetadata(ctx context.Context, key heureka.Key, entries []heureka.MetadataEntry) error {
	var q query
	for _, e := range entries {
		q.add(e.Key, e.Value)
	}
	return c.onKey(ctx, "set metadata of", http.MethodPut, key, "/metadata", q)
}

// Batch replicates items in one request and returns their results in the same order. header is sent in addition and may
// be nil; the header of the answer is returned with every answer that came, errors included, and is nil otherwise.
func (c *Conn) Batch(ctx context.Context, items []wire.ReplicationItem, header http.Header) (
	[]wire.ReplicationResult, http.Header, error,
) {
	op := op{verb: "replicate to", subject: c.Host()}
	reply, err := c.exchange(ctx, op, Request{
		Method: http.MethodPost,
		Path:   "peerreplication/batch/",
		Header: header,
		Body:   wire.AppendBatch(nil, items),
	})
	if err != nil {
		return nil, reply.Header, err
	}
	results, err := wire.DecodeBatchResult(reply.Body, len(items))
	if err != nil {
		return nil, reply.Header, fmt.Errorf("%s: %w", op, c.undecodable(reply, err))
	}
	if len(results) != len(items) { // such a reply says nothing about any item (W-REPL-12)
		return nil, reply.Header, fmt.Errorf("%s: %d results for %d items", op, len(results), len(items))
	}
	return results, reply.Header, nil
}

var errNoKey = errors.New("application name and instance id must not be empty")

// onKey sends a request without a body to an instance, or to something below it.
func (c *Conn) onKey(ctx context.Context, verb, method string, key heureka.Key, suffix string, q query) error {
	op := opOf(verb, key)
	if key.App == "" || key.ID == "" {
		return fmt.Errorf("%s: %w", op, errNoKey)
	}
	_, err := c.exchange(ctx, op, Request{
		Method: method,
		Path:   "apps/" + url.PathEscape(key.App) + "/" + url.PathEscape(key.ID) + suffix,
		Query:  q.String(),
		unread: true,
	})
	return err
}

// An op names an operation in errors; the text is put together only when one is needed.
type op struct {
	verb    string
	key     heureka.Key
	subject string // instead of key
}

func opOf(verb string, key heureka.Key) op { return op{verb: verb, key: key} }

func (o op) String() string {
	if o.subject != "" || o.key == (heureka.Key{}) {
		return strings.TrimSuffix(o.verb+" "+o.subject, " ")
	}
	return o.verb + " " + o.key.String()
}

// A query keeps its parameters in the order in which they are added, which is that of the Java client, so that logs and
// caches of both look alike. url.Values would sort them.
type query struct{ b strings.Builder }

func (q *query) add(key, value string) {
	if q.b.Len() > 0 {
		q.b.WriteByte('&')
	}
	q.b.WriteString(url.QueryEscape(key))
	q.b.WriteByte('=')
	q.b.WriteString(url.QueryEscape(value))
}

func (q *query) addMS(key string, ms int64) {
	if ms != 0 {
		q.add(key, strconv.FormatInt(ms, 10))
	}
}

func (q *query) String() string { return q.b.String() }
