package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"heureka.internal/heureka"
)

// A Resource is one of the things that paths name.
type Resource uint8

// The resources. The zero value stands for paths that name nothing here.
const (
	NoResource           Resource = iota
	AppsResource                  // apps
	DeltaResource                 // apps/delta
	AppResource                   // apps/{app}
	InstanceResource              // apps/{app}/{id}
	StatusResource                // apps/{app}/{id}/status
	MetadataResource              // apps/{app}/{id}/metadata
	InstanceByIDResource          // instances/{id}
	VIPResource                   // vips/{vip}
	SecureVIPResource             // svips/{vip}
	ASGResource                   // asg/{name}/status
	BatchResource                 // peerreplication/batch
	DigestResource                // peerreplication/digest, for heureka nodes
	BucketsResource               // peerreplication/buckets, for heureka nodes
	HeardResource                 // peerreplication/heard, for heureka nodes
	StatusInfoResource            // status
	OverridesResource             // serverinfo/statusoverrides, without version
	HealthcheckResource           // healthcheck, without version
	ActuatorResource              // Spring's endpoints, beside the API
	MetricsResource               // numbers for Prometheus
	PageResource                  // a page for people
	OperationResource             // what operators ask of a node; ID is the path
	WatchResource                 // changes, as they happen
)

// A method is a set of HTTP methods; HEAD is GET here.
type method uint8

const (
	get method = 1 << iota
	post
	put
	del
)

func methodOf(name string) method {
	switch name {
	case http.MethodGet, http.MethodHead:
		return get
	case http.MethodPut:
		return put
	case http.MethodPost:
		return post
	case http.MethodDelete:
		return del
	}
	return 0
}

func (m method) has(one method) bool { return m&one != 0 }

// allow is the value of an Allow header.
func (m method) allow() string {
	var names []string
	for _, n := range []struct {
		m    method
		name string
	}{{get, "GET, HEAD"}, {post, "POST"}, {put, "PUT"}, {del, "DELETE"}} {
		if m.has(n.m) {
			names = append(names, n.name)
		}
	}
	return strings.Join(append(names, "OPTIONS"), ", ")
}

func (res Resource) methods() method {
	switch res {
	case AppResource:
		return get | post
	case InstanceResource:
		return get | put | del
	case StatusResource:
		return put | del
	case MetadataResource, ASGResource:
		return put
	case BatchResource, BucketsResource, HeardResource:
		return post
	case ActuatorResource:
		return get | post // which of its endpoints take a POST, these know
	}
	return get
}

// A Route is a parsed path.
type Route struct {
	Resource Resource
	App      string       // upper case; or the name of an actuator endpoint
	ID       string       // instance id, or VIP, or what stands below the endpoint
	handler  http.Handler // of what is beside the API
}

// Key returns the instance that the path names.
func (to *Route) Key() heureka.Key { return heureka.Key{App: to.App, ID: to.ID} }

// maxSegments is how many segments the longest resource has: apps/{app}/{id}/status.
const maxSegments = 4

// route parses the path of u, once for everything that has to know where a call goes. Nothing is ever redirected or
// cleaned (W-PATH-6).
// Slashes before the first one are left out, as the reference does: some clients join "http://host:8761/" and
// "/eureka".
func (a *API) route(u *url.URL) Route {
	if a.b != nil {
		if to, ok := a.within(u); ok {
			return to
		}
	}
	return a.beside(oneSlash(u.Path))
}

// oneSlash leaves one of the slashes that path begins with.
func oneSlash(path string) string {
	for strings.HasPrefix(path, "//") {
		path = path[1:]
	}
	return path
}

// beside finds what is not below the API's bases: health, metrics, pages.
func (a *API) beside(path string) Route {
	rest, below := strings.CutPrefix(path, a.cfg.Prefix)
	if !below {
		return Route{}
	}
	if a.cfg.Actuator != nil {
		if to, ok := a.cfg.Actuator.route(rest); ok {
			return to
		}
	}
	if a.cfg.Metrics != nil && rest == "/metrics" {
		return Route{Resource: MetricsResource, handler: a.cfg.Metrics}
	}
	if page := a.cfg.Pages[rest]; page != nil {
		return Route{Resource: PageResource, handler: page}
	}
	if a.cfg.Watch != nil && rest == WatchPath {
		return Route{Resource: WatchResource, handler: a.cfg.Watch}
	}
	if op := a.cfg.Operations[rest]; op != nil {
		return Route{Resource: OperationResource, ID: rest, handler: op}
	}
	return Route{}
}

// within parses a path of the API.
func (a *API) within(u *url.URL) (to Route, ok bool) {
	c := newCursor(u)
	for _, want := range a.prefix {
		if got, ok := c.next(); !ok || c.decode(got) != want {
			return to, false
		}
	}
	unversioned, ok := c.version()
	if !ok {
		return to, false
	}
	var seg [maxSegments]string
	n := 0
	for ; !c.done(); n++ {
		s, ok := c.next()
		if !ok || n == maxSegments {
			return to, false
		}
		seg[n] = s
	}
	return c.match(seg[:n], unversioned)
}

