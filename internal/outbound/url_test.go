package outbound

import "testing"

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a":                        "",
		" https://u:p%40@[::1]:8761/x?y ": "",
		"a:1":                             "must begin with http:// or https://",
		"ftp://u:geheim@a/":               "must begin with http:// or https://",
		"http:///x":                       "has no host",
		"http://a:0/":                     "has no port from 1 to 65535",
		"http://a:65536/":                 "has no port from 1 to 65535",
		"http://u:%zz@a/":                 "has an invalid percent-encoding",
		"http://a b/":                     "has an invalid character in its host name",
		"http://u:12/geheim@a/":           "is not a URL (reserved characters in a password must be percent-encoded)",
		"http://u/geheim@a/":              "is not a URL (reserved characters in a password must be percent-encoded)",
		"http://u:12?geheim@a/":           "is not a URL (reserved characters in a password must be percent-encoded)",
		"http://u:12#geheim@a/":           "is not a URL (reserved characters in a password must be percent-encoded)",
		"http://u:ge#heim@a/":             "is not a URL (reserved characters in a password must be percent-encoded)",
	} {
		got := ""
		if _, err := ParseURL(raw); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("ParseURL(%q): %q, want %q", raw, got, want)
		}
	}
}

func TestHide(t *testing.T) {
	for text, want := range map[string]string{
		"http://a/":                    "http://a/",
		"http://u:p@a/x@y":             "http://y", // nobody can tell where a password ends
		"http://u:1/p@a/":              "http://a/",
		"http://u:1?p@a/":              "http://a/",
		"http://u:1#p@a/":              "http://a/",
		"http://p/w@a/":                "http://a/",
		"at http://u:p@a/ = b":         "at http://a/ = b",
		"http://u:p@w@a/":              "http://a/",
		"http://u:p@a/,https://v:w@b/": "http://a/,https://b/",
		"http://u:a/b@a/,http://b/":    "http://a/,http://b/",
		"http://u:a,http://b@c/":       "http://c/",
		"dns+http://u:p@a/":            "dns+http://a/",
		"http://u:p,q@a/":              "http://a/",
		"":                             "",
	} {
		if got := Hide(text); got != want {
			t.Errorf("Hide(%q) = %q, want %q", text, got, want)
		}
	}
	if got := Masked("http://u:p@a/,http://b/"); got != "http://******@a/,http://b/" {
		t.Errorf("Masked: %q", got)
	}
}
