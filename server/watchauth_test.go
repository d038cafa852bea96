package server_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever loses the role read, or the credential, hears no more, also on a stream that is never quiet; all others go on.
func TestWatchEndsWithTheCredential(t *testing.T) {
	for name, busy := range map[string]bool{"quiet": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				cfg := r.config()
				password(r, &cfg)
				usersFile(r, &cfg)
				readers(r, &cfg)
				r.start(cfg)
				ann := r.watch("?since=now", "Authorization", basic("ann", "p"))
				user := r.watch("?since=now", asUser...)
				ann.want("whole")
				user.want("whole")
				if err := os.WriteFile(cfg.Auth.UsersFile, []byte("# nobody\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				for range 40 {
					if time.Sleep(500 * time.Millisecond); busy {
						r.do("PUT", "/eureka/apps/X/x/metadata?a=b", "", asUser...)
						r.do("POST", "/eureka/apps/X", `{"instance":{"app":"X","instanceId":"x","hostName":"h","ipAddr":"10.0.0.1","status":"UP",`+
							`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`, asUser...)
					}
				}
				var last event
				var err error
				for e := (event{}); err == nil; e, err = ann.next() {
					if e.Name != "" {
						last = e
					}
				}
				if !errors.Is(err, io.EOF) || last.String() != "reset" {
					t.Errorf("the stream of who is gone ends with %v after %v", err, last)
				}
				r.do("POST", "/eureka/apps/Y", `{"instance":{"app":"Y","instanceId":"y","hostName":"h","ipAddr":"10.0.0.1","status":"UP",`+
					`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`, asUser...)
				for e := (event{}); e.String() != "registered y UP"; {
					if e, err = user.next(); err != nil {
						t.Fatalf("the other stream ends: %v", err)
					}
				}
			})
		})
	}
}