// match finds the resource that the segments after the version name. Fixed words are compared before decoding, and
// with their case (W-PATH-10); only apps/{app} has a word, delta, in the place of a name (W-PATH-13).
func (c *cursor) match(seg []string, unversioned bool) (to Route, ok bool) {
	switch len(seg) {
	case 1:
		to.Resource, ok = oneWord(seg[0], unversioned)
	case 2:
		return c.matchTwo(seg[0], seg[1], unversioned)
	case 3:
		if seg[0] == "asg" && seg[2] == "status" {
			return Route{Resource: ASGResource}, true
		}
		to, ok = c.named(InstanceResource, seg[1], seg[2]), seg[0] == "apps"
	case 4:
		to = c.named(StatusResource, seg[1], seg[2])
		if seg[3] == "metadata" {
			to.Resource = MetadataResource
		}
		ok = seg[0] == "apps" && (seg[3] == "status" || seg[3] == "metadata")
	}
	return to, ok
}

func oneWord(word string, unversioned bool) (Resource, bool) {
	switch word {
	case "apps":
		return AppsResource, true
	case "status":
		return StatusInfoResource, true
	case "healthcheck":
		return HealthcheckResource, unversioned
	}
	return 0, false
}

func (c *cursor) matchTwo(word, name string, unversioned bool) (Route, bool) {
	switch word {
	case "apps":
		if name == "delta" {
			return Route{Resource: DeltaResource}, true
		}
		return c.named(AppResource, name, ""), true
	case "instances":
		return c.named(InstanceByIDResource, "", name), true
	case "vips":
		return c.named(VIPResource, "", name), true
	case "svips":
		return c.named(SecureVIPResource, "", name), true
	case "peerreplication":
		return between(name)
	case "serverinfo":
		return Route{Resource: OverridesResource}, name == "statusoverrides" && unversioned
	}
	return Route{}, false
}

// between finds what nodes say to each other.
func between(name string) (Route, bool) {
	switch name {
	case "batch":
		return Route{Resource: BatchResource}, true
	case "digest":
		return Route{Resource: DigestResource}, true
	case "buckets":
		return Route{Resource: BucketsResource}, true
	case "heard":
		return Route{Resource: HeardResource}, true
	}
	return Route{}, false
}

func (c *cursor) named(res Resource, app, id string) Route {
	return Route{Resource: res, App: heureka.AppName(c.decode(app)), ID: c.decode(id)}
}

// A cursor goes through a path segment by segment.
type cursor struct {
	rest    string // begins with a slash, or is empty
	escaped bool   // segments still have their percent-escapes
}

// newCursor avoids decoding where it can: a URL without RawPath is one in which no slash, semicolon or letter was
// escaped, so that its decoded path splits into the same segments.
func newCursor(u *url.URL) cursor {
	if u.RawPath == "" {
		return cursor{rest: oneSlash(u.Path)}
	}
	path := u.RawPath // also with bytes that should have been escaped, for which EscapedPath would escape anew what it finds decoded
	if decoded, err := url.PathUnescape(path); err != nil || decoded != u.Path {
		path = u.EscapedPath() // somebody has changed Path alone
	}
	return cursor{rest: oneSlash(path), escaped: true}
}

// done reports whether nothing is left but, perhaps, one slash (W-PATH-5).
func (c *cursor) done() bool { return c.rest == "" || c.rest == "/" }

// next returns the next segment without its matrix parameters (W-PATH-9), still escaped. An empty one is no segment.
func (c *cursor) next() (seg string, ok bool) {
	if c.rest == "" || c.rest[0] != '/' {
		return "", false
	}
	seg, c.rest = c.rest[1:], ""
	if i := strings.IndexByte(seg, '/'); i >= 0 {
		seg, c.rest = seg[:i], seg[i:]
	}
	if i := strings.IndexByte(seg, ';'); i >= 0 {
		seg = seg[:i]
	}
	return seg, seg != ""
}

// version consumes eureka, eureka/v2 or v2 (W-PATH-1). Other versions are unknown words, hence 404 (W-PATH-3).
func (c *cursor) version() (unversioned, ok bool) {
	switch word, _ := c.next(); word {
	case "v2":
		return false, true
	case "eureka":
		after := *c
		if word, _ := after.next(); word == "v2" {
			*c = after
			return false, true
		}
		return true, true
	}
	return false, false
}

// decode returns the text of a segment (W-PATH-7). Bytes that are not UTF-8 become U+FFFD, as in Java.
func (c *cursor) decode(seg string) string {
	if c.escaped {
		// No error is possible: the cursor holds either what url.Parse accepted or what net/url escaped itself.
		seg, _ = url.PathUnescape(seg)
	}
	return validUTF8(seg)
}

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
