package server

import "testing"

// Memory is given back when a node holds much more than it did and has become quiet: after a crowd, not while one is there, and
// not again and again.
func TestMemoryIsGivenBackWhenQuiet(t *testing.T) {
	const mib = 1 << 20
	type look struct {
		held, allocated int64 // MiB, the second since the look before
		want            bool
	}
	for name, looks := range map[string][]look{
		"a crowd has come and gone": {{20, 5, false}, {300, 900, false}, {310, 1, true}},
		"a little more":             {{20, 5, false}, {31, 11, false}, {31, 0, false}},
		"slowly":                    {{20, 5, false}, {26, 5, false}, {32, 5, true}},
		"at work":                   {{300, 500, false}, {320, 500, false}, {310, 500, false}},
		"settled":                   {{300, 1, true}, {300, 1, false}, {340, 1, false}, {360, 1, false}, {380, 1, true}},
		"less since":                {{300, 1, true}, {50, 1, false}, {90, 1, true}},
	} {
		var s settled
		var allocated int64
		for i, l := range looks {
			allocated += l.allocated * mib
			got := s.due(l.held*mib, allocated)
			if got != l.want {
				t.Errorf("%s, look %d: due is %t, want %t", name, i+1, got, l.want)
			}
			if got {
				s.held = l.held * mib
			}
		}
	}
}

// What a node holds is known of this runtime.
func TestProcessMemoryIsKnown(t *testing.T) {
	if held, allocated := processMemory(); held <= 0 || allocated <= 0 {
		t.Errorf("%d bytes held, %d allocated", held, allocated)
	}
}
