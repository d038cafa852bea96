// Package conformance replays recorded exchanges with the reference server against ours and compares the answers. It
// holds tests only. Where ours differs on purpose, a file in testdata/differences says how, and which row of
// COMPATIBILITY.md says why.
package conformance_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"heureka.internal/heureka/server"
)

// base replays against a running server instead, such as the reference. Scenarios that need a fresh one are then left out.
var base = flag.String("url", "", "root of the server to test, without /eureka; empty: one of our own")

// A scenario is a story of requests to one server.
type scenario struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Steps []step `json:"steps"`
}

// A step is one request with the answer that the reference gave.
type step struct {
	Name    string            `json:"name"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Header  map[string]string `json:"header"`
	Body    string            `json:"body"`
	WaitMS  int               `json:"waitMs"`
	Compare string            `json:"compare"` // "", or "status": the status only
	Want    *answer           `json:"want"`
}

type answer struct {
	Status      int    `json:"status"`
	ContentType string `json:"contentType"`
	Encoding    string `json:"contentEncoding"`
	Body        string `json:"body"`
}

// A difference is what ours answers on purpose where the reference answers something else. Row is an id that
// COMPATIBILITY.md explains.
type difference struct {
	Row   string             `json:"row"`
	About string             `json:"about"`
	Steps map[string]*answer `json:"steps"` // by name of the step
}

func TestRecordings(t *testing.T) {
	shared := *base
	if shared == "" {
		shared = start(t)
	}
	for _, s := range load[scenario](t, "testdata/scenarios") {
		t.Run(s.Name, func(t *testing.T) {
			url := shared
			if strings.HasPrefix(s.Name, "fresh-") {
				if *base != "" {
					t.Skip("needs a server that has just started")
				}
				url = start(t)
			}
			replay(t, url, s)
		})
	}
}

// start runs a node of our own that stands alone, and returns its root.
func start(t *testing.T) string {
	t.Helper()
	srv, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(srv.Handler())
	t.Cleanup(hs.Close)
	return hs.URL
}

func replay(t *testing.T, url string, s scenario) {
	differs := differences(t, s)
	for _, st := range s.Steps {
		if st.WaitMS > 0 {
			t.Fatalf("step %q waits: replay it in virtual time", st.Name)
		}
		got, err := send(url, &st)
		if err != nil {
			t.Errorf("%s: %v", st.Name, err)
			continue
		}
		if st.Want == nil {
			continue
		}
		diff := compare(&st, st.Want, got)
		if ours := differs[st.Name]; ours != nil && *base == "" {
			if diff == "" {
				t.Errorf("%s: answered like the reference, but testdata/differences says otherwise", st.Name)
			}
			diff = compare(&st, ours, got)
		}
		if diff != "" {
			t.Errorf("%s: %s %s: %s\nrequest %s\nanswer %d %s", st.Name, st.Method, st.Path, diff, st.Body, got.Status, got.Body)
		}
	}
}

// differences returns the answers that ours gives on purpose, by name of the step.
func differences(t *testing.T, s scenario) map[string]*answer {
	t.Helper()
	file := filepath.Join("testdata/differences", s.Name+".json")
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var d difference
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for name := range d.Steps {
		if !slices.ContainsFunc(s.Steps, func(st step) bool { return st.Name == name }) {
			t.Errorf("%s: no step %q in %s", file, name, s.Name)
		}
	}
	return d.Steps
}

// Every difference stands in COMPATIBILITY.md.
func TestDifferencesAreExplained(t *testing.T) {
	doc, err := os.ReadFile("../../COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range load[difference](t, "testdata/differences") {
		if d.Row == "" || !strings.Contains(string(doc), d.Row) {
			t.Errorf("COMPATIBILITY.md has no row %q: %s", d.Row, d.About)
		}
	}
}

// load reads all files of a directory.
func load[T any](t *testing.T, dir string) []T {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	var all []T
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v T
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, v)
	}
	return all
}

// send performs a step as it is: no redirects are followed, nothing is decompressed behind our back.
func send(url string, st *step) (*answer, error) {
	req, err := http.NewRequest(st.Method, url+st.Path, strings.NewReader(st.Body))
	if err != nil {
		return nil, err
	}
	for k, v := range st.Header {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	mediaType, _, _ := strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	body, err := readBody(resp)
	return &answer{resp.StatusCode, mediaType, resp.Header.Get("Content-Encoding"), string(body)}, err
}
