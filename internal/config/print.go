package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A View chooses what is printed of Settings.
type View struct {
	Secrets bool   // show passwords
	Inert   bool   // list known keys without effect too, also those that nobody has set
	Word    string // list only keys whose name or description has it, whatever its spelling; "" lists all
}

// Mentioned reports whether a word is in the name or the description of any key.
func Mentioned(word string) bool {
	return slices.ContainsFunc(Keys(), func(k *Key) bool { return k.mentions(word) })
}

// mentions compares without case and without what separates the words of a name.
func (k *Key) mentions(word string) bool {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", ".", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	return slices.ContainsFunc(append(k.names(), k.Doc), func(s string) bool { return strings.Contains(plain(s), plain(word)) })
}

func (s *Settings) viewed(v View) []Setting {
	var shown []Setting
	for _, x := range s.All() {
		if (x.Key.Effective() || v.Inert || x.Origin.Source != Default) && (v.Word == "" || x.Key.mentions(v.Word)) {
			shown = append(shown, x)
		}
	}
	return shown
}

// WriteTable prints settings for people: key, value with its unit, origin, and the default of what is set; what they are for, if they
// were looked for by a word.
func (s *Settings) WriteTable(w io.Writer, v View) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "KEY\tVALUE\tFROM"
	if v.Word != "" {
		head += "\tWHAT"
	}
	fmt.Fprintln(t, head)
	for _, x := range s.viewed(v) {
		origin := x.Origin.String()
		if x.Origin.Source != Default && !x.Key.Map {
			origin += ", default " + s.defaultOf(x.Key).withUnit(v.Secrets)
		}
		if !x.Key.Effective() {
			origin += ", no effect"
		}
		if v.Word != "" {
			origin += "\t" + x.Key.Doc
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.Name, x.withUnit(v.Secrets), origin)
	}
	return t.Flush()
}

// WriteUnused prints what nothing reads. Values are left out: they are nobody's business here, and may be passwords.
func (s *Settings) WriteUnused(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tFROM")
	for _, x := range s.Unused {
		fmt.Fprintf(t, "%s\t%s\n", oneLine(x.Name), x.Origin)
	}
	return t.Flush()
}

// withUnit returns the value as people read it, with "-" for an empty one.
func (s Setting) withUnit(secrets bool) string {
	text := oneLine(s.Shown(secrets))
	if unit := s.Key.UnitName(); unit != "" && text != "" && strings.Trim(text, "0123456789") == "" {
		text += " " + unit
	}
	return cmp.Or(text, "-")
}

func oneLine(text string) string { return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text) }

// WriteKey prints one key with all that is known about it.
func (s *Settings) WriteKey(w io.Writer, k *Key, v View) error {
	var b strings.Builder
	for _, x := range s.Of(k) {
		fmt.Fprintf(&b, "%s = %s (%s)\n", x.Name, x.withUnit(v.Secrets), x.Origin)
	}
	if k.Map && b.Len() == 0 {
		fmt.Fprintf(&b, "%s has no entries\n", k.Usage())
	}
	fmt.Fprintf(&b, "\n  %s\n", k.Doc)
	if !k.Effective() {
		fmt.Fprintf(&b, "  It %s.\n", k.Inert)
	}
	if len(k.Words) > 0 {
		fmt.Fprintf(&b, "  Values: %s\n", strings.Join(k.Words, ", "))
	}
	fmt.Fprintf(&b, "  Default: %s\n", s.defaultOf(k).withUnit(true))
	fmt.Fprintf(&b, "  Environment variable: %s\n", k.EnvName())
	_, err := io.WriteString(w, b.String())
	return err
}

// defaultOf returns the setting as it would be if nothing set it.
func (s *Settings) defaultOf(k *Key) Setting {
	if k.Map {
		return Setting{Key: k}
	}
	bare := *s
	bare.set = nil
	if k.derive != nil || k.follows {
		bare.set = make(map[string]Setting, len(s.set))
		for name, x := range s.set {
			if x.Key != k {
				bare.set[name] = x
			}
		}
	}
	return bare.setting(k)
}

// shownJSON is a setting in JSON.
type shownJSON struct {
	Key     string `json:"key"`
	Value   any    `json:"value"`
	Unit    string `json:"unit,omitempty"`
	Default any    `json:"default,omitempty"`
	Origin  string `json:"origin"`
	Inert   bool   `json:"noEffect,omitempty"`
	Doc     string `json:"doc"`
}

// WriteJSON prints an array with one object for each setting.
func (s *Settings) WriteJSON(w io.Writer, v View) error {
	var all []shownJSON
	for _, x := range s.viewed(v) {
		def := s.defaultOf(x.Key)
		all = append(all, shownJSON{
			Key: x.Name, Value: x.json(v.Secrets), Unit: x.Key.UnitName(), Default: def.json(true),
			Origin: x.Origin.String(), Inert: !x.Key.Effective(), Doc: x.Key.Doc,
		})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(all)
}

// json returns the value in its JSON type. What was masked, or has no value, is text.
func (s Setting) json(secrets bool) any {
	text := s.Shown(secrets)
	switch {
	case text != s.Value.Text || text == "":
		return text
	case s.Key.Kind == Bool:
		return s.Value.Bool
	case s.Key.Kind == Int:
		return s.Value.Int
	case s.Key.Kind == Float:
		return s.Value.Float
	case s.Key.Kind == Duration:
		return int64(s.Value.Duration / s.Key.Unit)
	case s.Key.isList():
		return s.Value.List
	}
	return text
}
