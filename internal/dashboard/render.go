package dashboard

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"html/template"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"
)

var (
	//go:embed style.css
	style string
	//go:embed layout.html
	layoutHTML string
	//go:embed page.html
	pageHTML string
	//go:embed lastn.html
	lastnHTML string
	//go:embed signpost.html
	signpostHTML string
)

var (
	page  = parse(pageHTML)
	lastn = parse(lastnHTML)

	signpost = parse(signpostHTML)
)

func parse(body string) *template.Template {
	t := template.New("layout").Funcs(template.FuncMap{
		"css":     func() template.CSS { return template.CSS(style) },
		"time":    func(t time.Time) string { return t.Format(timeFormat) },
		"decimal": decimal,
		"public":  withoutCredentials,
		"host":    host,
		"page":    peerPage,
		"segment": url.PathEscape,
	})
	template.Must(t.Parse(layoutHTML))
	return template.Must(t.Parse(body))
}

// ContentSecurityPolicy is the policy under which the pages work: no script, nothing from elsewhere, and no style but the
// one they carry.
var ContentSecurityPolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// Render writes the first page. Its error is the writer's.
func (v *View) Render(w io.Writer) error { return page.Execute(w, v) }

// Render writes the second page. Its error is the writer's.
func (l *LastN) Render(w io.Writer) error { return lastn.Execute(w, l) }

// Render writes the page. Its error is the writer's.
func (s Signpost) Render(w io.Writer) error { return signpost.Execute(w, s) }

var userinfo = regexp.MustCompile(`://[^/?#\s]*@`)

// withoutCredentials removes user and password from every URL in s, which may hold several.
func withoutCredentials(s string) string { return userinfo.ReplaceAllString(s, "://") }

// peerPage returns where a peer with this service URL has its status page, unless its settings moved it. The reference
// links to the service URL itself, where there is nothing to see.
func peerPage(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return withoutCredentials(raw)
	}
	base := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/v2")
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(base, "/eureka") + "/"
}

// host returns the host of a URL, or what can be shown of a text that is none.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return withoutCredentials(raw)
	}
	return u.Host
}
