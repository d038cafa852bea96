package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// seed adds the recorded bodies of a format.
func seed(f *testing.F, format wire.Format) {
	files, err := filepath.Glob("testdata/re*/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no goldens", err)
	}
	for _, name := range files {
		if body, err := os.ReadFile(name); err == nil && formatOf(name) == format {
			f.Add(body)
		}
	}
}

// checkError checks that a decoder says where and why it gave up.
func checkError(t *testing.T, body []byte, err error) {
	t.Helper()
	syntax, ok := errors.AsType[*wire.SyntaxError](err)
	if !ok || syntax.Msg == "" || syntax.Offset < 0 || syntax.Offset > int64(len(body)) {
		t.Errorf("error %#v", err)
	}
}

// checkValid checks bytes that we wrote.
func checkValid(t *testing.T, f wire.Format, body []byte) {
	t.Helper()
	if f == wire.JSON && !json.Valid(body) {
		t.Errorf("invalid JSON: %q", body)
	}
	if f == wire.XML {
		if err := wellFormedXML(string(body)); err != nil {
			t.Errorf("%v: %q", err, body)
		}
	}
}

// checkStable checks that an instance from anywhere can be written in all forms and is the same when it is read back
// from where it came from.
func checkStable(t *testing.T, from wire.Format, in *heureka.Instance) {
	t.Helper()
	for _, form := range forms {
		checkValid(t, form.Format, form.AppendInstance(nil, in, in.Lease))
	}
	body := wire.Form{Format: from}.AppendInstance(nil, in, in.Lease)
	if from == wire.JSON {
		body = wire.AppendRegistration(nil, in)
	}
	again, err := wire.DecodeInstance(from, body)
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	if diff := cmp.Diff(in, again); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

func FuzzDecodeJSON(f *testing.F) {
	seed(f, wire.JSON)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = wire.DecodeSingle(wire.JSON, body)
		in, err := wire.DecodeInstance(wire.JSON, body)
		if err != nil {
			checkError(t, body, err)
			return
		}
		var v json.RawMessage // our scanner accepts nothing that encoding/json refuses
		if err := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF")))).Decode(&v); err != nil {
			t.Errorf("encoding/json: %v", err)
		}
		checkStable(t, wire.JSON, in)
	})
}

func FuzzDecodeXML(f *testing.F) {
	seed(f, wire.XML)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = wire.DecodeSingle(wire.XML, body)
		in, err := wire.DecodeInstance(wire.XML, body)
		if err != nil {
			checkError(t, body, err)
			return
		}
		checkStable(t, wire.XML, in)
	})
}

// FuzzSkip feeds an unknown member, which must be read over exactly when encoding/json finds it valid.
func FuzzSkip(f *testing.F) {
	for _, value := range []string{`1`, `-0.5e+7`, `"a\u00e9\n"`, `[1,{"a":[]},null]`, `{"a":{"b":true}}`, `01`, `[1,]`, `{"a"}`, `tru`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		text := string(value)
		if strings.ToValidUTF8(text, "") != text || strings.Count(text, "[")+strings.Count(text, "{") > 50 || !json.Valid(value) {
			return
		}
		if _, err := wire.DecodeInstance(wire.JSON, registration(`"x":`+text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzDecodeBatch(f *testing.F) {
	seed(f, wire.JSON)
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = wire.DecodeBatchResult(body, 1000)
		items, err := wire.DecodeBatch(body)
		if err != nil {
			if !errors.Is(err, wire.ErrNoReplicationList) {
				checkError(t, body, err)
			}
			return
		}
		out := wire.AppendBatch(nil, items)
		checkValid(t, wire.JSON, out)
		again, err := wire.DecodeBatch(out)
		if diff := cmp.Diff(items, again); err != nil || diff != "" {
			t.Errorf("%v (-first +again):\n%s", err, diff)
		}
	})
}

func FuzzDecodeApplications(f *testing.F) {
	seed(f, wire.JSON)
	seed(f, wire.XML)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range []wire.Form{fullJSON, fullXML} {
			_, _ = wire.DecodeApplication(form.Format, body)
			apps, err := wire.DecodeApplications(form.Format, body)
			if form == fullJSON {
				if _, arriving := eachOf(body, 7, 1+len(body)/3); (arriving == nil) != (err == nil) {
					t.Errorf("as a whole: %v; while it arrives: %v", err, arriving)
				}
			}
			if err != nil {
				checkError(t, body, err)
				continue
			}
			for _, other := range forms {
				checkValid(t, other.Format, encodeApps(other, apps))
			}
			out := encodeApps(form, apps)
			again, err := wire.DecodeApplications(form.Format, out)
			if diff := cmp.Diff(apps, again); err != nil || diff != "" {
				t.Errorf("%v (-first +again):\n%s\n%s", err, diff, out)
			}
		}
	})
}

