package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// acceptable answers 406 if the client takes neither format, before anything happens (W-NEG-6).
func (c *call) acceptable() bool {
	if _, ok := wire.NegotiateSingle(c.header("Accept")); !ok {
		c.refuse(http.StatusNotAcceptable, NotAcceptable)
		return false
	}
	return true
}

// bodyFormat returns the format of the request's body. It looks at the type of the body before that of the answer, as the
// reference's framework does; if either will not do, it has answered.
func (c *call) bodyFormat() (f wire.Format, ok bool) {
	if f, ok = wire.RequestFormat(c.header("Content-Type")); !ok {
		c.refuse(http.StatusUnsupportedMediaType, UnknownType)
		return f, false
	}
	return f, c.acceptable()
}

// register serves POST apps/{app}.
func (c *call) register() {
	f, ok := c.bodyFormat()
	if !ok {
		return
	}
	b := buffers.take()
	defer buffers.give(b)
	if !c.readBody(b, c.bounds().BodyBytes) {
		return
	}
	in, err := c.bounds().Records.DecodeInstance(f, b.B)
	if limit, ok := errors.AsType[wire.LimitError](err); ok {
		c.because(OverLimit, limit.Error())
		c.unparsed(limit.Error())
		return
	}
	if err != nil {
		c.badBody(err)
		return
	}
	if err := wire.CheckRegistration(in, c.Route.App); err != nil {
		c.incomplete(err.Error())
		return
	}
	if step := c.cfg.Steps.Register; step != nil && !c.goesOn(step(&c.Call, in)) {
		return
	}
	if err := c.b.Register(wire.CompleteAmazon(in), c.byOperator()); err != nil {
		c.fail(err)
		return
	}
	c.success(http.StatusNoContent)
}

// incomplete is the 400 for a registration that fails a check: the plain sentence, labelled by Accept though it is neither
// (W-ERR-5).
func (c *call) incomplete(sentence string) {
	c.because(Incomplete, sentence)
	f, _ := wire.NegotiateSingle(c.header("Accept"))
	h := c.w.Header()
	h["Content-Type"] = mediaType(f)
	h["X-Content-Type-Options"] = noSniff
	c.body(http.StatusBadRequest, []byte(sentence))
}

// renew serves PUT apps/{app}/{id}, the heartbeat. The status parameter is ignored (W-RENEW-4), and so is a body, with its
// type (W-HDR-7).
func (c *call) renew() {
	if !c.acceptable() {
		return
	}
	renewal, err := c.renewal()
	if err != nil {
		c.badParam(err)
		return
	}
	c.done(c.b.Renew(c.Route.Key(), renewal, c.Origin))
}

// renewal reads what a heartbeat says of its instance. Only a peer's override is looked at (W-RENEW-5).
func (c *call) renewal() (renewal registry.Renewal, err error) {
	if renewal.DirtyMS, renewal.HasDirty, err = c.dirtyMS(); err != nil || c.Origin.By != registry.ByPeer {
		return renewal, err
	}
	v, ok := param(c.Request.URL.RawQuery, "overriddenstatus")
	if !ok {
		return renewal, nil
	}
	renewal.Override, renewal.HasOverride = heureka.ParseStatus(v)
	if !renewal.HasOverride {
		err = badStatus("overriddenstatus", v)
	}
	return renewal, err
}

// dirtyMS reads the optional parameter lastDirtyTimestamp, a signed 64-bit integer (W-RENEW-2).
func (c *call) dirtyMS() (ms int64, sent bool, err error) {
	v, ok := param(c.Request.URL.RawQuery, "lastDirtyTimestamp")
	if !ok {
		return 0, false, nil
	}
	ms, err = strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("lastDirtyTimestamp is %.40q: want milliseconds since the epoch", v)
	}
	return ms, true, nil
}

func badStatus(param, v string) error {
	return fmt.Errorf("%s is %.40q: want UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN", param, v)
}

// badParam answers 400 with what is wrong, before anything has changed. For an instance that is not there the answer is
// 404 all the same, because that tells its client to register.
func (c *call) badParam(err error) {
	if _, _, missing := c.b.Instance(c.Route.Key()); errors.Is(missing, heureka.ErrNotFound) {
		c.refuse(http.StatusNotFound, NotRegistered)
		return
	}
	c.bad(err.Error())
}

// cancel serves DELETE apps/{app}/{id}.
func (c *call) cancel() {
	if c.acceptable() {
		c.done(c.b.Cancel(c.Route.Key(), c.byOperator()))
	}
}

// setStatus serves PUT apps/{app}/{id}/status, which needs a value (W-STAT-2).
func (c *call) setStatus() {
	if !c.acceptable() {
		return
	}
	v, _ := param(c.Request.URL.RawQuery, "value")
	c.changeOverride(c.b.SetOverride, v)
}

// clearStatus serves DELETE apps/{app}/{id}/status; without a value the status becomes UNKNOWN (W-STAT-8).
func (c *call) clearStatus() {
	if !c.acceptable() {
		return
	}
	v, sent := param(c.Request.URL.RawQuery, "value")
	if !sent {
		v = heureka.StatusUnknown.String()
	}
	c.changeOverride(c.b.ClearOverride, v)
}

// changeOverride lets the backend set or clear an override, with the status that it is sent.
func (c *call) changeOverride(change func(heureka.Key, heureka.Status, int64, registry.Origin) error, value string) {
	s, ok := heureka.ParseStatus(value)
	if !ok {
		c.badParam(badStatus("value", value))
		return
	}
	dirty, _, err := c.dirtyMS()
	if err != nil {
		c.badParam(err)
		return
	}
	c.done(change(c.Route.Key(), s, dirty, c.byOperator()))
}

// metadata serves PUT apps/{app}/{id}/metadata.
func (c *call) metadata() {
	if c.acceptable() {
		c.Origin.By = registry.ByClient // the reference does not look at the header here
		c.done(c.b.SetMetadata(c.Route.Key(), metadataEntries(c.Request.URL.RawQuery), c.byOperator()))
	}
}

// asg serves PUT asg/{name}/status, which needs a registry on AWS that we do not have: always 400, empty (W-ASG-1).
func (c *call) asg() {
	if c.acceptable() {
		c.refuse(http.StatusBadRequest, NotRegistered)
	}
}
