package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A client that is refused tries again for ever: its application gets one line a minute, and strangers' names no memory
// without end.
func TestRefusalLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := newRefusalLog(slog.New(slog.NewTextHandler(&b, nil)))
		r := httptest.NewRequest("POST", "/", nil)
		for range 59 {
			l.refused(r, "ORDERS", "why")
			l.refused(r, "OTHER", "why")
			time.Sleep(time.Second)
		}
		if n := strings.Count(b.String(), "registration refused"); n != 2 {
			t.Errorf("%d lines in a minute, want 2:\n%s", n, b.String())
		}
		time.Sleep(time.Second)
		l.refused(r, "ORDERS", "why")
		if n := strings.Count(b.String(), "app=ORDERS"); n != 2 {
			t.Errorf("%d lines about ORDERS, want 2", n)
		}
		for i := range 5000 {
			l.refused(r, fmt.Sprint("A", i), "why")
		}
		if len(l.said) > maxRefusalNames+1 {
			t.Errorf("%d names kept", len(l.said))
		}
	})
}
