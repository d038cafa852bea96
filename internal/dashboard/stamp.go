package dashboard

import (
	"html/template"
	"regexp"
	"strings"
	"time"
)

// Sentences hold times as RFC 3339 has them, so that pages can show them in the zone of whoever reads.
var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)`)

// Clock writes the times of a sentence as hours, minutes and seconds, in the zone in which they stand there.
func Clock(sentence string) string {
	return stamp.ReplaceAllStringFunc(sentence, func(s string) string {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil { // as that of a 32nd of January
			return s
		}
		return t.Format(time.TimeOnly)
	})
}

// clocks is a sentence as HTML, its times as Clock has them.
func clocks(sentence string) template.HTML { return stamped(sentence, `clock`, time.TimeOnly) }

// moments is a sentence as HTML, its times with their dates.
func moments(sentence string) template.HTML { return stamped(sentence, `moment`, timeFormat) }

func stamped(sentence, class, layout string) template.HTML {
	var b strings.Builder
	last := 0
	for _, at := range stamp.FindAllStringIndex(sentence, -1) {
		s := sentence[at[0]:at[1]]
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			continue
		}
		b.WriteString(template.HTMLEscapeString(sentence[last:at[0]]))
		b.WriteString(`<time class="` + class + `" datetime="` + s + `">` + t.Format(layout) + `</time>`)
		last = at[1]
	}
	b.WriteString(template.HTMLEscapeString(sentence[last:]))
	return template.HTML(b.String())
}
