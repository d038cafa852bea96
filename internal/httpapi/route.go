package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"heureka.internal/heureka"
)

// A resource is one of the things that paths name.
type resource uint8

const (
	appsResource         resource = iota // apps
	deltaResource                        // apps/delta
	appResource                          // apps/{app}
	instanceResource                     // apps/{app}/{id}
	statusResource                       // apps/{app}/{id}/status
	metadataResource                     // apps/{app}/{id}/metadata
	instanceByIDResource                 // instances/{id}
	vipResource                          // vips/{vip}
	svipResource                         // svips/{vip}
	asgResource                          // asg/{name}/status
	batchResource                        // peerreplication/batch
	statusInfoResource                   // status
	overridesResource                    // serverinfo/statusoverrides, without version
	healthcheckResource                  // healthcheck, without version
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

func (res resource) methods() method {
	switch res {
	case appResource:
		return get | post
	case instanceResource:
		return get | put | del
	case statusResource:
		return put | del
	case metadataResource, asgResource:
		return put
	case batchResource:
		return post
	}
	return get
}

// A route is a parsed path.
type route struct {
	res resource
	app string // upper case
	id  string // instance id, or VIP
}

func (to *route) key() heureka.Key { return heureka.Key{App: to.app, ID: to.id} }

// maxSegments is how many segments the longest resource has: apps/{app}/{id}/status.
const maxSegments = 4

// route parses the path of u. Nothing is ever redirected or cleaned (W-PATH-6).
func (a *api) route(u *url.URL) (to route, ok bool) {
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
func (c *cursor) match(seg []string, unversioned bool) (to route, ok bool) {
	switch len(seg) {
	case 1:
		to.res, ok = oneWord(seg[0], unversioned)
	case 2:
		return c.matchTwo(seg[0], seg[1], unversioned)
	case 3:
		if seg[0] == "asg" && seg[2] == "status" {
			return route{res: asgResource}, true
		}
		to, ok = c.named(instanceResource, seg[1], seg[2]), seg[0] == "apps"
	case 4:
		to = c.named(statusResource, seg[1], seg[2])
		if seg[3] == "metadata" {
			to.res = metadataResource
		}
		ok = seg[0] == "apps" && (seg[3] == "status" || seg[3] == "metadata")
	}
	return to, ok
}

func oneWord(word string, unversioned bool) (resource, bool) {
	switch word {
	case "apps":
		return appsResource, true
	case "status":
		return statusInfoResource, true
	case "healthcheck":
		return healthcheckResource, unversioned
	}
	return 0, false
}

func (c *cursor) matchTwo(word, name string, unversioned bool) (route, bool) {
	switch word {
	case "apps":
		if name == "delta" {
			return route{res: deltaResource}, true
		}
		return c.named(appResource, name, ""), true
	case "instances":
		return c.named(instanceByIDResource, "", name), true
	case "vips":
		return c.named(vipResource, "", name), true
	case "svips":
		return c.named(svipResource, "", name), true
	case "peerreplication":
		return route{res: batchResource}, name == "batch"
	case "serverinfo":
		return route{res: overridesResource}, name == "statusoverrides" && unversioned
	}
	return route{}, false
}

func (c *cursor) named(res resource, app, id string) route {
	return route{res: res, app: heureka.AppName(c.decode(app)), id: c.decode(id)}
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
		return cursor{rest: u.Path}
	}
	return cursor{rest: u.EscapedPath(), escaped: true}
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
