package server_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"heureka.internal/heureka/server"
)

// limitOptions are about what strangers can make a node spend.
var limitOptions = []option{{
	field: "Limits.NameBytes", see: registers(1), byDefault: "204", want: "400",
	set: func(_ *rig, c *server.Config) { c.Limits.NameBytes = 3 },
}, {
	field: "Limits.TextBytes", see: registers(1), byDefault: "204", want: "400",
	set: func(_ *rig, c *server.Config) { c.Limits.TextBytes = 3 },
}, {
	field: "Limits.MetadataEntries", see: registers(3), byDefault: "204", want: "400",
	set: func(_ *rig, c *server.Config) { c.Limits.MetadataEntries = 2 },
}, {
	field: "Limits.DecodingBytes", see: registers(2000), byDefault: "204", want: "503",
	base: func(_ *rig, c *server.Config) { c.Limits.MetadataEntries = -1 },
	set:  func(_ *rig, c *server.Config) { c.Limits.DecodingBytes = 1000 },
}, {
	field: "Limits.Instances", see: registersTwo, byDefault: "204", want: "503",
	set: func(_ *rig, c *server.Config) { c.Limits.Instances = 1 },
}, {
	field: "Limits.InstancesPerApp", see: registersTwo, byDefault: "204", want: "503",
	set: func(_ *rig, c *server.Config) { c.Limits.InstancesPerApp = 1 },
}, {
	field: "Limits.MemoryBytes", see: registersTwo, byDefault: "204", want: "503",
	set: func(_ *rig, c *server.Config) { c.Limits.MemoryBytes = 1 },
}, {
	field: "Limits.FutureStamp",
	set:   func(_ *rig, c *server.Config) { c.Limits.FutureStamp = 10 * time.Second },
	see: func(r *rig) string {
		in := instance("ORDERS", "x")
		in.LastDirtyMS = time.Now().Add(time.Minute).UnixMilli()
		register(r.t, r.conn(), in)
		return r.detail("clock", "stampsFromTheFuture")
	},
	byDefault: "0", want: "1",
}, {
	field: "Limits.BatchEntries",
	set:   func(_ *rig, c *server.Config) { c.Limits.BatchEntries = 1 },
	see: func(r *rig) string {
		const entry = `{"appName":"ORDERS","id":"x","action":"Cancel"}`
		code, _ := r.do(http.MethodPost, "/eureka/peerreplication/batch/", `{"replicationList":[`+entry+","+entry+`]}`)
		return fmt.Sprint(code)
	},
	byDefault: "200", want: "413",
}, {
	field: "Limits.HistoryChanges", see: remembers, byDefault: "3", want: "1",
	set: func(_ *rig, c *server.Config) { c.Limits.HistoryChanges = 1 },
}, {
	field: "Limits.HistoryBytes", see: remembers, byDefault: "3", want: "0",
	set: func(_ *rig, c *server.Config) { c.Limits.HistoryBytes = 1 },
}, {
	field: "Limits.HistoryAge", see: remembers, byDefault: "3", want: "1",
	set: func(_ *rig, c *server.Config) { c.Limits.HistoryAge = time.Hour },
}, {
	field: "Limits.Watchers", see: watches(""), byDefault: "200", want: "503",
	set: func(_ *rig, c *server.Config) { c.Limits.Watchers = 1 },
}, {
	field: "Limits.WatchingPages", see: watches("&as=page"), byDefault: "200", want: "503",
	set: func(_ *rig, c *server.Config) { c.Limits.WatchingPages = 1 },
}}

// watches tells how one more request is answered while one watches.
func watches(as string) func(*rig) string {
	return func(r *rig) string {
		defer r.send("GET /heureka/v1/watch?since=now" + as + " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n").Close()
		return r.status("/heureka/v1/watch?since=now&wait=1s" + as)
	}
}

// remembers tells how many of three registrations are in the history, of which two came two hours before the third.
func remembers(r *rig) string {
	r.register("x", "y")
	time.Sleep(2 * time.Hour)
	r.register("z")
	_, body := r.do(http.MethodGet, "/heureka/v1/history", "")
	return fmt.Sprint(strings.Count(body, `"what":"registered"`))
}

// registers tells how a registration with so many entries of metadata is answered.
func registers(entries int) func(*rig) string {
	return func(r *rig) string {
		metadata := make([]string, entries)
		for i := range metadata {
			metadata[i] = fmt.Sprintf(`"key-%d":"a value that makes bodies long"`, i)
		}
		body := strings.Replace(orders, `"status":"UP"`, `"status":"UP","metadata":{`+strings.Join(metadata, ",")+`}`, 1)
		code, _ := r.do(http.MethodPost, "/eureka/apps/ORDERS", body)
		return fmt.Sprint(code)
	}
}

// registersTwo tells how the second of two registrations is answered.
func registersTwo(r *rig) string {
	runtime.GC() // what is live is known only after one
	r.do(http.MethodPost, "/eureka/apps/ORDERS", orders)
	code, _ := r.do(http.MethodPost, "/eureka/apps/ORDERS", strings.ReplaceAll(orders, `"x"`, `"y"`))
	return fmt.Sprint(code)
}
