//go:build interop

package interop

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the rows of docs/clients.md that this run has seen")

// A library is one row of docs/clients.md. The run adds its version and what it was seen doing.
type library struct{ fixture, name, language, speaks string }

var libraries = []library{
	{"spring-2025", "Spring Cloud 2025.0.1, its eureka-client", "Java", "JSON; RestClient, RestTemplate, WebClient, Jersey 3; deltas"},
	{"spring-2021", "Spring Cloud 2021.0.9, its eureka-client", "Java", "JSON; Jersey 1, RestTemplate; deltas"},
	{"netflix-1.1", "Netflix eureka-client of 2015", "Java", "JSON; Jersey 1; sends no instance id; deltas"},
	{"netflix-1.4", "Netflix eureka-client 1.4", "Java", "JSON; Jersey 1; deltas"},
	{"netflix-1.7", "Netflix eureka-client 1.7", "Java", "JSON; Jersey 1; deltas"},
	{"micronaut-4", "Micronaut discovery-client", "Java", "JSON; looks up each time"},
	{"armeria-1.33", "Armeria armeria-eureka", "Java", "JSON over HTTP/2 or 1.1; looks up one application"},
	{"python", "py_eureka_client", "Python", "registers in JSON, reads XML"},
	{"wasp-eureka", "wasp-eureka", "Python", "JSON, read from each answer; aiohttp"},
	{"qg-aio-eureka", "qg-aio-eureka", "Python", "JSON, read from each answer; aiohttp"},
	{"eurekapy", "eurekapy", "Python", "registers in JSON, reads XML"},
	{"pyeureka", "pyeureka", "Python", "JSON; heartbeats with seconds for milliseconds; looks up each time"},
	{"node", "eureka-js-client", "JavaScript", "JSON; deltas, full fetches"},
	{"rocket-node", "@rocketsoftware/eureka-js-client", "JavaScript", "JSON; deltas, full fetches"},
	{"eureka-nodejs-client", "eureka-nodejs-client", "JavaScript", "JSON; heartbeats with a body; looks up one application"},
	{"go", "hudl/fargo", "Go", "XML, JSON"},
}

// verbs are the columns: what a story calls a step, and what the reader reads.
var verbs = []struct{ step, title string }{
	{"registered", "register"}, {"outlived its lease", "heartbeats"}, {"discovered", "fetch"},
	{"changed status", "status"}, {"changed metadata", "metadata"}, {"left cleanly", "cancel"}, {"expired when killed", "expiry"},
}

// seen holds the rows of this run by fixture.
var seen = struct {
	sync.Mutex
	rows map[string]string
}{rows: map[string]string{}}

// see notes what a client was seen doing, in the end.
func (s *story) see(fixture, version string) {
	i := slices.IndexFunc(libraries, func(l library) bool { return l.fixture == fixture })
	if i < 0 || target != heurekaGen {
		return
	}
	l := libraries[i]
	row := fmt.Sprintf("| %s | %s | %s | %s |", l.name, version, l.language, l.speaks)
	for _, v := range verbs {
		mark := ""
		if slices.ContainsFunc(s.steps, func(step string) bool { return strings.HasPrefix(step, v.step) }) {
			mark = "yes"
		}
		row += " " + mark + " |"
	}
	seen.Lock()
	defer seen.Unlock()
	seen.rows[fixture] = row
}

const clientsDoc = "../docs/clients.md"

// checkClientsDoc compares docs/clients.md with what this run has seen, or rewrites it. A run with all clients also finds
// rows that nothing stands behind any more.
func checkClientsDoc(whole bool) error {
	data, err := os.ReadFile(clientsDoc)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), tableHead())
	if !ok {
		return fmt.Errorf("%s has no table with the head\n%s", clientsDoc, tableHead())
	}
	old, after, _ := strings.Cut(rest, "\n\n")
	table, errs := merge(strings.Split(strings.TrimSuffix(old, "\n"), "\n"), whole)
	if *update {
		return os.WriteFile(clientsDoc, []byte(before+tableHead()+strings.Join(table, "\n")+"\n\n"+after), 0o644)
	}
	return errors.Join(errs...)
}

func tableHead() string {
	head, line := "| Library | Version | Language | How it speaks |", "|---|---|---|---|"
	for _, v := range verbs {
		head += " " + v.title + " |"
		line += "---|"
	}
	return head + "\n" + line + "\n"
}

// merge returns the table with the rows that were seen put in, and what was different in old.
func merge(old []string, whole bool) (table []string, errs []error) {
	for _, l := range libraries {
		was := slices.IndexFunc(old, func(row string) bool { return strings.HasPrefix(row, "| "+l.name+" |") })
		row := seen.rows[l.fixture]
		if row == "" && whole {
			errs = append(errs, fmt.Errorf("no test has told of %s", l.name))
		}
		switch {
		case row == "" && was >= 0:
			row = old[was]
		case row != "" && (was < 0 || old[was] != row):
			errs = append(errs, fmt.Errorf("%s lacks the row\n%s\nrun with -update", clientsDoc, row))
		}
		if row != "" {
			table = append(table, row)
		}
	}
	return table, errs
}

// nightly skips a test that is not worth its time at every change.
func nightly(t *testing.T) {
	t.Helper()
	if os.Getenv("INTEROP_NIGHTLY") == "" {
		t.Skip("INTEROP_NIGHTLY is not set")
	}
}
