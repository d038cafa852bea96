package server_test

import (
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// What the script of the pages reads: the list in columns, one instance, the sentence about the node.
func TestDataOfThePages(t *testing.T) {
	alone(t, func(*server.Config) {}, func(t *testing.T, n *heurekatest.Node) {
		for _, id := range []string{"o1", "o2", "o3"} {
			in := instance("ORDERS", id)
			in.Metadata = heureka.NewMetadata(map[string]string{"zone": "z1", "note": strings.Repeat("long ", 200)})
			register(t, connect(t, n, "client"), in)
		}
		w := call(n, "GET", "/data/instances", "Accept-Encoding", "gzip")
		zr, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err, w.Header())
		}
		var list struct {
			Version         string
			App, ID, Status []string
			Heard           []int
			Meta            []int
			Metas           []map[string]string
		}
		if err := json.NewDecoder(zr).Decode(&list); err != nil {
			t.Fatal(err)
		}
		if strings.Join(list.ID, " ") != "o1 o2 o3" || list.Status[2] != "UP" || len(list.Heard) != 3 || len(list.Metas) != 1 || list.Metas[list.Meta[1]]["zone"] != "z1" {
			t.Errorf("the list is %+v", list)
		}
		if status, body := v1(t, n, "watch?wait=0s&since="+list.Version); status != 200 || strings.Contains(body, "reset") {
			t.Errorf("watching from its version: %d %s", status, body)
		}
		if body := call(n, "GET", "/data/instance?app=orders&id=o2").Body.String(); !strings.Contains(body, `{"Name":"Instance id","Value":"o2","URL":""}`) || !strings.Contains(body, `"What":"registered"`) {
			t.Errorf("one instance is %s", body)
		}
		if body := call(n, "GET", "/data/state").Body.String(); !strings.Contains(body, `"text":"since `) || !strings.Contains(body, "3 instances of 1 application") {
			t.Errorf("the state is %s", body)
		}
		if w := call(n, "POST", "/data/state"); w.Code != 405 {
			t.Errorf("POST = %d", w.Code)
		}
	})
}
