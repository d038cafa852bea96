package wire_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// A chopped reader gives a body in pieces of one size.
type chopped struct {
	io.Reader
	size int
}

func (c chopped) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.size)]) }

// eachOf returns what EachInstance gives of a body that comes in pieces.
func eachOf(body []byte, piece, window int) (all []*heureka.Instance, err error) {
	err = wire.EachInstanceWithin(chopped{bytes.NewReader(body), piece}, window, func(in *heureka.Instance) { all = append(all, in) })
	return all, err
}

// allOf returns the instances of applications in their order.
func allOf(apps *heureka.Applications) (all []*heureka.Instance) {
	for _, app := range apps.Apps {
		all = append(all, app.Instances...)
	}
	return all
}

// However a document is cut, reading it while it arrives gives what reading it as a whole does.
func TestEachInstance(t *testing.T) {
	files, err := filepath.Glob("testdata/re*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no goldens", err)
	}
	bodies := map[string][]byte{
		"fleet":                 encodeApps(fullJSON, fleet(50)),
		"compact":               encodeApps(wire.Form{Format: wire.JSON, Detail: wire.Compact}, fleet(30)),
		"name at the end":       document(`[{"instance":[` + usable("") + `,{"hostName":"h"}],"name":"demo"},{"instance":{"hostName":"nameless"}}]`),
		"name at the beginning": document(`[{"name":"demo","instance":[{"hostName":"h"},{"app":"own","hostName":"h2"}]}]`),
		"blanks":                []byte(" {\n\"x\" : [ { \"y\" : \"}\\\"]\\\\\" } , 1.5e3 , null ] ,\t\"applications\" : " + string(document(" [ ] ")[len(`{"applications":`):])),
		"one for a list":        document(`{"name":"DEMO","instance":` + usable(`"metadata":{"a":"}","b":"\"{","c":[{}]}`) + `}`),
		"bad ones":              document(`[1,null,{"name":"DEMO","instance":[3,{"port":[]},{},` + usable("") + `,{"hostName":"h","leaseInfo":7},` + usable("") + `]}]`),
		"byte order mark":       append([]byte("\ufeff"), document("[]")...),
		"after the end":         append(document("[]"), "more"...),
	}
	for _, name := range files {
		bodies[name] = golden(t, strings.TrimPrefix(filepath.ToSlash(name), "testdata/"))
	}
	for name, body := range bodies {
		apps, fault := wire.DecodeApplications(wire.JSON, body)
		for _, piece := range []int{1, 2, 3, 5, 7, 11, 61, 997, 1 << 20} {
			for _, window := range []int{1, 64, 1000, 1 << 20} {
				got, err := eachOf(body, piece, window)
				if (err == nil) != (fault == nil) {
					t.Fatalf("%s in pieces of %d: error %v, want %v", name, piece, err, fault)
				}
				if fault != nil {
					continue
				}
				if diff := cmp.Diff(allOf(apps), got); diff != "" {
					t.Fatalf("%s in pieces of %d, window of %d (-whole +arriving):\n%s", name, piece, window, diff)
				}
			}
		}
	}
}

// Wherever a document breaks, that is an error after what has come whole before.
func TestEachInstanceOfATornDocument(t *testing.T) {
	body := encodeApps(fullJSON, fleet(6))
	want, err := eachOf(body, len(body), len(body))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	before := 0
	for end := range len(body) {
		got, err := eachOf(body[:end], 500, 512)
		if syntax, ok := errors.AsType[*wire.SyntaxError](err); !ok || syntax.Offset > int64(end) {
			t.Fatalf("cut at %d: error %v", end, err)
		}
		if len(got) < before || len(got) > before+1 {
			t.Fatalf("cut at %d: %d instances, %d before", end, len(got), before)
		}
		if before = len(got); before > 0 && end%50 == 0 {
			if diff := cmp.Diff(want[:before], got); diff != "" {
				t.Fatalf("cut at %d:\n%s", end, diff)
			}
		}
		from := io.MultiReader(bytes.NewReader(body[:end]), iotest.ErrReader(broken))
		if err := wire.EachInstance(from, func(*heureka.Instance) {}); !errors.Is(err, broken) {
			t.Fatalf("lost at %d: error %v", end, err)
		}
	}
	if before != len(want) {
		t.Errorf("%d of %d instances before the last byte", before, len(want))
	}
}

func TestEachInstanceOfAnyDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := &heureka.Applications{}
		for range rapid.IntRange(0, 3).Draw(t, "apps") {
			app := &heureka.Application{Name: "A" + heureka.AppName(anyText.Draw(t, "name"))}
			for range rapid.IntRange(0, 3).Draw(t, "instances") {
				app.Instances = append(app.Instances, drawUsable(t, wire.JSON, app.Name))
			}
			sent.Apps = append(sent.Apps, app)
		}
		body := encodeApps(fullJSON, sent)
		got, err := eachOf(body, rapid.IntRange(1, 100).Draw(t, "piece"), rapid.IntRange(1, 3000).Draw(t, "window"))
		if diff := cmp.Diff(allOf(sent), got); err != nil || diff != "" {
			t.Fatalf("%v (-sent +got):\n%s\n%s", err, diff, body)
		}
	})
}

// An endless reader begins with a text, repeats another one, and counts what is read.
type endless struct {
	rest, again string
	read        int
}

func (e *endless) Read(p []byte) (n int, err error) {
	if e.rest == "" {
		e.rest = e.again
	}
	n = copy(p, e.rest)
	e.rest, e.read = e.rest[n:], e.read+n
	return n, nil
}

// What cannot be given away at once is bounded.
func TestEachInstanceIsBounded(t *testing.T) {
	const most = 48 << 20 // with what has been read ahead
	for name, from := range map[string]*endless{
		"text":      {rest: `{"applications":{"application":{"name":"`, again: "x"},
		"name":      {rest: `{"`, again: "x"},
		"number":    {rest: `{"x":`, again: "1"},
		"garbage":   {rest: `{"x":`, again: "x"},
		"no names":  {rest: `{"applications":{"application":{"instance":[{}`, again: `,{"hostName":"h"}`},
		"structure": {rest: `{"x":`, again: "["},
	} {
		err := wire.EachInstance(from, func(*heureka.Instance) {})
		if _, ok := errors.AsType[*wire.SyntaxError](err); !ok || from.read > most {
			t.Errorf("%s: %v after %d MiB", name, err, from.read>>20)
		}
	}
}

// An instance that is too large costs that instance, and what nobody wants costs nothing.
func TestEachInstanceLeavesOutWhatIsTooLarge(t *testing.T) {
	huge := strings.Repeat(`"a":"`+strings.Repeat("v", 1<<10)+`",`, 17<<10) + `"z":""`
	got := 0
	body := `{"x":{` + huge + `},` + string(document(`[{"name":"DEMO","instance":[` + usable("") + `,` + usable(`"metadata":{`+huge+`}`) + `,` + usable("") + `]}]`)[1:])
	if err := wire.EachInstance(strings.NewReader(body), func(*heureka.Instance) { got++ }); err != nil || got != 2 {
		t.Errorf("%d instances, %v", got, err)
	}
}
