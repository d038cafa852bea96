package client

import (
	"testing"

	"heureka.internal/heureka"
)

// A record without a data centre, as a broken server may send it, can be compared with any other.
func TestRecordsWithoutADataCenter(t *testing.T) {
	with, without := record("A", "1", heureka.StatusUp), record("A", "1", heureka.StatusUp)
	with.DataCenter, without.DataCenter = heureka.OwnDataCenter, nil
	if sameRecord(with, without) || sameRecord(without, with) || !sameRecord(without, without.Clone()) {
		t.Error("a data centre that is missing is not told from one that is there")
	}
}
