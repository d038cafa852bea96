package wire

import (
	"net/url"
	"strconv"
	"strings"
)

// HeaderOwners is the header in which a heureka node says whose records are those of the registrations in a batch, or of the
// records in the answer to one, in their order. It is no member of them because Java servers refuse those that they do not know.
// Each is a minus for nobody, = and the name, escaped as in a query, or the number of a name that stands before it.
const HeaderOwners = "X-Heureka-Owners"

// MaxOwner is how long the name of an owner may be: longer ones count as none.
const MaxOwner = 512

// Owners returns the header for the registrations in items; "" if they are nobody's.
func Owners(items []ReplicationItem) string {
	var o ownerList
	for i := range items {
		if items[i].Action == Register {
			o.add(items[i].Owner)
		}
	}
	return o.text()
}

// OwnersOfResults returns the header for the records in an answer; "" if they are nobody's.
func OwnersOfResults(results []ReplicationResult) string {
	var o ownerList
	for i := range results {
		if results[i].Instance != nil {
			o.add(results[i].Owner)
		}
	}
	return o.text()
}

// SetOwnersOfResults gives the records in an answer what the header says of them. A header that does not fit them says nothing.
func SetOwnersOfResults(results []ReplicationResult, header string) {
	var owners []*string
	for i := range results {
		if results[i].Instance != nil {
			owners = append(owners, &results[i].Owner)
		}
	}
	setOwners(owners, header)
}

// An ownerList is a header in the making.
type ownerList struct {
	b     []byte
	known map[string]int
}

func (o *ownerList) add(name string) {
	o.b = append(o.b, ' ')
	n, again := o.known[name]
	switch {
	case name == "" || len(name) > MaxOwner:
		o.b = append(o.b, '-')
	case again:
		o.b = strconv.AppendInt(o.b, int64(n), 10)
	default:
		if o.known == nil {
			o.known = map[string]int{}
		}
		o.known[name] = len(o.known)
		o.b = append(append(o.b, '='), url.QueryEscape(name)...)
	}
}

func (o *ownerList) text() string {
	if o.known == nil {
		return ""
	}
	return string(o.b[1:])
}

func setOwners(owners []*string, header string) {
	tokens := strings.Fields(header)
	if len(tokens) != len(owners) {
		return
	}
	names, parsed := []string{}, make([]string, len(tokens))
	for i, token := range tokens {
		escaped, isName := strings.CutPrefix(token, "=")
		n, err := strconv.Atoi(token)
		switch {
		case token == "-":
			continue
		case isName:
			var name string
			if name, err = url.QueryUnescape(escaped); err != nil || len(name) > MaxOwner {
				return
			}
			parsed[i] = strings.Clone(name) // it outlives the header
			names = append(names, parsed[i])
		case err != nil || n < 0 || n >= len(names):
			return
		default:
			parsed[i] = names[n]
		}
	}
	for i := range owners {
		*owners[i] = parsed[i]
	}
}
