package client_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// faults are the ways in which a server can fail a request (G-TS-3). Each is tried against every operation.
var faults = map[string]func(http.ResponseWriter, *http.Request) bool{
	"reset before the header": func(w http.ResponseWriter, _ *http.Request) bool { return hangUp(w) },
	"reset after the header": func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(200)
		flush(w)
		return hangUp(w)
	},
	"hang before the header": func(_ http.ResponseWriter, r *http.Request) bool { return hang(r) },
	"hang in the body": func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"applications":{`)
		flush(w)
		return hang(r)
	},
	"truncated gzip": func(w http.ResponseWriter, _ *http.Request) bool {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		_, _ = io.WriteString(zw, strings.Repeat(`{"applications":`, 100))
		_ = zw.Close()
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b.Bytes()[:b.Len()/2])
		return true
	},
	"200 with HTML":      page(200),
	"204":                answerAll(204),
	"302":                answerAll(302),
	"400":                answerAll(400),
	"401":                answerAll(401),
	"403":                answerAll(403),
	"404 with HTML":      page(404),
	"409":                answerAll(409),
	"429":                answerAll(429),
	"500":                answerAll(500),
	"503":                answerAll(503),
	"empty body":         answerAll(200),
	"wrong content type": text("text/plain", "OK"),
	"endless body": func(w http.ResponseWriter, _ *http.Request) bool {
		for {
			time.Sleep(time.Second)
			if _, err := io.WriteString(w, " "); err != nil {
				return true
			}
			flush(w)
		}
	},
}

// success are the faults that come after a 2xx status, which is all that counts for those who want no body (W-GOCLI-3).
var success = map[string]bool{
	"reset after the header": true, "hang in the body": true, "truncated gzip": true, "200 with HTML": true, "204": true,
	"empty body": true, "wrong content type": true, "endless body": true,
}

func text(contentType, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
		return true
	}
}

func page(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>proxy</body></html>")
		return true
	}
}

func hangUp(w http.ResponseWriter) bool {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
	return true
}

func hang(r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// journal is a list that hooks write to.
type journal[T any] struct {
	mu   sync.Mutex
	list []T
}

func (l *journal[T]) add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, v)
}

// take returns the list and empties it.
func (l *journal[T]) take() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// safeBuffer is a log to look at.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// take returns the log and empties it.
func (b *safeBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.b.String()
	b.b.Reset()
	return s
}

func (b *safeBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
