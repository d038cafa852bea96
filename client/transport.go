package client

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
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
// Registries list instances that are gone for a while, and some that hang or fail. Three things keep that from callers:
//
//   - A request that could not be sent because no connection could be established is sent to another instance. A GET, HEAD or OPTIONS
//     is sent again after any failure to get an answer, within TryTimeout, and after 502, 503 and 504, as far as RetryBudget
//     goes. Bodies are sent again only if Request.GetBody can.
//   - An instance is left alone, for Avoid at first, then longer and longer: after a refused connection, after three
//     time-outs or five failures in a row, or if half of its calls fail. Of a service at most seven tenths are; connections
//     that are refused do not count. Then one request tries it again, if possible one that could be sent elsewhere.
//   - A refused connection, or a service without instances, makes the client refresh its registry soon.
//
// Transport starts no goroutine and needs no closing.
type Transport struct {
	Client *Client
	// Base does the exchanges. Nil: a transport with short time-outs for connecting, 2 s.
	Base http.RoundTripper
	// Balancer chooses instances. Nil: the client's.
	Balancer Balancer
	// IsService says whether a host is the name of a service; other requests go to Base as they are. Nil: names without
	// dot or port, except localhost.
	IsService func(host string) bool
	// Retries is how many other instances are tried: 2; negative: none.
	Retries int
	// TryTimeout is how long an instance may take to begin its answer: 10 s; negative: for ever. An instance that timed
	// out last gets half of the time that its caller has left.
	TryTimeout time.Duration
	// RetryBudget is how many requests are sent again, in proportion to all, because of time-outs, broken connections and
	// statuses: 0.2, with 50 to begin with, so that retries do not bring down what is slow; negative: none.
	RetryBudget float64
	// Failed says which answers count as failures, and are worth another try. Nil: 502, 503 and 504.
	Failed func(*http.Response) bool
	// Avoid is how long an instance that does not work is left alone at first: 10 s; negative: not at all.
	Avoid time.Duration
	// KeepHost leaves the Host header as it is. Otherwise it names the instance.
	KeepHost bool
	// UseIP connects to the ipAddr of instances, for registries with host names that cannot be resolved. With https
	// the certificates must be for addresses then.
	UseIP bool
	// Hooks are called on what happens.
	Hooks TransportHooks

	once    sync.Once
	own     http.RoundTripper
	ejector ejector
	budget  budget
	lists   memo[[]*heureka.Instance] // those that come into question now
	counts  transportCounts
}

const (
	secureScheme = "https"
	plainScheme  = "http"
)

// CloseIdleConnections closes those of Base.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// base has short time-outs for connecting, because the registry lists instances that are gone.
func (t *Transport) base() http.RoundTripper {
	t.once.Do(func() {
		t.ejector.base = t.Avoid
		t.budget.ratio = cmp.Or(t.RetryBudget, 0.2)
		if t.own = t.Base; t.own != nil {
			return
		}
		own := outbound.Transport(&net.Dialer{Timeout: 2 * time.Second})
		own.Proxy, own.ForceAttemptHTTP2 = http.ProxyFromEnvironment, true
		own.MaxIdleConns, own.MaxIdleConnsPerHost = 200, 50
		own.TLSHandshakeTimeout = 5 * time.Second
		t.own = own
	})
	return t.own
}

const defaultAvoid = 10 * time.Second

func (t *Transport) retries() int { return max(cmp.Or(t.Retries, 2), 0) }

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

// pick chooses an instance that was not tried.
func (t *Transport) pick(req *http.Request, tried []*heureka.Instance) (Picked, error) {
	sv, secure := t.find(req.URL), req.URL.Scheme == secureScheme
	if len(sv.instances) == 0 {
		t.Client.hint()
	}
	list := t.usable(sv, secure)
	if len(tried) > 0 {
		list = t.untried(list, sv, secure, tried)
	} else if t.ejector.watched.Load() > 0 {
		if in := t.ejector.probe(fitting(sv.instances, secure), repeatable(req) && len(list) > 0, time.Now()); in != nil {
			return Picked{Instance: in}, nil
		}
	}
	if len(list) == 0 {
		return Picked{}, t.Client.Snapshot().noInstance(req.URL.Scheme + "://" + req.URL.Host)
	}
	balancer := t.Balancer
	if balancer == nil {
		balancer = t.Client.balancer
	}
	p := balancer.Pick(PickInfo{Context: req.Context(), Service: sv.name, Request: req, Instances: list})
	if p.Instance == nil {
		return p, fmt.Errorf("%s://%s: %w: none fits", req.URL.Scheme, req.URL.Host, ErrNoInstance)
	}
	return p, nil
}

// usable returns the instances that may be called now. Usually none is avoided, and it is the registry's own list.
func (t *Transport) usable(sv *service, secure bool) []*heureka.Instance {
	if !secure && t.ejector.watched.Load() == 0 {
		return sv.instances
	}
	version := t.ejector.version.Load() << 1
	if secure {
		version |= 1
	}
	list, ok := t.lists.look(sv.name, sv.instances, version)
	if !ok {
		list = t.lists.keep(sv.name, sv.instances, version, t.ejector.good(fitting(sv.instances, secure)))
	}
	return list
}

// fitting returns the instances that can be called in this way.
func fitting(list []*heureka.Instance, secure bool) []*heureka.Instance {
	if !secure {
		return list
	}
	return filter(list, func(in *heureka.Instance) bool { return in.SecurePort.Enabled })
}

// untried leaves out those that were tried; ejected ones come into question only if there is no other.
func (t *Transport) untried(good []*heureka.Instance, sv *service, secure bool, tried []*heureka.Instance) []*heureka.Instance {
	fresh := func(in *heureka.Instance) bool { return !slices.Contains(tried, in) }
	if list := filter(good, fresh); len(list) > 0 {
		return list
	}
	return filter(fitting(sv.instances, secure), fresh)
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

// redirect returns a copy of req that goes to in. The headers are shared with req: no RoundTripper may change them.
func (t *Transport) redirect(ctx context.Context, req *http.Request, in *heureka.Instance, again bool) (*http.Request, error) {
	scheme, port := endpoint(in, req.URL.Scheme == secureScheme)
	u := *req.URL
	u.Scheme = scheme
	host := in.HostName
	if t.UseIP && in.IPAddr != "" {
		host = in.IPAddr
	}
	u.Host = hostPort(host, port)
	out := req.WithContext(ctx)
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
