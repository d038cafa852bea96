package client

import (
	"encoding/json"
	"net/http"

	"heureka.internal/heureka"
)

// The paths that Registration.Handler serves, as Spring's services have them.
const (
	HealthPath = "/actuator/health"
	InfoPath   = "/actuator/info"
)

// Handler serves HealthPath and InfoPath: the own status, 503 unless it is UP, and what the instance is called. A program
// that mounts it names the paths in InstanceConfig.HealthCheckPath and StatusPagePath, so that the registry shows them.
func (r *Registration) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+HealthPath, func(w http.ResponseWriter, _ *http.Request) {
		code, status := http.StatusOK, r.Status()
		if status != heureka.StatusUp {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, map[string]string{"status": status.String()})
	})
	mux.HandleFunc("GET "+InfoPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"app": r.key.App, "instanceId": r.key.ID})
	})
	return mux
}

func answer(w http.ResponseWriter, code int, doc map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(doc) // whoever asked has gone
}
