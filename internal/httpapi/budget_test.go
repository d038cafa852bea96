package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/wire"
)

// Clients that stop in the middle of giants do not keep others out: the slowest gives way, and is told so.
func TestSlowBodiesGiveWay(t *testing.T) {
	n := newNode(t, httpapi.Config{MaxHeldBytes: 4 << 20})
	srv := httptest.NewServer(n)
	defer srv.Close()
	const giants = 12
	var conns []net.Conn
	for i := range giants {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /eureka/apps/DEMO HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 2<<20)
		fmt.Fprintf(conn, `{"instance":{"instanceId":"%d","hostName":"%s`, i, strings.Repeat("x", 600<<10))
		conns = append(conns, conn)
	}
	big := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	deadline := time.Now().Add(time.Minute)
	for n.Handler.(*httpapi.API).HeldBytes() < 3<<20 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // until so much of them has come
	}
	for {
		resp, err := http.Post(srv.URL+"/eureka/apps/DEMO", "application/json", strings.NewReader(big))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusNoContent {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a large registration beside stalled ones: %d", resp.StatusCode)
		}
	}
	timedOut := 0
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		answer, _ := io.ReadAll(conn)
		if strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			timedOut++
		}
	}
	if timedOut == 0 || timedOut == giants {
		t.Errorf("%d of %d stalled ones gave way, want some and not all", timedOut, giants)
	}
}

// What bodies hold is counted while they come, and no more once they are answered.
func TestHeldBytes(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	body, sender := io.Pipe()
	answered := make(chan int)
	go func() {
		r := httptest.NewRequest(http.MethodPost, "/eureka/apps/DEMO", body)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		answered <- w.Code
	}()
	text := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	if _, err := io.WriteString(sender, text); err != nil {
		t.Fatal(err)
	}
	if held := n.Handler.(*httpapi.API).HeldBytes(); held < int64(len(text))/2 {
		t.Errorf("%d bytes held of a body of %d", held, len(text))
	}
	sender.Close()
	if code := <-answered; code != http.StatusNoContent {
		t.Errorf("answered %d", code)
	}
	if held := n.Handler.(*httpapi.API).HeldBytes(); held != 0 {
		t.Errorf("%d bytes held after the answer", held)
	}
}

// A deaf client reads nothing of its answer. It may be cut off.
type deaf struct {
	*httptest.ResponseRecorder
	cut chan struct{}
}

func (d *deaf) Write(b []byte) (int, error) {
	<-d.cut
	return 0, os.ErrDeadlineExceeded
}

func (d *deaf) SetWriteDeadline(t time.Time) error {
	if t.Before(time.Now()) {
		close(d.cut)
	}
	return nil
}

// What clients ask for and do not read takes no more than the budget, whatever it is: the slowest gives way to whoever comes.
func TestUnreadAnswersGiveWay(t *testing.T) {
	const large = 600 << 10
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpapi.Write(w, r, 200, make([]byte, large)) })
	for _, tt := range []struct{ method, path, body string }{
		{"GET", "/eureka/apps/DEMO/big", ""},
		{"GET", "/page", ""},
		{"POST", "/eureka/peerreplication/batch/", `{"replicationList":[{"appName":"DEMO","id":"big","action":"Heartbeat","lastDirtyTimestamp":1,"status":"UP"}]}`},
		{"POST", "/eureka/peerreplication/buckets", "{}"},
	} {
		synctest.Test(t, func(t *testing.T) {
			const deafOnes = 6
			n := newNode(t, httpapi.Config{MaxHeldBytes: 4 << 20, Pages: map[string]http.Handler{"/page": page}, Ring: &ring{buckets: large}})
			n.register(t, "DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", large)}})
			cut := make(chan struct{}, deafOnes)
			ask := func(w http.ResponseWriter) {
				r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set(wire.HeaderReplication, "true")
				n.ServeHTTP(w, r)
			}
			for range deafOnes {
				d := &deaf{httptest.NewRecorder(), make(chan struct{})}
				go func() { ask(d); cut <- struct{}{} }()
				t.Cleanup(func() {
					select {
					case <-d.cut:
					default:
						close(d.cut)
					}
				})
			}
			time.Sleep(2 * time.Second)
			w := httptest.NewRecorder()
			ask(w)
			synctest.Wait()
			held := n.Handler.(*httpapi.API).HeldBytes()
			if w.Code != 200 || w.Body.Len() < large || len(cut) == 0 || len(cut) == deafOnes || held > 4<<20 || held < 5*large {
				t.Errorf("%s %s beside deaf ones: %d, %d bytes; %d of %d cut off, %d bytes held", tt.method, tt.path, w.Code, w.Body.Len(), len(cut), deafOnes, held)
			}
		})
	}
}

// An upload is a request whose body comes by and by, and may be stopped.
type upload struct {
	*httptest.ResponseRecorder
	body *io.PipeWriter
}

func (u *upload) SetReadDeadline(time.Time) error {
	return u.body.CloseWithError(os.ErrDeadlineExceeded)
}

// A giant that comes fast enough, and has had its time, gives way to what needs far less.
func TestGiantsGiveWayToSmallerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, httpapi.Config{MaxHeldBytes: 9 << 19})
		body, sender := io.Pipe()
		giant := &upload{httptest.NewRecorder(), sender}
		var both sync.WaitGroup
		both.Go(func() {
			for step := make([]byte, 64<<10); ; time.Sleep(30 * time.Millisecond) { // 2 MiB a second
				if _, err := sender.Write(step); err != nil {
					return
				}
			}
		})
		both.Go(func() {
			r := httptest.NewRequest("POST", "/eureka/apps/DEMO", body)
			r.Header.Set("Content-Type", "application/json")
			n.ServeHTTP(giant, r)
			body.Close()
		})
		time.Sleep(1500 * time.Millisecond)
		if held := n.Handler.(*httpapi.API).HeldBytes(); held < 4<<20 {
			t.Errorf("the giant holds %d bytes", held)
		}
		big := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
		if a := n.do(t, "POST", "/eureka/apps/DEMO", big, ofJSON); a.status != http.StatusNoContent {
			t.Errorf("a large registration beside a giant: %d", a.status)
		}
		both.Wait()
		if giant.Code != http.StatusRequestTimeout {
			t.Errorf("the giant was answered %d", giant.Code)
		}
	})
}

// Without memory for it, a large record is not sent: alone it is refused, and in the answer to a batch it is left out.
func TestNoRoomForLargeAnswers(t *testing.T) {
	full := false
	n := newNode(t, httpapi.Config{Room: func(int64) bool { return !full }})
	n.register(t, "DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	n.register(t, "DEMO", "small", nil)
	full = true
	for path, want := range map[string]int{"/eureka/apps/DEMO/big": 503, "/eureka/instances/big": 503, "/eureka/apps/DEMO/small": 200} {
		if a := n.do(t, "GET", path, ""); a.status != want {
			t.Errorf("GET %s: %d, want %d", path, a.status, want)
		}
	}
	batch := `{"replicationList":[{"appName":"DEMO","id":"big","action":"Heartbeat","lastDirtyTimestamp":1,"status":"UP"}]}`
	if a := n.do(t, "POST", batchPath, batch, ofJSON, "x-netflix-discovery-replication: true"); a.status != 200 || a.body != `{"responseList":[{"statusCode":409}]}` {
		t.Errorf("the batch: %d %.200s", a.status, a.body)
	}
}