func FuzzAccept(f *testing.F) {
	f.Add("application/json, application/*+json;q=0.5")
	f.Add(`text/html;x="a,b\"",*/*;q=.2,application/xml;q=0`)
	f.Fuzz(func(t *testing.T, accept string) {
		document, ok := wire.NegotiateDocument(accept)
		single, okSingle := wire.NegotiateSingle(accept)
		if ok != okSingle {
			t.Errorf("%q: one resource answers 406, the other not", accept)
		}
		if ok && (document == wire.JSON) != strings.Contains(accept, "json") { // W-NEG-3
			t.Errorf("%q: document in %s", accept, document.MediaType())
		}
		if twice, _ := wire.NegotiateSingle(accept + "," + accept); twice != single && !strings.Contains(accept, `"`) {
			t.Errorf("%q: %s, said twice %s", accept, single.MediaType(), twice.MediaType())
		}
	})
}

func FuzzContentType(f *testing.F) {
	f.Add("application/json; charset=utf-8")
	f.Add(`application/xml;charset="ISO-8859-1";x`)
	f.Fuzz(func(t *testing.T, contentType string) {
		format, ok := wire.RequestFormat(contentType)
		want := strings.ToLower(format.MediaType())
		if ok && !strings.Contains(strings.ToLower(contentType), want) && !strings.Contains(contentType, "/*") {
			t.Errorf("%q accepted as %s", contentType, want)
		}
		checkValid(t, parseErrorFormat(contentType), wire.AppendParseError(nil, contentType, ""))
	})
}

func parseErrorFormat(contentType string) wire.Format {
	if contentType == "application/json" {
		return wire.JSON
	}
	return wire.XML
}

// Whatever a body says, what it becomes stays within the limits.
func FuzzLimits(f *testing.F) {
	f.Add([]byte(`{"replicationList":[{"appName":"A","id":"1","action":"Register","instanceInfo":{"app":"A","metadata":{"a":"","b":"","c":""}}},{},{}]}`))
	f.Add([]byte(`{"instance":{"app":"A","hostName":"long","dataCenterInfo":{"@class":"com.netflix.appinfo.AmazonInfo","metadata":{"a":1,"b":2,"c":3}}}}`))
	f.Add([]byte(`<instance><app>A</app><metadata><a/><b/><c/></metadata><x a="" b='>' c=""/></instance>`))
	limits := wire.Limits{NameBytes: 3, TextBytes: 3, MetadataEntries: 2, BatchEntries: 2}
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := limits.DecodeBatch(body)
		if len(items) > limits.BatchEntries || err == nil && items == nil {
			t.Fatalf("%d items, %v", len(items), err)
		}
		for _, it := range items {
			if it.Instance != nil && it.Fault == nil && limits.Check(it.Instance) != nil {
				t.Fatalf("no fault in %+v", it)
			}
		}
		for _, format := range []wire.Format{wire.JSON, wire.XML} {
			if in, err := limits.DecodeInstance(format, body); err == nil && limits.Check(in) != nil {
				t.Fatalf("no limit held %+v", in)
			}
		}
	})
}
