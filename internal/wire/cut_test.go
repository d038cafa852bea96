package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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
		rest, value := wire.CutMember([]byte(object), "record")
		if want := fmt.Sprintf(" { \"a\" : %s , \"record\":null ,\"z\":%s}", values[0], values[2]); string(value) != values[1] || string(rest) != want {
			t.Fatalf("%s: cut into %s and %s", object, rest, value)
		}
		if rest, value := wire.CutMember([]byte(object), "none"); value != nil || string(rest) != object {
			t.Fatalf("%s: cut into %s and %s", object, rest, value)
		}
		array := fmt.Sprintf("[%s,\n%s , %s]", values[0], values[1], values[2])
		list, err := wire.Elements([]byte(array), 3)
		got := make([]string, len(list))
		for i, element := range list {
			got[i] = string(element)
		}
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Fatalf("%s: %v\n%s", array, err, diff)
		}
		if list, err := wire.Elements([]byte(array), 2); err == nil {
			t.Fatalf("%s: %q", array, list)
		}
	})
}

func TestElementsOfBrokenLists(t *testing.T) {
	for _, array := range []string{"", "[", "[1", "[1,", "[1 2]", "{}", `["]`, "[{]", "null"} {
		if list, err := wire.Elements([]byte(array), 10); err == nil {
			t.Errorf("%s: %q", array, list)
		}
	}
	for _, array := range []string{"[]", " [ ] "} {
		if list, err := wire.Elements([]byte(array), 0); err != nil || len(list) > 0 {
			t.Errorf("%s: %q, %v", array, list, err)
		}
	}
}

// FuzzCut looks for what makes cutting hang, or lose what a decoder would find.
func FuzzCut(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":"\"}"}],"record":{"instance":{}},"c":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = wire.Elements(body, 1000)
		rest, value := wire.CutMember(body, "record")
		if json.Valid(body) && (!json.Valid(rest) || value != nil && !json.Valid(value)) {
			t.Errorf("%q becomes %q and %q", body, rest, value)
		}
	})
}
