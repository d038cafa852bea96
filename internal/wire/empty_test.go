package wire_test

import (
	"strings"
	"testing"

	"heureka.internal/heureka/internal/wire"
)

// Instances and applications that say nothing are not kept until their document ends.
func TestEmptyRecordsTakeNoMemory(t *testing.T) {
	const n = 300_000
	for name, app := range map[string]string{
		"instances":    `{"name":"A","instance":[` + strings.Repeat("{},", n) + usable("") + `]}`,
		"applications": `[` + strings.Repeat("{},", n) + `{}]`,
	} {
		apps, err := wire.DecodeApplications(wire.JSON, document(app))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range apps.Apps {
			if cap(a.Instances) > 1 {
				t.Errorf("%s: room for %d instances that no client can use", name, cap(a.Instances))
			}
		}
		if cap(apps.Apps) > 1 {
			t.Errorf("%s: room for %d applications", name, cap(apps.Apps))
		}
	}
}
