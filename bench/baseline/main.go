// Command baseline is what heureka's costs are compared with: an HTTP server that does nothing, by net/http. It answers
// every GET with one file as it is, as a file server would from memory, and everything else with an empty 200.
package main

import (
	"bytes"
	"flag"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	file := flag.String("file", "", "what to answer a GET with: a gzip file")
	flag.Parse()
	var body []byte
	if *file != "" {
		var err error
		if body, err = os.ReadFile(*file); err != nil {
			log.Fatal(err)
		}
	}
	modified := time.Now()
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		http.ServeContent(w, r, "", modified, bytes.NewReader(body))
	})))
}
