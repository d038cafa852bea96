package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

// Transport is an http.RoundTripper for services: a request to http://ORDERS/path goes to an instance of ORDERS. Client is
// required, the zero value of all else works; it must not be copied or changed after first use.
//
//	web := &http.Client{Transport: &client.Transport{Client: c}}
//	resp, err := web.Get("http://ORDERS/orders/7")
//
// The name is looked up as a VIP address and then as an application. https takes only instances with a secure port, and
// looks for a secure VIP address; http takes the port that is enabled, with TLS if that is the secure one alone (G-HT-2).
//
// Registries list instances that are gone for a while. A request that could not be sent because no connection came about
// is sent to another instance, and the one that failed is avoided for some time; a GET, HEAD or OPTIONS is sent again
// after any failure to get an answer. Bodies are sent again only if Request.GetBody can. Answers are never retried,
// whatever their status. Transport starts no goroutine and needs no closing.
type Transport struct {
	Client *Client
	// Base does the exchanges. Nil: a transport with short time-outs for connecting, 2 s.
	Base http.RoundTripper
	// Balancer chooses instances. Nil: the client's.
	Balancer Balancer
	// IsService says whether a host is the name of a service; other requests go to Base as they are. Nil: names without
	// dot or port, except localhost.
	IsService func(host string) bool
	// Retries is how many other instances are tried: 1; negative: none.
	Retries int
	// Avoid is how long an instance to which no connection came about is left alone if there are others: 10 s;
	// negative: not at all.
	Avoid time.Duration
	// KeepHost leaves the Host header as it is. Otherwise it names the instance.
	KeepHost bool
	// UseIP connects to the ipAddr of instances, for registries with host names that cannot be resolved. With https
	// the certificates must be for addresses then.
	UseIP bool

	ownOnce sync.Once
	own     http.RoundTripper

	avoiding atomic.Int32 // len(avoided), to be read without the lock
	mu       sync.Mutex
	avoided  map[heureka.Key]time.Time // until when
}

const (
	secureScheme = "https"
	plainScheme  = "http"
)

// RoundTrip sends req to an instance of the service that its host names. The error matches ErrNoInstance if there is none.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.concerns(req.URL) {
		return t.base().RoundTrip(req)
	}
	var tried []*heureka.Instance
	for {
		in, err := t.pick(req.URL, tried)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		out, err := t.redirect(req, in, len(tried) > 0)
		if err != nil {
			return nil, err
		}
		resp, err := t.base().RoundTrip(out)
		if err == nil {
			return resp, nil
		}
		tried = append(tried, in)
		if noConnection(err) && req.Context().Err() == nil {
			t.avoid(in.Key())
		}
		if len(tried) > t.retries() || !mayRepeat(req, err) || !t.hasOther(req.URL, tried) {
			return nil, err
		}
	}
}

// CloseIdleConnections closes those of Base.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// base has short time-outs for connecting, because the registry lists instances that are gone.
func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	t.ownOnce.Do(func() {
		own := outbound.Transport(&net.Dialer{Timeout: 2 * time.Second})
		own.Proxy, own.ForceAttemptHTTP2 = http.ProxyFromEnvironment, true
		own.MaxIdleConns, own.MaxIdleConnsPerHost = 200, 50
		own.TLSHandshakeTimeout = 5 * time.Second
		t.own = own
	})
	return t.own
}

func (t *Transport) retries() int { return max(cmp.Or(t.Retries, 1), 0) }

// concerns reports whether a request is for a service.
func (t *Transport) concerns(u *url.URL) bool {
	if u.Scheme != plainScheme && u.Scheme != secureScheme {
		return false
	}
	if t.IsService != nil {
		return t.IsService(u.Host)
	}
	return isServiceName(u.Host)
}

// isServiceName: addresses have dots or colons, too.
func isServiceName(host string) bool {
	return host != "" && !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost")
}

// pick chooses an instance that was not tried. Avoided ones come into question only if there is no other.
func (t *Transport) pick(u *url.URL, tried []*heureka.Instance) (*heureka.Instance, error) {
	sv := t.find(u)
	secure := u.Scheme == secureScheme
	balancer := t.Balancer
	if balancer == nil {
		balancer = t.Client.balancer
	}
	if len(tried) == 0 && !secure && t.avoiding.Load() == 0 && len(sv.instances) > 0 {
		return balancer.Pick(sv.name, sv.instances), nil
	}
	fit, good := borrow(), borrow()
	defer fit.giveBack()
	defer good.giveBack()
	for _, in := range sv.instances {
		if (!secure || in.SecurePort.Enabled) && !slices.Contains(tried, in) {
			fit.list = append(fit.list, in)
		}
	}
	t.dropAvoided(good, fit.list)
	switch {
	case len(good.list) > 0:
		return balancer.Pick(sv.name, good.list), nil
	case len(fit.list) > 0:
		return balancer.Pick(sv.name, fit.list), nil
	}
	return nil, t.Client.Snapshot().noInstance(u.Scheme + "://" + u.Host)
}

