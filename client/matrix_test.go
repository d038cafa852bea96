package client_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/server"
)

// An operation is one of API's methods, called for an instance that is registered.
type operation struct {
	name string
	call func(context.Context, *client.API, *heureka.Instance) error
	ends []int // statuses besides 2xx that end the call at the first server (C-FO-4)
	read bool  // an answer must have a body
}

// answer drops what a method returns besides its error.
func answer[T any](_ T, err error) error { return err }

var operations = []operation{
	{"register", func(ctx context.Context, a *client.API, in *heureka.Instance) error { return a.Register(ctx, in) }, []int{404, 400, 401, 403}, false},
	{"renew", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return a.Renew(ctx, in.Key(), in.Status, in.LastDirtyMS)
	}, []int{404}, false},
	{"cancel", func(ctx context.Context, a *client.API, in *heureka.Instance) error { return a.Cancel(ctx, in.Key()) },
		[]int{400, 401, 403, 404, 409, 429, 500, 503}, false},
	{"set status", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return a.SetOverride(ctx, in.Key(), heureka.StatusOutOfService)
	}, []int{400, 404}, false},
	{"clear status", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return a.ClearOverride(ctx, in.Key(), heureka.StatusUp)
	}, []int{400, 404}, false},
	{"set metadata", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return a.SetMetadata(ctx, in.Key(), map[string]string{"k": "v"})
	}, []int{400, 404}, false},
	{"registry", func(ctx context.Context, a *client.API, _ *heureka.Instance) error {
		return answer(a.Applications(ctx))
	}, nil, true},
	{"delta", func(ctx context.Context, a *client.API, _ *heureka.Instance) error { return answer(a.Delta(ctx)) }, nil, true},
	{"VIP", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return answer(a.VIP(ctx, in.VIPAddress))
	}, nil, true},
	{"secure VIP", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return answer(a.SecureVIP(ctx, in.SecureVIPAddress))
	}, nil, true},
	{"application", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return answer(a.Application(ctx, in.App))
	}, []int{400, 404}, true},
	{"instance", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return answer(a.Instance(ctx, in.Key()))
	}, []int{400, 404}, true},
	{"instance by id", func(ctx context.Context, a *client.API, in *heureka.Instance) error {
		return answer(a.InstanceByID(ctx, in.ID))
	}, []int{400, 404}, true},
}

// statuses are the faults that are a status and nothing else.
var statuses = map[string]int{
	"302": 302, "400": 400, "401": 401, "403": 403, "404 with HTML": 404, "409": 409, "429": 429, "500": 500, "503": 503,
}

// endsAt reports whether a call is over after a fault, without another server.
func (op *operation) endsAt(fault string) bool {
	return !op.read && success[fault] || slices.Contains(op.ends, statuses[fault])
}

// TestFaultMatrix is G-TS-3 and G-RQ-6: every operation against every fault of the first of two servers. What is not over
// by the first answer succeeds at the second server, in little more than a ReadTimeout; nothing is left behind (G-TS-4,
// by the bubble).
func TestFaultMatrix(t *testing.T) {
	for _, op := range operations {
		for _, fault := range append(slices.Sorted(maps.Keys(faults)), "refused") {
			t.Run(op.name+"/"+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { tryFault(t, op, fault) })
			})
		}
	}
}

func tryFault(t *testing.T, op operation, fault string) {
	w := newWorld(t)
	var seen []client.RequestInfo
	cfg := client.Config{Servers: []string{url("s1"), url("s2")}}
	cfg.Hooks.Request = func(i client.RequestInfo) { seen = append(seen, i) }
	c := w.client(cfg)
	o := order(c)
	if fault == "refused" {
		w.net.Host(o[0])
	} else {
		w.server(o[0]).interfere(faults[fault])
	}
	in := inst("orders", "1", up)
	w.listen(o[1], 8761, realServer(t, in))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	begin := time.Now()
	err := op.call(ctx, c.API(), in)
	took := time.Since(begin)
	if op.read && fault == "endless body" { // neither silent nor wrong: only the caller's patience ends it
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		return
	}
	if want := !op.endsAt(fault); want != (len(seen) == 2) {
		t.Errorf("asked %d servers: %+v", len(seen), seen)
	}
	if fails := op.endsAt(fault) && !success[fault]; fails != (err != nil) {
		t.Errorf("error = %v", err)
	}
	if errors.Is(err, heureka.ErrNotFound) != (err != nil && statuses[fault] == 404) {
		t.Errorf("error = %v", err)
	}
	if took > 9*time.Second {
		t.Errorf("took %v", took)
	}
}

// realServer is a node without peers that has one instance.
func realServer(t *testing.T, in *heureka.Instance) http.Handler {
	t.Helper()
	node, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.listen("node", 8761, node.Handler())
	if err := w.client(client.Config{Servers: []string{url("node")}}).API().Register(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return node.Handler()
}
