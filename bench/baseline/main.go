// Command baseline is what heureka's costs are compared with: an HTTP server that does nothing, by net/http. It answers
// every GET with one file, by a single Write of the whole from memory, which is the least that net/http can do for an
// answer; and everything else with an empty 200.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"
	"strconv"
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
	length := []string{strconv.Itoa(len(body))}
	log.Fatal(http.ListenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			return
		}
		h := w.Header()
		h["Content-Type"] = []string{"application/json"}
		h["Content-Encoding"] = []string{"gzip"}
		h["Content-Length"] = length
		w.Write(body) // an error means that the client is gone
	})))
}
