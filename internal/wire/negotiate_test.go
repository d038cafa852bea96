package wire_test

import (
	"testing"

	"heureka.internal/heureka/internal/wire"
)

// answer is what a negotiation comes to: a media type, or "406".
func answer(f wire.Format, ok bool) string {
	if !ok {
		return "406"
	}
	return f.MediaType()
}

func TestNegotiation(t *testing.T) {
	const xml, json = "application/xml", "application/json"
	tests := []struct{ statement, accept, document, single string }{
		{"W-NEG-2 none", "", xml, xml},
		{"W-NEG-2 anything", "*/*", xml, xml},
		{"W-NEG-2 any application type", "application/*", xml, xml},
		{"plain JSON", "application/json", json, json},
		{"plain XML", "application/xml", xml, xml},
		{"W-NEG-3 JSON anywhere", "application/xml, application/json", json, xml},
		{"W-NEG-3 order plays no part, W-NEG-5 the earlier of equal types", "application/json, application/xml", json, json},
		{"W-NEG-5 the earlier of equal types among others", "text/html, application/json;q=0.9, application/xml;q=0.9, */*", json, xml},
		{"W-NEG-5 equal types after others", "text/html, application/json;q=0.9, application/xml;q=0.9", json, json},
		{"W-NEG-3 quality plays no part", "application/json;q=0.1, application/xml", json, xml},
		{"W-NEG-3 case counts", "APPLICATION/JSON", xml, json},
		{"W-NEG-3 json in another type", "text/json, application/xml", json, xml},
		{"W-NEG-3 json in a parameter", "application/xml;profile=json", json, xml},
		{"W-NEG-5 quality decides", "application/xml;q=0.5, application/json", json, json},
		{"W-NEG-5 quality decides for XML", "application/json;q=0.5, application/xml", json, xml},
		{"W-NEG-5 the more specific range", "application/json, */*", json, json},
		{"W-NEG-5 the more specific range, the other way round", "*/*, application/json", json, json},
		{"W-NEG-5 a range that covers both is XML", "application/xml;q=0.1, */*;q=0.5", xml, xml},
		{"W-NEG-5 quality 0 is the lowest, not a refusal", "application/xml;q=0, application/json;q=0.1", json, json},
		{"W-NEG-5 any type of one name", "*/json", json, json},
		{"W-NEG-5 a type without a slash", "application", xml, xml},
		{"W-NEG-5 equal ranges", "application/json;q=0.3;x=y, application/json;q=0.9, application/xml;q=0.5", json, json},
		{"W-NEG-5 equal ranges in another order", "application/json;q=0.9, application/json;q=0.3, application/xml;q=0.5", json, json},
		{"W-CQ-S-5 RestTemplate", "application/json, application/*+json", json, json},
		{"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", xml, xml},
		{"an old Java client", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", xml, xml},
		{"white space", " application/json ; q=1 ", json, json},
		{"quotes", `application/json;x="a,b;q=0"`, json, json},
		{"escapes in quotes", `text/html;x="\",*/*", application/xml`, xml, xml},
		{"W-NEG-6 HTML", "text/html", "406", "406"},
		{"W-NEG-6 text/json", "text/json", "406", "406"},
		{"W-NEG-6 an image", "image/png", "406", "406"},
		{"W-NEG-6 other JSON", "application/vnd.x+json", "406", "406"},
		{"W-NEG-6 all JSON dialects", "application/*+json", "406", "406"},
		{"W-NEG-6 quality 0 is no refusal", "application/json;q=0, application/xml;q=0.0", json, json},
		{"W-NEG-6 quality 0 of everything", "*/*;q=0", xml, xml},
		{"a quality that makes no sense", "application/json;q=x", "406", "406"},
		{"a quality that is no number", "application/json;q=NaN", "406", "406"},
		{"a negative quality", "application/json;q=-1", "406", "406"},
		{"too much quality", "application/xml;q=7, application/json;q=1", json, xml},
		{"rubbish", ";,;=,\"", "406", "406"},
		{"a list of nothing", ",,,", "406", "406"},
	}
	for _, tt := range tests {
		t.Run(tt.statement, func(t *testing.T) {
			if got := answer(wire.NegotiateDocument(tt.accept)); got != tt.document {
				t.Errorf("NegotiateDocument(%q) = %s, want %s", tt.accept, got, tt.document)
			}
			if got := answer(wire.NegotiateSingle(tt.accept)); got != tt.single {
				t.Errorf("NegotiateSingle(%q) = %s, want %s", tt.accept, got, tt.single)
			}
		})
	}
}

func TestRequestFormat(t *testing.T) {
	const xml, json, refused = "application/xml", "application/json", "406" // 415, as it were
	tests := map[string]string{
		// W-NEG-8
		"application/json": json, "application/xml": xml, "Application/JSON": json,
		"application/json;charset=UTF-8": json, "application/json; charset=utf-8": json, `application/xml; charset="ISO-8859-1"`: xml,
		"application/json;charset=iso-8859-1": json, "application/json; profile=x": json, "application/json;": json,
		" application/json ; CHARSET=Utf-8": json,
		"":                                  refused, "text/plain": refused, "text/json": refused, "text/xml": refused,
		"application/x-www-form-urlencoded": refused, "application/vnd.x+json": refused, "application/json;charset=utf-16": refused,
		"application/json;charset=": refused, "application/jsonx": refused, "json": refused, ";charset=utf-8": refused,
		// W-NEG-9
		"*/*": xml, "application/*": xml, "text/*": refused,
	}
	for contentType, want := range tests {
		if got := answer(wire.RequestFormat(contentType)); got != want {
			t.Errorf("RequestFormat(%q) = %s, want %s", contentType, got, want)
		}
	}
}

func TestNegotiationDoesNotAllocate(t *testing.T) {
	allocs := testing.AllocsPerRun(100, func() {
		wire.NegotiateDocument("application/json, application/*+json;q=0.5")
		wire.NegotiateSingle("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
		wire.RequestFormat("application/json; charset=utf-8")
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
