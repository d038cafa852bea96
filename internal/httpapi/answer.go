package httpapi

import (
	"errors"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// Header values that never change, shared by all answers so that setting them costs no allocation. Nobody may write to
// them; appending copies.
var (
	lengthZero   = []string{"0"}
	typeJSON     = []string{"application/json"}
	typeXML      = []string{"application/xml"}
	typeText     = []string{"text/plain; charset=utf-8"}
	noSniff      = []string{"nosniff"}
	codingGzip   = []string{"gzip"}
	varyDocument = []string{"Accept, Accept-Encoding, " + wire.HeaderEurekaAccept}
	varySingle   = []string{"Accept"}
)

func mediaType(f wire.Format) []string {
	if f == wire.JSON {
		return typeJSON
	}
	return typeXML
}

// header returns all values of a request header as one, as if they had been sent in one line. key is in canonical form.
func (c *call) header(key string) string {
	switch v := c.Request.Header[key]; len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	default:
		return strings.Join(v, ", ")
	}
}

// ok is the 200 of a write.
func (c *call) ok() { c.success(http.StatusOK) }

// success answers a write; net/http adds the Content-Length of zero. There must be no body: clients would decode it
// (W-RENEW-3). Some clients on aiohttp look at the type all the same (W-ERR-8).
func (c *call) success(status int) {
	if accept := c.header("Accept"); accept != "" {
		if f, ok := wire.NegotiateSingle(accept); ok {
			c.w.Header()["Content-Type"] = mediaType(f)
		}
	}
	c.writeHeader(status)
}

// empty answers with no body, which is part of the protocol: clients that find one in an error answer try to decode it
// and do not recover (W-ERR-1, W-ERR-3).
func (c *call) empty(status int) {
	c.w.Header()["Content-Length"] = lengthZero
	c.writeHeader(status)
}

// refuse answers with no body, and why in the header.
func (c *call) refuse(status int, why Reason) {
	c.w.reason = why
	c.empty(status)
}

// because gives the refusal that follows its reason in full: the detail goes into the header, and of a registration into
// the log.
func (c *call) because(why Reason, detail string) {
	c.w.reason, c.w.detail = why, detail
	if c.Route.Resource == AppResource {
		c.cfg.RegistrationRefused(c.Request, c.Route.App, why.String()+": "+printable(detail))
	}
}

// bad answers 400 and says in one line what is wrong.
func (c *call) bad(why string) {
	c.w.reason = BadParameter
	h := c.w.Header()
	h["Content-Type"] = typeText
	h["X-Content-Type-Options"] = noSniff
	c.body(http.StatusBadRequest, []byte(why+"\n"))
}

// body answers with b; the type is already set.
func (c *call) body(status int, b []byte) {
	Write(&c.w, c.Request, status, b)
}

func (c *call) writeHeader(status int) { c.w.WriteHeader(status) }

// fail answers with the status that err stands for.
func (c *call) fail(err error) {
	switch {
	case errors.Is(err, heureka.ErrNotFound):
		c.refuse(http.StatusNotFound, NotRegistered)
	case errors.Is(err, heureka.ErrNotReady):
		c.notReady()
	case errors.Is(err, respcache.ErrNoRoom):
		c.refuse(http.StatusServiceUnavailable, Busy)
	default:
		if newer, ok := errors.AsType[*registry.NewerError](err); ok {
			c.conflict(newer)
			return
		}
		if errors.Is(err, registry.ErrFull) {
			c.because(Full, "no new instances at the moment")
			c.empty(http.StatusServiceUnavailable)
			return
		}
		if limit, ok := errors.AsType[wire.LimitError](err); ok {
			c.because(OverLimit, limit.Error())
			c.empty(http.StatusBadRequest)
			return
		}
		c.cfg.ErrorLog(c.Request, err)
		c.refuse(http.StatusInternalServerError, Failed)
	}
}

