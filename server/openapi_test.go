package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/internal/registry"
)

// A schema is the part of JSON Schema that openapi.yaml uses.
type schema struct {
	Ref        string             `yaml:"$ref"`
	Type       string             `yaml:"type"`
	Format     string             `yaml:"format"`
	Enum       []string           `yaml:"enum"`
	Required   []string           `yaml:"required"`
	Properties map[string]*schema `yaml:"properties"`
	Items      *schema            `yaml:"items"`
	Open       *bool              `yaml:"additionalProperties"`
}

type apiDoc struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name string }
		Responses  map[string]apiResponse
	}
	Components struct {
		Responses map[string]apiResponse
		Schemas   map[string]*schema
	}
}

type apiResponse struct {
	Ref     string `yaml:"$ref"`
	Content map[string]struct{ Schema *schema }
}

func readAPI(t *testing.T) *apiDoc {
	t.Helper()
	doc := new(apiDoc)
	if err := yaml.Unmarshal(openAPI, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// check returns what of v, as encoding/json reads it, is not as s says.
func (d *apiDoc) check(s *schema, v any, at string) (wrong []string) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	bad := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "object" {
			bad("an object instead of %s", s.Type)
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				bad("lacks %s", name)
			}
		}
		for name, value := range v {
			if p := s.Properties[name]; p != nil {
				wrong = append(wrong, d.check(p, value, at+"."+name)...)
			} else if s.Open != nil && !*s.Open {
				bad("%s is not described", name)
			}
		}
	case []any:
		if s.Type != "array" {
			bad("an array instead of %s", s.Type)
			return wrong
		}
		for i, value := range v {
			wrong = append(wrong, d.check(s.Items, value, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case string:
		_, err := time.Parse(time.RFC3339, v)
		if s.Type != "string" || s.Enum != nil && !slices.Contains(s.Enum, v) || s.Format == "date-time" && err != nil {
			bad("%q is not %s %v %s", v, s.Type, s.Enum, s.Format)
		}
	case float64:
		if s.Type != "number" && (s.Type != "integer" || v != float64(int64(v))) {
			bad("%v instead of %s", v, s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			bad("%v instead of %s", v, s.Type)
		}
	default:
		bad("%v is of no known type", v)
	}
	return wrong
}

func (d *apiDoc) response(path, method string, status int) (apiResponse, bool) {
	r, ok := d.Paths[path][strings.ToLower(method)].Responses[fmt.Sprint(status)]
	if r.Ref != "" {
		r = d.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]
	}
	return r, ok
}

// Each path of the document has a handler and each handler is in the document; methods that it does not name are refused.
func TestOpenAPIHasAllPaths(t *testing.T) {
	s := lone(t)
	doc := readAPI(t)
	want := slices.Sorted(maps.Keys(s.operations()))
	want = append(want, httpapi.WatchPath)
	for path := range s.pages() {
		if strings.HasPrefix(path, "/data/") {
			want = append(want, path)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(doc.Paths))); diff != "" {
		t.Errorf("paths of the handlers (-) and of openapi.yaml (+):\n%s", diff)
	}
	for path, operations := range doc.Paths {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest(method, path+"?wait=0s&since=now", nil))
			_, described := operations[strings.ToLower(method)]
			if allowed := w.Code != http.StatusMethodNotAllowed; allowed != described {
				t.Errorf("%s %s = %d, described: %v", method, path, w.Code, described)
			}
		}
	}
}

