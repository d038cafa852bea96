package registry_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// uncounted are the fields of an instance that nodes note on their own account, or that stand elsewhere in an entry: no
// difference between nodes. Whatever else there is, now or later, the digest must show.
var uncounted = map[string]bool{
	"OverriddenStatus":     true, // Entry.Override
	"Lease.RegistrationMS": true, "Lease.LastRenewalMS": true, "Lease.EvictionMS": true, "Lease.ServiceUpMS": true,
	"CoordinatingServer": true, "LastUpdatedMS": true, "Action": true,
}

// fullEntry has something in every field that can have something.
func fullEntry() registry.Entry {
	in := &heureka.Instance{
		Lease:      heureka.LeaseInfo{RenewalIntervalSecs: 17, DurationSecs: 51},
		Metadata:   heureka.Metadata{{Key: "a key of 20 letters.", Value: "another of 22 letters."}, {Key: "bb", Value: "22"}},
		DataCenter: &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.Metadata{{Key: "instance-id", Value: "i-0123456789abcdef0"}}},
	}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString("text of " + v.Type().Field(i).Name + ", long enough")
		}
	}
	return registry.Entry{
		Key: heureka.Key{App: "APPLICATION", ID: "instance-of-it"}, Instance: in, DirtyMS: 1_700_000_000_000, Rev: 1<<32 | 3,
		HasOverride: true, Override: heureka.StatusDown, OverrideRev: 2, Age: time.Second,
		Clock: registry.Clock{Time: 1_700_000_000_000 << 16, Node: 77}, About: registry.About{DirtyMS: 1_600_000_000_000, Rev: 9}, Restored: heureka.StatusUp,
		Metadata: []registry.MetadataCommand{{Key: "k1", Value: "v1", Clock: registry.Clock{Time: 5, Node: 6}}, {Key: "k2", Value: "value 2", Clock: registry.Clock{Time: 7, Node: 8}}},
	}
}

// Each bit of each field counts, or does not, as uncounted says.
func TestDigestOfEveryBit(t *testing.T) {
	e := fullEntry()
	before := e.Digest()
	seen := map[uint64]string{before: "nothing changed"}
	changes := 0
	check := func(path string, counts bool) {
		changes++
		after := e.Digest()
		if other, known := seen[after]; counts && known {
			t.Errorf("%s: the same digest as with %s", path, other)
		}
		if !counts && after != before {
			t.Errorf("%s changes the digest", path)
		}
		if counts {
			seen[after] = path
		}
	}
	flip(reflect.ValueOf(e.Instance).Elem(), "", func(path string) {
		field, _, _ := strings.Cut(strings.TrimPrefix(path, "."), "#")
		check(path, !uncounted[field])
	})
	flip(reflect.ValueOf(&e.Key).Elem(), "Key", func(path string) { check(path, true) })
	for name, f := range map[string]any{"DirtyMS": &e.DirtyMS, "Rev": &e.Rev, "Override": &e.Override, "HasOverride": &e.HasOverride, "OverrideRev": &e.OverrideRev} {
		flip(reflect.ValueOf(f).Elem(), name, func(path string) { check(path, true) })
	}
	flip(reflect.ValueOf(&e.Clock).Elem(), "Clock", func(path string) { check(path, true) })
	flip(reflect.ValueOf(&e.About).Elem(), "About", func(path string) { check(path, true) })
	flip(reflect.ValueOf(&e.Metadata).Elem(), "Commands", func(path string) { check(path, true) })
	flip(reflect.ValueOf(&e.Restored).Elem(), "Restored", func(path string) { check(path, false) })
	e.HasOverride = false
	flip(reflect.ValueOf(&e.Restored).Elem(), "Restored without override", func(path string) { check(path, true) })
	e.HasOverride = true
	flip(reflect.ValueOf(&e.Age).Elem(), "Age", func(path string) { check(path, false) })
	if after := e.Digest(); after != before || changes < 1000 {
		t.Errorf("%d changes, digest %x before and %x after them", changes, before, after)
	}
	e.Instance, e.Tombstone = nil, true
	check("Tombstone", true)
}

// flip changes v bit by bit, a bit at a time, and calls changed with a path to each.
func flip(v reflect.Value, path string, changed func(path string)) {
	each := func(bits int, get uint64, set func(uint64)) {
		for i := range bits {
			set(get ^ 1<<i)
			changed(fmt.Sprintf("%s#%d", path, i))
		}
		set(get)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			flip(v.Field(i), path+"."+v.Type().Field(i).Name, changed)
		}
	case reflect.Pointer:
		flip(v.Elem(), path, changed)
	case reflect.Slice:
		for i := range v.Len() {
			flip(v.Index(i), fmt.Sprintf("%s[%d]", path, i), changed)
		}
		whole := v.Interface()
		v.Set(v.Slice(0, v.Len()-1))
		changed(path + "#shorter")
		v.Set(reflect.ValueOf(whole))
	case reflect.String:
		flipText(v, path, changed)
	case reflect.Bool:
		v.SetBool(!v.Bool())
		changed(path)
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		each(63, uint64(v.Int()), func(x uint64) { v.SetInt(int64(x & math.MaxInt64)) })
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		each(v.Type().Bits(), v.Uint(), v.SetUint)
	default:
		panic(path + ": a kind of field that this test does not know")
	}
}

func flipText(v reflect.Value, path string, changed func(path string)) {
	text := v.String()
	for i := range text {
		for bit := range 8 {
			b := []byte(text)
			b[i] ^= 1 << bit
			v.SetString(string(b))
			changed(fmt.Sprintf("%s#%d.%d", path, i, bit))
		}
	}
	for i, other := range []string{"", text + "\x00", text[1:]} {
		v.SetString(other)
		changed(fmt.Sprintf("%s#another %d", path, i))
	}
	v.SetString(text)
}

// Neighbouring fields cannot run into each other.
func TestDigestKeepsFieldsApart(t *testing.T) {
	a, b := fullEntry(), fullEntry()
	a.Instance.HomePageURL, a.Instance.StatusPageURL = "ab", "c"
	b.Instance.HomePageURL, b.Instance.StatusPageURL = "a", "bc"
	if a.Digest() == b.Digest() {
		t.Error("ab c and a bc have the same digest")
	}
}

// The digest is the same in every release that compares digests; another one needs another replication.Protocol.
func TestDigestIsTheSameInEveryRelease(t *testing.T) {
	e := fullEntry()
	gone := registry.Entry{Key: e.Key, DirtyMS: 7, Rev: 1, Tombstone: true}
	plain := registry.Entry{Key: e.Key, DirtyMS: 7, Rev: 1, Instance: &heureka.Instance{App: "A", ID: "1"}}
	for name, tt := range map[string]struct {
		entry registry.Entry
		want  uint64
	}{
		"everything": {e, 0x12b176471372e522},
		"tombstone":  {gone, 0xa56eaf8c060e4ee4},
		"plain":      {plain, 0xd1f06c85deac8be3},
	} {
		if got := tt.entry.Digest(); got != tt.want {
			t.Errorf("%s: digest %#x, want %#x", name, got, tt.want)
		}
	}
}
