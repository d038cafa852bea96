package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// drawJSON draws any value, with blanks where they may be.
func drawJSON(t *rapid.T, depth int) string {
	blank := rapid.SampledFrom([]string{"", " ", "\n\t"})
	switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case kind == 0 && depth > 0:
		var list strings.Builder
		list.WriteString("[")
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			list.WriteString(map[bool]string{true: ","}[i > 0] + blank.Draw(t, "blank") + drawJSON(t, depth-1) + blank.Draw(t, "blank"))
		}
		return list.String() + "]"
	case kind == 1 && depth > 0:
		var object strings.Builder
		object.WriteString("{")
		for i := range rapid.IntRange(0, 3).Draw(t, "members") {
			object.WriteString(map[bool]string{true: ","}[i > 0] + fmt.Sprintf(`"%d":`, i) + blank.Draw(t, "blank") + drawJSON(t, depth-1) + blank.Draw(t, "blank"))
		}
		return object.String() + "}"
	case kind == 2:
		return rapid.SampledFrom([]string{"null", "true", "false", "0", "-1.5e+7"}).Draw(t, "word")
	}
	text, _ := json.Marshal(anyText.Draw(t, "text"))
	return string(text)
}

// Whatever the values around it are, a member is cut out whole, and the elements of a list are told apart.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawJSON(t, 3) }), 3, 3).Draw(t, "values")
		object := fmt.Sprintf(" { \"a\" : %s , \"record\":%s ,\"z\":%s}", values[0], values[1], values[2])
		rest, _, err := wire.CutInstance([]byte(object), "record")
		if want := fmt.Sprintf(" { \"a\" : %s , \"record\":null ,\"z\":%s}", values[0], values[2]); err == nil && values[1] != "null" || string(rest) != want {
			t.Fatalf("%s: cut into %s, %v", object, rest, err)
		}
		if rest, in, err := wire.CutInstance([]byte(object), "none"); err != nil || in != nil || string(rest) != object {
			t.Fatalf("%s: cut into %s, %v", object, rest, err)
		}
		object = fmt.Sprintf("{\"a\":%s, \"list\": [%s,\n%s , %s] ,\"z\":%s}", values[0], values[0], values[1], values[2], values[2])
		rest, list, err := wire.CutList([]byte(object), "list", 3)
		got := make([]string, len(list))
		for i, element := range list {
			got[i] = string(element)
		}
		want := fmt.Sprintf("{\"a\":%s, \"list\": null ,\"z\":%s}", values[0], values[2])
		if diff := cmp.Diff(values, got); err != nil || diff != "" || string(rest) != want {
			t.Fatalf("%s: %s, %v\n%s", object, rest, err, diff)
		}
		if _, list, err := wire.CutList([]byte(object), "list", 2); err == nil {
			t.Fatalf("%s: %q", object, list)
		}
		if rest, list, err := wire.CutList([]byte(object), "none", 3); err != nil || list != nil || string(rest) != object {
			t.Fatalf("%s: %s, %q, %v", object, rest, list, err)
		}
		record := string(wire.AppendRegistration(nil, &heureka.Instance{App: "A", ID: "1", HostName: "h", DataCenter: heureka.OwnDataCenter}))
		object = fmt.Sprintf("{\"a\":%s, \"record\": %s ,\"z\":%s}", values[0], record, values[2])
		rest, in, err := wire.CutInstance([]byte(object), "record")
		if want := strings.Replace(object, record, "null", 1); err != nil || in.ID != "1" || string(rest) != want {
			t.Fatalf("%s: %s, %v, %v", object, rest, in, err)
		}
	})
}

func TestCutOfBrokenLists(t *testing.T) {
	for _, list := range []string{"", "[", "[1", "[1,", "[1 2]", "{}", `["]`, "[{]", "1"} {
		if _, elements, err := wire.CutList([]byte(`{"list":`+list), "list", 10); err == nil {
			t.Errorf("%s: %q", list, elements)
		}
	}
	for _, list := range []string{"[]", " [ ] ", "null"} {
		if _, elements, err := wire.CutList([]byte(`{"list":`+list+"}"), "list", 0); err != nil || len(elements) > 0 {
			t.Errorf("%s: %q, %v", list, elements, err)
		}
	}
}

// What is wrong with a record is said, and it is cut out all the same; none is no error.
func TestCutOfBrokenInstances(t *testing.T) {
	for object, want := range map[string]string{
		`{"a":1,"record":{"instance":{"app":7,"port":"x"}},"z":2}`: `{"a":1,"record":null,"z":2}`,
		`{"a":1,"record":[],"z":2}`:                                `{"a":1,"record":null,"z":2}`,
		`{"a":1,"record":{},"z":2}`:                                `{"a":1,"record":null,"z":2}`,
	} {
		if rest, in, err := wire.CutInstance([]byte(object), "record"); err == nil || in != nil || string(rest) != want {
			t.Errorf("%s: %s, %v, %v", object, rest, in, err)
		}
	}
	for _, object := range []string{`{"a":1}`, `{"record":null,"a":1}`, `{}`} {
		if rest, in, err := wire.CutInstance([]byte(object), "record"); err != nil || in != nil || string(rest) != object {
			t.Errorf("%s: %s, %v, %v", object, rest, in, err)
		}
	}
}

// FuzzCut looks for what makes cutting hang, or lose what a decoder would find.
func FuzzCut(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":"\"}"}],"record":{"instance":{}},"c":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _, _ = wire.CutList(body, "a", 1000)
		if rest, in, err := wire.CutInstance(body, "record"); json.Valid(body) && !json.Valid(rest) {
			t.Errorf("%q becomes %q and %v, %v", body, rest, in, err)
		}
	})
}