// done answers a write: 200 without a body, or what err stands for.
func (c *call) done(err error) {
	if err != nil {
		c.fail(err)
		return
	}
	c.ok()
}

// notReady is the gate (W-GATE-1). 503 tells clients to try another server; 403 is what the reference says. There is no
// Retry-After: Spring's newer HTTP client sleeps for as long as it says, longer than its refresh may take, and then
// doubles the interval between refreshes.
func (c *call) notReady() {
	c.refuse(c.cfg.NotReadyStatus, NotReady)
}

// conflict sends a peer the newer record (W-RENEW-1 step 8).
func (c *call) conflict(newer *registry.NewerError) {
	if !c.holdAnswer(newer.Record.Weight()) {
		c.refuse(http.StatusServiceUnavailable, Busy)
		return
	}
	c.w.reason = NewerRecord
	f, _ := wire.NegotiateSingle(c.header("Accept"))
	c.w.Header()["Content-Type"] = mediaType(f)
	b := buffers.take()
	defer buffers.give(b)
	in, lease := newer.Record.Shown()
	b.B = f.AppendSingle(b.B, in, lease)
	c.body(http.StatusConflict, b.B)
}

// single answers with the document of one instance.
func (c *call) single(f wire.Format, in *heureka.Instance, lease heureka.LeaseInfo) {
	if !c.holdAnswer(wire.Size(in)) {
		c.refuse(http.StatusServiceUnavailable, Busy)
		return
	}
	b := buffers.take()
	defer buffers.give(b)
	b.B = f.AppendSingle(slices.Grow(b.B, wire.Size(in)), in, lease)
	h := c.w.Header()
	h["Vary"] = varySingle
	h["Content-Type"] = mediaType(f)
	c.tagged(b.B)
}

// tagged answers 200 with b, or 304 if the client has it already.
func (c *call) tagged(b []byte) {
	sum := fnv.New64a()
	sum.Write(b)
	tag := `"` + strconv.FormatUint(sum.Sum64(), 16) + `"`
	c.w.Header()["Etag"] = []string{tag}
	if c.notModified(tag) {
		return
	}
	c.body(http.StatusOK, b)
}

// answer sends a cached document.
func (c *call) answer(a *respcache.Answer) {
	h := c.w.Header()
	h["Vary"] = varyDocument
	h["Etag"] = []string{a.ETag}
	h["Content-Type"] = mediaType(a.Format)
	if c.notModified(a.ETag) {
		return
	}
	if a.Gzip {
		h["Content-Encoding"] = codingGzip
	}
	h["Content-Length"] = []string{strconv.FormatInt(a.Length, 10)}
	c.writeHeader(http.StatusOK)
	if c.Request.Method != http.MethodHead {
		c.send(a)
	}
}

// smallAnswer is copied: that is cheaper than what it takes to send parts.
const smallAnswer = 16 << 10

// send writes a cached document; an error means that the client is gone, and nobody is left to tell. Large ones go through
// ReadFrom, by which our listener's connections get the parts themselves.
func (c *call) send(a *respcache.Answer) {
	if _, ok := c.w.ResponseWriter.(io.ReaderFrom); !ok || !a.Gzip || a.Length < smallAnswer {
		a.WriteTo(&c.w)
		return
	}
	b := a.Body()
	defer b.Close()
	if c.cfg.Hold != nil {
		defer c.cfg.Hold(c.Request)()
	}
	c.w.ReadFrom(b)
}

// notModified answers 304 if the client's If-None-Match names the current document.
func (c *call) notModified(tag string) bool {
	if !matchesETag(c.header("If-None-Match"), tag) {
		return false
	}
	delete(c.w.Header(), "Content-Type")
	c.writeHeader(http.StatusNotModified)
	return true
}

// matchesETag compares weakly, as If-None-Match asks. Our tags hold no comma, so splitting at commas is enough.
func matchesETag(header, tag string) bool {
	if header == "" {
		return false
	}
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.Trim(one, " \t"), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}
