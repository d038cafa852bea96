package wire

import (
	"strconv"
	"strings"
)

// HeaderIncarnations is the header of a batch in which a heureka node says which incarnation of its record each
// registration in the batch means: one number for each, in their order. It is no member of the items because Java servers
// refuse those that they do not know.
const HeaderIncarnations = "X-Heureka-Incarnations"

// Incarnations returns the header for items, "" if none is a registration.
func Incarnations(items []ReplicationItem) string {
	var b []byte
	for i := range items {
		if items[i].Action == Register {
			b = strconv.AppendUint(append(b, ' '), uint64(items[i].Incarnation), 10)
		}
	}
	return string(b[min(1, len(b)):])
}

func setIncarnations(regs []*ReplicationItem, header string) {
	numbers := strings.Fields(header)
	if len(numbers) != len(regs) {
		return
	}
	parsed := make([]uint32, len(numbers))
	for i, text := range numbers {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return
		}
		parsed[i] = uint32(n)
	}
	for i, it := range regs {
		it.Incarnation, it.HasIncarnation = parsed[i], true
	}
}
