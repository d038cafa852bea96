package server

import (
	_ "embed"
	"net/http"
)

// openAPI describes everything below /heureka/v1/. Tests compare it with the handlers and what they answer.
//
//go:embed openapi.yaml
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	if !allows(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // an error means that the client is gone
}
