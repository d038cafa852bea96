package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

// requestTimeout bounds one request: a server that hangs is an error of the run, not its end.
const requestTimeout = 30 * time.Second

// A target is one server under load.
type target struct {
	cfg    Config
	base   string
	client *http.Client
	accept string

	ops, errs, bytes atomic.Int64
	lat              latencies // of all operations
	beats, polls     latencies // of a fleet's
	firstErr         atomic.Pointer[error]
}

func newTarget(cfg Config) *target {
	transport := outbound.Transport(&net.Dialer{Timeout: requestTimeout})
	transport.MaxIdleConnsPerHost = max(cfg.Workers, 256)
	transport.DisableCompression = true // sizes are measured as sent
	transport.TLSClientConfig = cfg.TLS
	return &target{
		cfg:    cfg,
		base:   strings.TrimSuffix(cfg.URL, "/") + "/",
		client: &http.Client{Transport: transport, Timeout: requestTimeout, CheckRedirect: stay},
		accept: "application/" + cfg.Format,
	}
}

// stay follows no redirect: load and credentials are for the server that was named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (t *target) close() { t.client.CloseIdleConnections() }

// do sends one request and reads its answer; any status outside 2xx is an error.
func (t *target) do(ctx context.Context, method, path string, body []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodGet {
		req.Header.Set("Accept", t.accept)
		if !t.cfg.Plain {
			req.Header.Set("Accept-Encoding", "gzip")
		}
	}
	if t.cfg.Show != nil {
		if err := t.cfg.Show(req.Header); err != nil {
			return 0, err
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = fmt.Errorf("%s %s: %w", method, path, ue.Err) // without the name in the URL
		}
		return 0, err
	}
	defer resp.Body.Close()
	got, err := readBody(resp.Body)
	switch {
	case err != nil:
	case resp.StatusCode/100 != 2:
		err = &heureka.StatusError{Op: method, URL: outbound.Hide(t.base + path), Code: resp.StatusCode}
	case method == http.MethodGet && t.cfg.Expect != nil:
		err = t.cfg.Expect.differs(got)
	}
	return got.Size, err
}

// count does one operation and takes note of it. Requests cut off by the end of the run do not count.
func (t *target) count(ctx context.Context, op func(context.Context) (int64, error)) {
	start := time.Now()
	n, err := op(ctx)
	if ctx.Err() != nil {
		return
	}
	t.record(time.Since(start), n, err)
}

func (t *target) record(d time.Duration, n int64, err error) {
	t.ops.Add(1)
	t.bytes.Add(n)
	t.lat.add(d)
	if err != nil {
		t.errs.Add(1)
		t.firstErr.CompareAndSwap(nil, &err)
	}
}

func (t *target) register(ctx context.Context, in *heureka.Instance) (int64, error) {
	return t.do(ctx, http.MethodPost, "apps/"+in.App, registrationBody(in))
}

func (t *target) heartbeat(ctx context.Context, in *heureka.Instance) (int64, error) {
	return t.do(ctx, http.MethodPut, fmt.Sprintf("%s?status=UP&lastDirtyTimestamp=%d", pathOf(in), in.LastDirtyMS), nil)
}

// flip changes the status of an instance, which every document shows.
func (t *target) flip(ctx context.Context, in *heureka.Instance, s heureka.Status) (int64, error) {
	return t.do(ctx, http.MethodPut, pathOf(in)+"/status?value="+s.String(), nil)
}

func pathOf(in *heureka.Instance) string { return "apps/" + in.App + "/" + url.PathEscape(in.ID) }

// fill registers the first n instances.
func (t *target) fill(ctx context.Context, n int) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range min(t.cfg.Workers, 8) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if _, err := t.register(ctx, instanceOf(i)); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// settleLimit is longer than servers keep changes in their deltas.
const settleLimit = 4 * time.Minute

// settle waits until the registrations that fill made have left the server's delta, as in a fleet that has been running
// for a while: its changes go on meanwhile. What is left after settleLimit is measured as it is.
func (t *target) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	var changing sync.WaitGroup
	defer changing.Wait()
	defer cancel()
	if t.cfg.Mode == Fleet {
		changing.Go(func() { t.change(ctx) })
		changing.Go(func() { t.fleet(ctx, false) })
	}
	full, err := t.do(ctx, http.MethodGet, "apps/", nil)
	if err != nil {
		return
	}
	for {
		delta, err := t.do(ctx, http.MethodGet, "apps/delta", nil)
		if err != nil || delta <= full/4+smallDelta {
			return
		}
		Sleep(ctx, time.Second)
	}
}

// smallDelta is not worth waiting for.
const smallDelta = 8 << 10
