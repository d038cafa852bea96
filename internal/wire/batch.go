package wire

import (
	"math"
	"strconv"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/packed"
)

// Batches are always JSON (section 7 of the wire specification).

// AppendBatch appends the body of a batch (W-REPL-2). Members that were not set are left out.
func AppendBatch(b []byte, items []ReplicationItem) []byte {
	b = append(b, `{"replicationList":[`...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, &items[i])
	}
	return append(b, "]}"...)
}

func appendItem(b []byte, it *ReplicationItem) []byte {
	b = append(b, `{"appName":`...)
	b = appendJSONString(b, it.App)
	b = append(b, `,"id":`...)
	b = appendJSONString(b, it.ID)
	if it.HasLastDirty {
		b = appendNumber(b, `,"lastDirtyTimestamp":`, it.LastDirtyMS)
	}
	b = appendSent(b, `,"overriddenStatus":`, it.OverriddenStatus)
	b = appendSent(b, `,"status":`, it.Status)
	if it.Instance != nil {
		b = append(b, `,"instanceInfo":`...)
		b = appendJSONInstance(b, it.Instance, &it.Instance.Lease)
	}
	b = appendSent(b, `,"action":`, string(it.Action))
	return append(b, '}')
}

func appendSent(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	return appendJSONString(b, value)
}

// DecodeBatch reads the body of a batch as strictly as W-REPL-9 asks. An error refuses the whole batch: it is
// ErrNoReplicationList or a *SyntaxError. Instances are read by the rules of registrations.
func DecodeBatch(body []byte) ([]ReplicationItem, error) {
	return Limits{}.DecodeBatch(body)
}

func (d *batchReader) read() ([]ReplicationItem, error) {
	if d.peek() == 'n' {
		return nil, ErrNoReplicationList
	}
	for name := range d.members {
		switch {
		case string(name) != "replicationList":
			d.fail("unknown member in the batch")
		case !d.null():
			d.list()
		}
	}
	if d.crowded {
		return nil, ErrTooManyEntries
	}
	if err := d.failure(); err != nil {
		return nil, err
	}
	if d.items == nil {
		return nil, ErrNoReplicationList
	}
	return d.items, nil
}

// A batchReader decodes batches; one record serves all of its instances.
type batchReader struct {
	scanner
	items   []ReplicationItem
	crowded bool          // it has too many
	names   packed.Buffer // of the entry at hand
	record  record
}

func (d *batchReader) list() {
	d.items = []ReplicationItem{}
	for range d.elements {
		if d.crowded = d.limits.BatchEntries > 0 && len(d.items) == d.limits.BatchEntries; d.crowded {
			return
		}
		d.items = append(d.items, d.item())
	}
}

// item reads one entry. Its application and id share one string.
func (d *batchReader) item() ReplicationItem {
	var (
		it      ReplicationItem
		app, id packed.Span
	)
	d.names.Reset()
	for name := range d.members {
		if d.null() {
			continue
		}
		switch string(name) {
		case "appName":
			app = d.names.Add(d.text())
		case "id":
			id = d.names.Add(d.text())
		case "lastDirtyTimestamp":
			it.LastDirtyMS, it.HasLastDirty = d.timestamp()
		case "overriddenStatus":
			it.OverriddenStatus = d.statusText()
		case "status":
			it.Status = d.statusText()
		case "instanceInfo":
			if it.Instance = d.instance(&d.record); it.Instance != nil {
				it.Fault = d.limits.check(&d.record, it.Instance)
			}
		case "action":
			it.Action = d.action()
		default:
			d.fail("unknown member in an entry of the batch")
		}
	}
	names := string(d.names.Bytes)
	it.App, it.ID = app.Of(names), id.Of(names)
	if it.Fault == nil {
		it.Fault = d.limits.CheckKey(heureka.Key{App: it.App, ID: it.ID})
	}
	return it
}

// timestamp reads a number or a string of digits (W-REPL-10); an empty text is as good as none, and others are refused
// here.
func (d *batchReader) timestamp() (ms int64, sent bool) {
	t, kind := d.scalar()
	if kind == numberToken {
		return d.within(t, kind, math.MinInt64, math.MaxInt64), true
	}
	if kind == stringToken && len(t) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil {
		d.fail("lastDirtyTimestamp is not a number")
	}
	return n, true
}

// statusText reads a status as it was sent, without an allocation for those that exist.
func (d *batchReader) statusText() string {
	t := d.text()
	if s, ok := heureka.ParseStatus(string(t)); ok {
		return s.String()
	}
	return string(t)
}

func (d *batchReader) action() ReplicationAction {
	t := d.text()
	for _, a := range [...]ReplicationAction{Heartbeat, Register, Cancel, StatusUpdate, DeleteStatusOverride} {
		if string(a) == string(t) {
			return a
		}
	}
	d.fail("unknown action")
	return ""
}

// AppendBatchResult appends the answer to a batch (W-REPL-6).
func AppendBatchResult(b []byte, results []ReplicationResult) []byte {
	b = append(b, `{"responseList":[`...)
	for i := range results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, `{"statusCode":`, int64(results[i].StatusCode))
		if in := results[i].Instance; in != nil {
			b = append(b, `,"responseEntity":`...)
			b = appendJSONInstance(b, in, &in.Lease)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// DecodeBatchResult reads the answer to a batch, leniently: members that are not known are skipped, and so is an
// instance that makes no sense.
//
// The batch had most entries: of more results only one is kept, which shows that they fit nothing.
func DecodeBatchResult(body []byte, most int) ([]ReplicationResult, error) {
	d := newDocumentReader(body)
	var results []ReplicationResult
	found := false
	for name := range d.members {
		if string(name) != "responseList" || d.peek() != '[' {
			d.skip()
			continue
		}
		found, results = true, nil
		for range d.elements {
			if len(results) > most {
				d.skip()
				continue
			}
			results = append(results, d.result())
		}
	}
	if !found {
		d.fail("no responseList")
	}
	if err := d.failure(); err != nil {
		return nil, err
	}
	return results, nil
}

func (d *documentReader) result() ReplicationResult {
	var r ReplicationResult
	for name := range d.members {
		switch {
		case d.null():
		case string(name) == "statusCode":
			r.StatusCode = int(d.integer32())
		case string(name) == "responseEntity" && d.peek() == '{':
			if in := d.listed(); in != nil && usable(in) {
				r.Instance = in
			}
		default:
			d.skip()
		}
	}
	return r
}
