package dashboard_test

import (
	"strings"
	"testing"

	"heureka.internal/heureka/internal/dashboard"
)

// Times in sentences are marked for the script, and stay readable without it; all around them, and what only looks like a time, is
// text.
func TestTimesInSentences(t *testing.T) {
	const sentence = `since 2026-11-22T23:33:52+01:00: <b>2026-13-41T99:00:00Z</b> & more`
	v := aView()
	v.State = dashboard.State{Kind: dashboard.Healthy, Text: sentence}
	want := `since <time class="clock" datetime="2026-11-22T23:33:52+01:00">23:33:52</time>: &lt;b&gt;2026-13-41T99:00:00Z&lt;/b&gt; &amp; more</p>`
	if page := render(t, v); !strings.Contains(page, want) {
		t.Errorf("the page lacks %s:\n%s", want, page)
	}
	if got, want := dashboard.Clock(sentence), `since 23:33:52: <b>2026-13-41T99:00:00Z</b> & more`; got != want {
		t.Errorf("Clock = %q, want %q", got, want)
	}
}
