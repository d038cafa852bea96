package dashboard

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
)

// Acts is what the reader of a page may do to what it shows.
type Acts struct {
	Named bool   // the node knows who they are
	Back  string // the query of the list to which the answer leads; "" for none
}

// A Term is for how long an override can be set.
type Term struct{ Value, Label string }

// Terms are what the form offers.
func (*Acts) Terms() []Term {
	return []Term{{"", "until removed"}, {"15m", "15 minutes"}, {"1h", "1 hour"}, {"4h", "4 hours"}, {"24h", "1 day"}}
}

// ActsData is Acts for the script.
type ActsData struct {
	Named bool   `json:"named"`
	Terms []Term `json:"terms"`
}

// Done says for people what was done, as the query of the page says to which the action has led; "" for what is none. Everybody
// can make such a link, so it can say nothing else.
func Done(q url.Values) string {
	n, _ := strconv.Atoi(q.Get("n"))
	switch q.Get("done") {
	case "override":
		return "The override is set."
	case "restore":
		return "There is no override any more."
	case "cancel":
		return "The instance is removed."
	case "release":
		return fmt.Sprintf("Expired leases that are no longer held: %d. They go at the next ticks, 15 %% of the registry each.", n)
	case "evict":
		return fmt.Sprintf("Evicted just now: %d.", n)
	}
	return ""
}

// Refused is the page of an action that was not done.
type Refused struct {
	Frame
	Why string
}

// Render writes the page. Its error is the writer's.
func (r *Refused) Render(w io.Writer) error { return refusedPage.Execute(w, r) }