// hasOther reports whether a retry has anywhere to go; otherwise the caller gets the error that there is.
func (t *Transport) hasOther(u *url.URL, tried []*heureka.Instance) bool {
	secure := u.Scheme == secureScheme
	for _, in := range t.find(u).instances {
		if (!secure || in.SecurePort.Enabled) && !slices.Contains(tried, in) {
			return true
		}
	}
	return false
}

// find looks for a VIP address of that name, as Spring does, then for an application.
func (t *Transport) find(u *url.URL) *service {
	s := t.Client.Snapshot()
	x := &s.vips
	if u.Scheme == secureScheme {
		x = &s.svips
	}
	if v, ok := x.get(u.Host); ok {
		return v
	}
	return s.service(Service{App: u.Host})
}

// avoid remembers an instance that cannot be connected to.
func (t *Transport) avoid(key heureka.Key) {
	d := cmp.Or(t.Avoid, 10*time.Second)
	if d < 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.avoided == nil {
		t.avoided = make(map[heureka.Key]time.Time)
	}
	t.avoided[key] = time.Now().Add(d)
	t.avoiding.Store(int32(len(t.avoided)))
}

// dropAvoided copies the instances that are not avoided. In good times, nobody is, and no lock is taken.
func (t *Transport) dropAvoided(good *scratch, list []*heureka.Instance) {
	if t.avoiding.Load() == 0 {
		good.list = append(good.list, list...)
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, until := range t.avoided {
		if !now.Before(until) {
			delete(t.avoided, key)
		}
	}
	t.avoiding.Store(int32(len(t.avoided)))
	for _, in := range list {
		if _, bad := t.avoided[in.Key()]; !bad {
			good.list = append(good.list, in)
		}
	}
}

// redirect returns a copy of req that goes to in. The headers are shared with req: no RoundTripper may change them.
func (t *Transport) redirect(req *http.Request, in *heureka.Instance, again bool) (*http.Request, error) {
	scheme, port := endpoint(in, req.URL.Scheme == secureScheme)
	u := *req.URL
	u.Scheme = scheme
	host := in.HostName
	if t.UseIP && in.IPAddr != "" {
		host = in.IPAddr
	}
	u.Host = hostPort(host, port)
	out := req.WithContext(req.Context())
	out.URL = &u
	switch {
	case t.KeepHost:
		out.Host = cmp.Or(req.Host, req.URL.Host)
	case host != in.HostName:
		out.Host = hostPort(in.HostName, port)
	default:
		out.Host = u.Host
	}
	if again && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("send the body again: %w", err)
		}
		out.Body = body
	}
	return out, nil
}

// endpoint returns scheme and port to call an instance at.
func endpoint(in *heureka.Instance, secure bool) (scheme string, port int) {
	if in.SecurePort.Enabled && (secure || !in.Port.Enabled) {
		return secureScheme, in.SecurePort.Number
	}
	return plainScheme, in.Port.Number
}

// URL returns where an instance is to be called: https and its secure port if that is enabled, else http (C-VP-5).
func URL(in *heureka.Instance) *url.URL {
	scheme, port := endpoint(in, true)
	return &url.URL{Scheme: scheme, Host: hostPort(in.HostName, port)}
}

// hostPort is net.JoinHostPort with one allocation.
func hostPort(host string, port int) string {
	var buf [80]byte
	b := append(buf[:0], host...)
	if strings.Contains(host, ":") {
		b = append(append(append(buf[:0], '['), host...), ']')
	}
	return string(strconv.AppendInt(append(b, ':'), int64(port), 10))
}

// closeBody is what RoundTrip owes for a request that it does not send.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// noConnection reports whether err says that no connection came about, so that nothing of the request was sent.
func noConnection(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// mayRepeat reports whether a request that failed with err can be sent once more without being done twice.
func mayRepeat(req *http.Request, err error) bool {
	if req.Context().Err() != nil || errors.Is(err, context.Canceled) {
		return false
	}
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return noConnection(err)
}
