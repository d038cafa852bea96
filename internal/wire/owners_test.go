package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

func batchOf(owners ...string) []wire.ReplicationItem {
	items := []wire.ReplicationItem{{ID: "beat", Action: wire.Heartbeat}}
	for i, owner := range owners {
		items = append(items, wire.ReplicationItem{ID: fmt.Sprint(i), Action: wire.Register, Owner: owner})
	}
	return items
}

func TestOwners(t *testing.T) {
	for want, owners := range map[string][]string{
		"=shop - 0 =OU%3Dpay%2CO%3DA+B 1 0 1": {"shop", "", "shop", "OU=pay,O=A B", "OU=pay,O=A B", "shop", "OU=pay,O=A B"},
		"=%C3%A4%0A%00":                       {"ä\n\x00"},
		"=3 =-":                               {"3", "-"},
		"":                                    {"", ""},
		"- =x":                                {strings.Repeat("x", wire.MaxOwner+1), "x"},
	} {
		header := wire.Owners(batchOf(owners...))
		if header != want {
			t.Errorf("owners %q: header %q, want %q", owners, header, want)
		}
		got, sent := batchOf(make([]string, len(owners))...), batchOf(owners...)
		for i := range sent {
			if len(sent[i].Owner) > wire.MaxOwner {
				sent[i].Owner = ""
			}
		}
		wire.SetBeside(got, only(wire.HeaderOwners, header))
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", header, diff)
		}
	}
	for _, other := range []string{"", "=a", "=a 0 0", "=a 1", "0 =a", "=a -1", "=a x", "=a =%", "=a =" + strings.Repeat("x", wire.MaxOwner+1)} {
		got := batchOf("", "")
		wire.SetBeside(got, only(wire.HeaderOwners, other))
		if diff := cmp.Diff(batchOf("", ""), got); diff != "" {
			t.Errorf("header %q was believed (-want +got):\n%s", other, diff)
		}
	}
}

func TestOwnersOfResults(t *testing.T) {
	in := &heureka.Instance{}
	sent := []wire.ReplicationResult{{StatusCode: 200}, {Instance: in, Owner: "a"}, {Instance: in}, {Instance: in, Owner: "a"}}
	header := wire.OwnersOfResults(sent)
	if want := "=a - 0"; header != want {
		t.Errorf("header %q, want %q", header, want)
	}
	got := []wire.ReplicationResult{{StatusCode: 200}, {Instance: in}, {Instance: in}, {Instance: in}}
	wire.SetOwnersOfResults(got, header)
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