// What handlers answer is what the document says, and no schema describes what is never there.
func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	s := lone(t)
	s.cfg.Actions = true
	doc := readAPI(t)
	now := time.Now()
	add := func(id string) {
		in := &heureka.Instance{App: "ORDERS", ID: id, HostName: "h", Status: heureka.StatusUp, LastDirtyMS: now.UnixMilli(), Port: heureka.Port{Number: 7001, Enabled: true}}
		if _, err := s.reg.Register(in, registry.Origin{Address: "10.0.0.1"}, now); err != nil {
			t.Fatal(err)
		}
	}
	add("x")
	add("y")
	operator := registry.Origin{By: registry.ByOperator, Address: "10.0.0.9", Principal: "alice", Note: "new disk"}
	if err := s.reg.SetOverride(heureka.Key{App: "ORDERS", ID: "x"}, heureka.StatusOutOfService, 0, operator, now); err != nil {
		t.Fatal(err)
	}
	s.reg.CarryOut(s.reg.PlanEviction(now.Add(5*time.Minute)), now.Add(5*time.Minute))
	start := s.watching.version(0)
	for _, tt := range []struct {
		method, target string
		want           int
	}{
		{"GET", "/heureka/v1/watch", 200},
		{"GET", "/heureka/v1/watch?since=" + start, 200},
		{"GET", "/heureka/v1/watch?since=other-1", 200},
		{"GET", "/heureka/v1/watch?wait=x", 400},
		{"GET", "/heureka/v1/history", 200},
		{"GET", "/heureka/v1/history?limit=0", 400},
		{"GET", "/heureka/v1/apps", 200},
		{"GET", "/heureka/v1/apps?at=x", 400},
		{"GET", "/heureka/v1/apps?at=24h", 410},
		{"GET", "/heureka/v1/lint", 200},
		{"GET", "/heureka/v1/protection", 200},
		{"POST", "/heureka/v1/protection/release", 200},
		{"GET", "/heureka/v1/admin/auth/denied", 200},
		{"POST", "/heureka/v1/admin/auth/check", 400},
		{"POST", "/heureka/v1/instance/override?app=orders&id=y&for=1h", 200},
		{"POST", "/heureka/v1/instance/override?app=orders&id=y&for=x", 400},
		{"POST", "/heureka/v1/instance/override?app=orders&id=z", 404},
		{"POST", "/heureka/v1/instance/restore?app=orders&id=y", 200},
		{"POST", "/heureka/v1/instance/restore?app=orders", 400},
		{"POST", "/heureka/v1/instance/cancel?app=orders&id=y", 200},
		{"POST", "/heureka/v1/evict", 409},
		{"GET", "/data/instances", 200},
		{"GET", "/data/instance?app=orders&id=x", 200},
		{"GET", "/data/instance?app=orders&id=none", 200},
		{"GET", "/data/state", 200},
		{"GET", "/heureka/v1/openapi.yaml", 200},
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
		path, _, _ := strings.Cut(tt.target, "?")
		r, ok := doc.response(path, tt.method, w.Code)
		content, described := r.Content[w.Header().Get("Content-Type")]
		if w.Code != tt.want || !ok || !described {
			t.Errorf("%s %s = %d %s, want %d, as described", tt.method, tt.target, w.Code, w.Header().Get("Content-Type"), tt.want)
			continue
		}
		if w.Header().Get("Content-Type") != "application/json" {
			continue
		}
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", tt.target, err)
		}
		for _, wrong := range doc.check(content.Schema, v, tt.target) {
			t.Error(wrong)
		}
	}
}

// The fields of documents are the properties of their schemas, also those that are left out when they are empty.
func TestOpenAPIHasAllFields(t *testing.T) {
	doc := readAPI(t)
	for name, typ := range map[string]reflect.Type{
		"History": reflect.TypeFor[changes.HistoryDoc](), "Change": reflect.TypeFor[changes.Event](), "Beat": reflect.TypeFor[changes.Beat](),
		"Protection": reflect.TypeFor[protection](), "Loss": reflect.TypeFor[changes.Loss](), "Silent": reflect.TypeFor[changes.Silent](),
		"Acted": reflect.TypeFor[acted](), "Evicted": reflect.TypeFor[evicted](), "Released": reflect.TypeFor[released](),
		"Columns": reflect.TypeFor[columns](), "Detail": reflect.TypeFor[dashboard.DetailData](), "State": reflect.TypeFor[stateDoc](),
		"Error": reflect.TypeFor[failure](), "Lint": reflect.TypeFor[lintDoc](), "Finding": reflect.TypeFor[lint.Finding](),
		"Denials": reflect.TypeFor[deniedDoc](), "Denial": reflect.TypeFor[deniedLine](), "Access": reflect.TypeFor[Access](), "AccessRequest": reflect.TypeFor[AccessRequest](),
	} {
		var fields []string
		for _, f := range reflect.VisibleFields(typ) {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
				fields = append(fields, tag)
			}
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(doc.Components.Schemas[name].Properties))); diff != "" {
			t.Errorf("fields of %s (-) and properties of its schema (+):\n%s", name, diff)
		}
	}
}

// The parameters of watching are those that are read.
func TestOpenAPIHasTheParametersOfWatching(t *testing.T) {
	var names []string
	for _, p := range readAPI(t).Paths[httpapi.WatchPath]["get"].Parameters {
		names = append(names, p.Name)
	}
	var q strings.Builder
	q.WriteString("?")
	for _, name := range names {
		q.WriteString(name + "=1&")
	}
	r := httptest.NewRequest("GET", httpapi.WatchPath+strings.ReplaceAll(q.String(), "wait=1", "wait=1s"), nil)
	r.Header.Set("Last-Event-ID", "2")
	var got watchRequest
	if bad := got.read(r); bad != nil {
		t.Fatal(bad.Error)
	}
	want := watchRequest{view: changes.View{Apps: []string{"1"}, VIPs: []string{"1"}, SecureVIPs: []string{"1"}}, since: "2", snapshot: true, wait: time.Second}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(watchRequest{})); diff != "" {
		t.Errorf("what is read of the parameters (-want +got):\n%s", diff)
	}
}
