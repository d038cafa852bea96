package client

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
)

// TestDefaults is the "default" column of section 21: what an empty Config means.
func TestDefaults(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Region": "us-east-1", "Zone": "defaultZone", "DNS.Path": "eureka",
		"ServerPollInterval": 300 * time.Second, "FetchInterval": 30 * time.Second, "FetchBackoffBound": 10,
		"HTTP.MaxRegistryBytes": int64(128 << 20), "Jitter": 0.1, "DeltaRetention": 180 * time.Second, "FullFetchInterval": 30 * time.Minute,
		"ReplicationInterval": 30 * time.Second, "InitialReplicationDelay": 40 * time.Second, "HeartbeatBackoffBound": 10,
		"ShutdownTimeout": 5 * time.Second, "Attempts": 3, "SessionDuration": 1200 * time.Second, "QuarantineThreshold": 0.66,
		"HTTP.ConnectTimeout": 5 * time.Second, "HTTP.ReadTimeout": 8 * time.Second, "HTTP.MaxConns": 200, "HTTP.MaxConnsPerHost": 50,
		"HTTP.IdleTimeout": 30 * time.Second,
	}
	v := reflect.ValueOf(cfg)
	for f := range settings() {
		got := v.FieldByIndex(f.Index)
		if w, ok := want[f.Name]; ok {
			if diff := cmp.Diff(w, got.Interface()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
			continue
		}
		if set := !got.IsZero(); set != slices.Contains([]string{"DNS.Resolver", "Logger", "Rand"}, f.Name) {
			t.Errorf("%s = %v", f.Name, got)
		}
	}
}

// settings are the fields of Config, and those of DNS and HTTP by their whole name.
func settings() iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for f := range reflect.TypeFor[Config]().Fields() {
			if f.Name != "DNS" && f.Name != "HTTP" {
				if !yield(f) {
					return
				}
				continue
			}
			for part := range f.Type.Fields() {
				part.Name, part.Index = f.Name+"."+part.Name, append(f.Index, part.Index...)
				if !yield(part) {
					return
				}
			}
		}
	}
}

// TestEveryMistakeIsTold sets each duration and number to nonsense in turn.
func TestEveryMistakeIsTold(t *testing.T) {
	mayBeNegative := []string{"SessionDuration", "FullFetchInterval", "Jitter", "HTTP.MaxConns", "HTTP.MaxConnsPerHost", "DNS.Port"} // no session end, no limit, unused
	for f := range settings() {
		var cfg Config
		switch field := reflect.ValueOf(&cfg).Elem().FieldByIndex(f.Index); field.Kind() {
		case reflect.Int, reflect.Int64:
			field.SetInt(-1)
		case reflect.Float64:
			field.SetFloat(-1)
		default:
			continue
		}
		_, err := cfg.withDefaults()
		told := err != nil && strings.Contains(err.Error(), f.Name)
		if told == slices.Contains(mayBeNegative, f.Name) {
			t.Errorf("%s = -1: %v", f.Name, err)
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	cfg := Config{}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "" || c.cfg.Region == "" {
		t.Error("New has changed the program's Config")
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	whole := []*heureka.Instance{record("A", "same", heureka.StatusUp), record("A", "other", heureka.StatusUp)}
	byDelta := []*heureka.Instance{record("A", "same", heureka.StatusUp), record("A", "other", heureka.StatusDown)}
	for i := range 15 {
		whole = append(whole, record("B", fmt.Sprint("missing", i), heureka.StatusUp))
		byDelta = append(byDelta, record("B", fmt.Sprint("surplus", i), heureka.StatusUp))
	}
	var out strings.Builder
	logDifference(newTestLogger(&out),
		empty(rules{}).fromFull(deltaOf(byDelta...), FromServer, chance()),
		empty(rules{}).fromFull(deltaOf(whole...), FromServer, chance()))
	got := out.String()
	for _, want := range []string{"how=different app=A id=other", "how=missing app=B id=missing0", "how=surplus app=B id=surplus0", "instances=11"} {
		if !strings.Contains(got, want) {
			t.Errorf("log does not say %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "id=same") || strings.Count(got, "\n") != maxDifferences+1 {
		t.Errorf("log:\n%s", got)
	}
}

func TestSources(t *testing.T) {
	for s, want := range map[Source]string{FromNowhere: "nowhere", FromServer: "server", FromBackup: "backup", 9: "backup"} {
		if got := s.String(); got != want {
			t.Errorf("Source(%d) = %s, want %s", s, got, want)
		}
	}
}

// TestSnapshotIsADocument: what a Backup is given leads to the same snapshot.
func TestSnapshotIsADocument(t *testing.T) {
	s := empty(rules{}).fromFull(deltaOf(record("B", "2", heureka.StatusUp), record("A", "1", heureka.StatusDown), record("B", "1", heureka.StatusUp)), FromServer, chance())
	doc := s.Applications()
	if doc.Hash != "DOWN_1_UP_2_" || len(doc.Apps) != 2 || doc.Apps[0].Name != "A" {
		t.Errorf("document %+v", doc)
	}
	again := empty(rules{}).fromFull(doc, FromServer, chance())
	if diff := cmp.Diff(keys(s), keys(again)); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
}

// TestIterationsEndEarly: the caller of an iterator may stop.
func TestIterationsEndEarly(t *testing.T) {
	s := empty(rules{}).fromFull(deltaOf(record("A", "1", heureka.StatusUp), record("B", "1", heureka.StatusUp)), FromServer, chance())
	n := 0
	for range s.All() {
		n++
		break
	}
	for range s.apps.all() {
		n++
		break
	}
	for range vipNames("a,b,c") {
		n++
		break
	}
	if n != 3 {
		t.Errorf("%d steps", n)
	}
	var none index[int]
	for range none.all() {
		t.Error("an empty index has something")
	}
}
