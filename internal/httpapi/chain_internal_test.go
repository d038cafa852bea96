package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// known is a backend that renews whatever it is asked to.
type known struct{ Backend }

func (known) Renew(heureka.Key, registry.Renewal, registry.Origin) error { return nil }

// bare is a ResponseWriter that costs nothing.
type bare struct{ header http.Header }

func (b *bare) Header() http.Header         { return b.header }
func (b *bare) WriteHeader(int)             {}
func (b *bare) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkChain is a heartbeat without and with what is around serving it: the difference is what the chain costs.
func BenchmarkChain(b *testing.B) {
	pass := func(c *Call) Refusal { return Refusal{} }
	r := httptest.NewRequest("PUT", "/eureka/apps/DEMO/h:demo:8080?status=UP&lastDirtyTimestamp=1795389393136", nil)
	r.Header.Set("Accept", "application/json")
	w := &bare{http.Header{}}
	b.Run("serving alone", func(b *testing.B) {
		a := benched(b, Config{})
		c := &call{API: a}
		c.Request, c.w.call, c.w.ResponseWriter = r, c, w
		b.ReportAllocs()
		for b.Loop() {
			c.Route, c.w.status = a.route(r.URL), 0
			c.serve()
		}
	})
	for name, steps := range map[string]Steps{"without steps": {}, "with three steps": {Admit: pass, Authenticate: pass, Authorise: pass}} {
		b.Run(name, func(b *testing.B) {
			a := benched(b, Config{Steps: steps})
			b.ReportAllocs()
			for b.Loop() {
				a.ServeHTTP(w, r)
			}
		})
	}
}

func benched(b *testing.B, cfg Config) *API {
	cfg.MaxBodyBytes, cfg.MaxBatchBytes, cfg.MaxHeldBytes, cfg.NotReadyStatus = 1<<20, 1<<20, 1<<20, http.StatusServiceUnavailable
	cfg.ErrorLog, cfg.RegistrationRefused = func(*http.Request, any) {}, func(*http.Request, string, string) {}
	a, err := New(cfg, known{})
	if err != nil {
		b.Fatal(err)
	}
	return a
}
