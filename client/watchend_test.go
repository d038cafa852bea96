package client

import (
	"testing"
	"testing/synctest"

	"heureka.internal/heureka"
)

// TestLastNewsArrive: what is published at the last moment, between a look and the wait for more, is not lost because
// the client has stopped.
func TestLastNewsArrive(t *testing.T) {
	for range 50 { // which of two ready channels a select takes is drawn by lot
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			PublishForTest(c, deltaOf(record("A", "1", heureka.StatusUp)))
			looks := 0
			sv := App("A")
			sv.Match = func(*heureka.Instance) bool {
				if looks++; looks == 2 {
					PublishForTest(c, deltaOf(record("A", "3", heureka.StatusUp)))
					close(c.ended)
				}
				return looks != 2
			}
			watch := c.Watch(sv)
			if _, err := watch.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			watch.last = nil // so that the second look finds nothing new
			PublishForTest(c, deltaOf(record("A", "2", heureka.StatusUp)))
			if u, err := watch.Next(t.Context()); err != nil || idsOf(u.Instances)[0] != "3" {
				t.Errorf("Next = %v, %v", u, err)
			}
		})
	}
}
