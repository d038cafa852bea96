package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"heureka.internal/heureka"
)

//go:embed *.html
var templates embed.FS

//go:embed style.css
var style []byte

//go:embed dashboard.js
var script []byte

// StyleName and ScriptName are where the pages expect these files, below the first page. They change with the contents, so that
// browsers may keep them for ever.
var (
	StyleName  = assetName("style", ".css", style)
	ScriptName = assetName("dashboard", ".js", script)
)

// An Asset is a file that the pages need.
type Asset struct {
	Type    string
	Content []byte
}

// Assets are the files by their names.
func Assets() map[string]Asset {
	return map[string]Asset{StyleName: {"text/css; charset=utf-8", style}, ScriptName: {"text/javascript; charset=utf-8", script}}
}

func assetName(name, ext string, content []byte) string {
	sum := sha256.Sum256(content)
	return "assets/" + name + "-" + hex.EncodeToString(sum[:6]) + ext
}

var (
	page          = parse("Status", "page.html")
	instancesPage = parse("Instances", "instances.html", "detail.html")
	instancePage  = parse("Instance", "instance.html", "detail.html")
	peersPage     = parse("Peers", "peers.html")
	renewalsPage  = parse("Renewals", "renewals.html")
	warningsPage  = parse("Warnings", "warnings.html")
	lastn         = parse("Last 1000", "lastn.html")
	signpost      = parse("Nothing at this address", "signpost.html")
)

// parse makes the page of this name.
func parse(name string, files ...string) *template.Template {
	t := template.New("layout.html").Funcs(template.FuncMap{
		"here": func() string { return name },
		"current": func(other string) template.HTMLAttr {
			if other == name {
				return ` aria-current="page"`
			}
			return ""
		},
		"time":     func(t time.Time) string { return t.Format(timeFormat) },
		"machine":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"since":    sinceText,
		"decimal":  decimal,
		"public":   withoutCredentials,
		"host":     host,
		"page":     peerPage,
		"instance": instanceLink,
		"appLink":  appLink,
		"column": func(q Query, name, label string) any {
			return struct {
				Query         Query
				Column, Label string
			}{q, name, label}
		},
	})
	return template.Must(t.ParseFS(templates, append([]string{"layout.html"}, files...)...))
}

// instanceLink leads to the page of one instance.
func instanceLink(base string, key heureka.Key) string {
	return base + "?" + url.Values{"app": {key.App}, "id": {key.ID}}.Encode()
}

// appLink leads to the instances of an application that have a status.
func appLink(base, app, status string) string {
	return base + Query{App: app, Status: status}.link()
}

// ContentSecurityPolicy is the policy under which the pages work: nothing from elsewhere, nothing inline, and no way to make
// code of text.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Render writes the first page. Its error is the writer's.
func (v *View) Render(w io.Writer) error {
	v.shorten()
	return page.Execute(w, v)
}

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
