package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
)

// registrationEntry is an entry of a batch with a record of about size bytes.
func registrationEntry(id string, size int) fields {
	return fields{"appName": "DEMO", "id": id, "action": "Register", "instanceInfo": rawRecord("DEMO", id, fields{"metadata": fields{"fill": strings.Repeat("x", size)}})}
}

// A Java server's batch that is longer than what is held is performed entry by entry: 250 of the largest records fit.
func TestLongBatchOfAJavaServer(t *testing.T) {
	const size, entries = 100 << 10, 250
	n := newNode(t, httpapi.Config{MaxBodyBytes: size + 4096, MaxBatchBytes: 2 * size, MaxHeldBytes: 10 * size})
	var list []fields
	for i := range entries {
		list = append(list, registrationEntry(fmt.Sprint("i-", i), size))
	}
	body := batchOf(list...)
	for name, send := range map[string]func() answer{
		"announced":         func() answer { return n.do(t, "POST", batchPath, body, ofJSON) },
		"of unknown length": func() answer { return n.stream(t, batchPath, body) },
		"with blanks": func() answer {
			return n.do(t, "POST", batchPath, " { "+strings.Replace(body[1:len(body)-1], ":[", " : [\n", 1)+"\t} ", ofJSON)
		},
	} {
		a := send()
		if a.status != http.StatusOK || strings.Count(a.body, `"statusCode":200`) != entries {
			t.Errorf("%s: %d, %d of %d entries were performed", name, a.status, strings.Count(a.body, `"statusCode":200`), entries)
		}
		if n.reg.Len() != entries {
			t.Errorf("%s: %d instances, want %d", name, n.reg.Len(), entries)
		}
	}
	if a := n.do(t, "POST", batchPath, body, ofJSON, fromNode); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("of a heureka node: %d, want 413, after which it sends less", a.status)
	}
}

// What is wrong with a long batch is found where it stands, and what came before it has been performed.
func TestLongBatchThatIsNone(t *testing.T) {
	good := batchOf(registrationEntry("good", 2000))
	head := good[:len(good)-2]
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"an entry that is too large":  {head + "," + batchOf(registrationEntry("large", 5000))[len(`{"replicationList":[`):], 413},
		"too many entries":            {head + strings.Repeat(`,{"appName":"DEMO","id":"x","action":"Cancel"}`, 1000) + "]}", 413},
		"blanks without end":          {head + strings.Repeat(" ", 3<<20) + "]}", 413},
		"no JSON":                     {strings.Repeat("x", 5000), 400},
		"ends between entries":        {head + "," + strings.Repeat(" ", 3000), 400},
		"ends behind the list":        {head + "]" + strings.Repeat(" ", 3000), 400},
		"goes on behind its end":      {good + strings.Repeat(" ", 3000) + "{}", 400},
		"no list":                     {`{"a":"` + strings.Repeat("x", 3900) + `","replicationList":` + strings.Repeat("1", 500) + "}", 400},
		"cut off":                     {head + "," + strings.Repeat(`{"appName":`, 300), 400},
		"something that is no object": {head + strings.Repeat(",1", 1000) + "]}", 400},
	} {
		n := newNode(t, httpapi.Config{MaxBatchBytes: 4000, Limits: limits})
		a := n.do(t, "POST", batchPath, tt.body, ofJSON)
		if a.status != tt.want {
			t.Errorf("%s: %d, want %d: %.200s", name, a.status, tt.want, a.body)
		}
		if strings.HasPrefix(tt.body, head) && n.reg.Len() != 1 {
			t.Errorf("%s: the good entry before it was not performed", name)
		}
	}
}
