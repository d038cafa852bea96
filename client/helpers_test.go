package client

import (
	"io"
	"log/slog"
	"reflect"
	"testing"

	"heureka.internal/heureka"
)

// everyField returns copies of in that each differ in one field, by its name.
func everyField(t *testing.T, in *heureka.Instance) map[string]*heureka.Instance {
	t.Helper()
	out := make(map[string]*heureka.Instance)
	for f := range reflect.TypeFor[heureka.Instance]().Fields() {
		c := in.Clone()
		v := reflect.ValueOf(c).Elem().FieldByIndex(f.Index)
		switch v.Interface().(type) {
		case heureka.Metadata:
			c.Metadata = heureka.NewMetadata(map[string]string{"k": "v"})
		case *heureka.DataCenter:
			c.DataCenter = heureka.NetflixDataCenter
		case heureka.Port:
			v.Set(reflect.ValueOf(heureka.Port{Number: 4711}))
		case heureka.LeaseInfo:
			c.Lease.DurationSecs++
		default:
			changeScalar(t, f.Name, v)
		}
		out[f.Name] = c
	}
	return out
}

func changeScalar(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(v.Uint() ^ 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		t.Fatalf("do not know how to change %s", name)
	}
}

// newTestLogger writes lines without the time.
func newTestLogger(w io.Writer) *slog.Logger {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: noTime}))
}
