package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// news is an Update in short.
type news struct{ All, Added, Changed, Removed []string }

func short(u client.Update) news {
	return news{ids(u.Instances), ids(u.Added), ids(u.Changed), ids(u.Removed)}
}

// watched starts a server with a/1 and a client that polls every second.
func watched(t *testing.T) (*fake, *client.Client, func() error) {
	w := newWorld(t)
	eureka := w.server("eureka")
	eureka.put(inst("a", "1", up))
	c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: time.Second})
	return eureka, c, w.run(c)
}

func TestWatch(t *testing.T) { // G-WA-1 to G-WA-3
	synctest.Test(t, func(t *testing.T) {
		eureka, c, _ := watched(t)
		watch := c.Watch(client.App("a"))
		next := func(want news) {
			t.Helper()
			u, err := watch.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, short(u)); diff != "" {
				t.Errorf("update (-want +got):\n%s", diff)
			}
		}
		no := []string{}
		next(news{[]string{"1"}, []string{"1"}, no, no})
		eureka.put(inst("b", "1", up)) // of no concern
		go func() {
			time.Sleep(10 * time.Second)
			eureka.put(inst("a", "2", up))
		}()
		begin := time.Now()
		next(news{[]string{"1", "2"}, []string{"2"}, no, no})
		if took := time.Since(begin); took < 10*time.Second {
			t.Errorf("woke after %v", took)
		}
		moved := inst("a", "1", up)
		moved.Port.Number = 81
		eureka.put(moved)
		eureka.put(inst("a", "2", heureka.StatusDown))
		eureka.put(inst("a", "3", up))
		next(news{[]string{"1", "3"}, []string{"3"}, []string{"1"}, []string{"2"}})
		for _, id := range []string{"4", "5"} { // a slow consumer sees the newest state only
			eureka.put(inst("a", id, up))
			sleep(5 * time.Second)
		}
		next(news{[]string{"1", "3", "4", "5"}, []string{"4", "5"}, no, no})
		touched := inst("a", "3", up)
		touched.LastDirtyMS = 99
		eureka.put(touched) // G-WA-2: timestamps do not count
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if u, err := watch.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v, %v", short(u), err)
		}
	})
}

func TestWatchOfNothing(t *testing.T) { // G-WA-1
	synctest.Test(t, func(t *testing.T) {
		eureka, c, _ := watched(t)
		watch := c.Watch(client.VIP("none"))
		u, err := watch.Next(t.Context())
		if err != nil || u.Instances != nil || u.Generation != 1 {
			t.Errorf("first = %+v, %v", u, err)
		}
		in := inst("x", "1", up)
		in.VIPAddress = "other, None"
		eureka.put(in)
		if u, err = watch.Next(t.Context()); err != nil || len(u.Instances) != 1 {
			t.Errorf("second = %+v, %v", u, err)
		}
	})
}

func TestWatchWithFilters(t *testing.T) { // G-WA-1, G-WA-5
	synctest.Test(t, func(t *testing.T) {
		eureka, c, stop := watched(t)
		all := client.VIP("a")
		all.AnyStatus = true
		odd := client.App("a")
		odd.Match = func(in *heureka.Instance) bool { return in.ID == "1" || in.ID == "3" }
		var seen journal[news]
		for _, sv := range []client.Service{all, odd} {
			go func() {
				for u := range c.Watch(sv).All(t.Context()) {
					seen.add(short(u))
				}
			}()
			sleep(time.Second)
		}
		eureka.put(inst("a", "2", heureka.StatusStarting))
		sleep(2 * time.Second)
		eureka.put(inst("a", "3", up))
		sleep(2 * time.Second)
		_ = stop() // ends the iterations
		synctest.Wait()
		no, got := []string{}, seen.take()
		slices.SortFunc(got, func(a, b news) int { return len(a.All) - len(b.All) })
		want := []news{
			{[]string{"1"}, []string{"1"}, no, no}, {[]string{"1"}, []string{"1"}, no, no},
			{[]string{"1", "2"}, []string{"2"}, no, no}, {[]string{"1", "3"}, []string{"3"}, no, no},
			{[]string{"1", "2", "3"}, []string{"3"}, no, no},
		}
		if len(got) == len(want) && len(got[2].Added) > 0 && got[2].Added[0] == "3" {
			got[2], got[3] = got[3], got[2]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
	})
}

func TestWatchEnds(t *testing.T) { // G-WA-4
	synctest.Test(t, func(t *testing.T) {
		_, c, stop := watched(t)
		watch, late := c.Watch(client.App("a")), c.Watch(client.App("a"))
		_, _ = watch.Next(t.Context())
		errs := make(chan error)
		go func() {
			_, err := watch.Next(t.Context())
			errs <- err
		}()
		synctest.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := <-errs; !errors.Is(err, client.ErrStopped) {
			t.Errorf("Next = %v", err)
		}
		if u, err := late.Next(t.Context()); err != nil || len(u.Instances) != 1 { // what is known stays
			t.Errorf("first Next after the end = %v, %v", u, err)
		}
		if err := c.Ready(t.Context()); err != nil {
			t.Errorf("Ready after the end = %v", err)
		}
	})
}

func TestWatchWaitsForTheFirstFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(answerAll(500))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		stop := w.run(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Watch(client.App("a")).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v", err)
		}
		_ = stop()
		if err := c.Ready(t.Context()); !errors.Is(err, client.ErrStopped) {
			t.Errorf("Ready = %v", err)
		}
	})
}

func TestWatchAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		eureka.put(inst("b", "2", heureka.StatusDown))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		watch := c.WatchAll()
		u, err := watch.Next(t.Context())
		if err != nil || !slices.Equal(ids(u.Instances), []string{"1"}) {
			t.Errorf("first: %v, %v", ids(u.Instances), err)
		}
		eureka.put(inst("c", "3", up))
		eureka.remove(heureka.Key{App: "A", ID: "1"})
		u, err = watch.Next(t.Context())
		if err != nil || !slices.Equal(ids(u.Added), []string{"3"}) || !slices.Equal(ids(u.Removed), []string{"1"}) {
			t.Errorf("then: added %v, removed %v, %v", ids(u.Added), ids(u.Removed), err)
		}
	})
}
