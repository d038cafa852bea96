package remote_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

// canned answers every request with the same body.
type canned struct {
	header http.Header
	body   []byte
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: c.header, Body: io.NopCloser(bytes.NewReader(c.body)), Request: r}, nil
}

// BenchmarkRenew is what a heartbeat costs beyond net/http.
func BenchmarkRenew(b *testing.B) {
	c, err := remote.New(remote.Config{URL: "http://eureka/eureka/", Transport: &canned{header: http.Header{}}, ClientName: "x"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Renew(b.Context(), key, remote.Renewal{Status: heureka.StatusUp, DirtyMS: 1795389393136}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch is a compressed registry of 10,000 instances.
func BenchmarkFetch(b *testing.B) {
	body := []byte(registryOf("x", 10_000))
	c, err := remote.New(remote.Config{URL: "http://eureka/eureka/", Transport: &canned{
		header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}}, body: body,
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		doc, err := c.Apps(b.Context(), remote.Query{})
		if err != nil || len(doc.Apps.Apps[0].Instances) != 10_000 {
			b.Fatal(err)
		}
	}
}
