package replication

import (
	"cmp"
	"encoding/json"
	"fmt"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// RecordForm is the form of the lines of AppendRecord. Members may be added: a node leaves out those that it does not know.
const RecordForm = "entries 1"

// AppendRecord appends what a node knows about a key as one line without its end, as for a peer: for a snapshot of its registry.
func AppendRecord(b []byte, e *registry.Entry) []byte {
	b = append(b, encoded(headOf(e))...)
	if e.Tombstone {
		return b
	}
	b = append(b[:len(b)-1], `,"record":`...) // encoding/json need not look through it
	if e.OnlyOverride() {
		b = append(b, noRecord...)
	} else {
		b = wire.AppendRegistration(b, e.Instance)
	}
	return append(b, '}')
}

// ReadRecord reads such a line. Whether it makes sense is for the registry to judge.
func ReadRecord(line []byte) (registry.Entry, error) {
	head, in, wrong := wire.CutInstance(line, "record") // most of it: encoding/json would go through it three times
	var d entryDoc
	if err := json.Unmarshal(head, &d); err != nil {
		return registry.Entry{}, err
	}
	e, err := d.entry()
	if e.Instance = in; wrong != nil {
		err = cmp.Or(err, fmt.Errorf("entry %s: %w", e.Key, wrong))
	}
	return e, err
}
