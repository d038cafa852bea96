package dashboard

import (
	"bytes"
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

// What others have written stands in npm with its licences.
var (
	//go:embed dashboard.js
	scriptSource []byte
	//go:embed instances.js
	instancesSource []byte
	//go:embed npm/preact.js
	preact []byte
	//go:embed npm/htm.js
	htm []byte
)

// A name that changes with the content lets browsers keep a file for ever. Files are imported by these names.
var (
	styleFile     = file("style", ".css", style, nil)
	preactFile    = file("preact", ".js", preact, nil)
	htmFile       = file("htm", ".js", htm, nil)
	instancesFile = file("instances", ".js", instancesSource, map[string]asset{"./npm/preact.js": preactFile, "./npm/htm.js": htmFile})
	scriptFile    = file("dashboard", ".js", scriptSource, map[string]asset{"./instances.js": instancesFile})

	// StyleName and ScriptName are where the pages expect these two, below the first page.
	StyleName, ScriptName = styleFile.name, scriptFile.name
)

// An Asset is a file that the pages need.
type Asset struct {
	Type    string
	Content []byte
}

// Assets are the files by their names.
func Assets() map[string]Asset {
	all := map[string]Asset{}
	for _, f := range []asset{styleFile, preactFile, htmFile, instancesFile, scriptFile} {
		all[f.name] = f.Asset
	}
	return all
}

type asset struct {
	Asset
	name string
}

// file names a file after its content, in which the names of what it imports are replaced.
func file(name, ext string, content []byte, imports map[string]asset) asset {
	for old, to := range imports {
		content = bytes.ReplaceAll(content, []byte(old), []byte("./"+strings.TrimPrefix(to.name, "assets/")))
	}
	kind := "text/javascript; charset=utf-8"
	if ext == ".css" {
		kind = "text/css; charset=utf-8"
	}
	sum := sha256.Sum256(content)
	return asset{Asset{kind, content}, "assets/" + name + "-" + hex.EncodeToString(sum[:6]) + ext}
}

var (
	page          = parse("Status", "page.html")
	instancesPage = parse("Instances", "instances.html", "detail.html", "acts.html")
	instancePage  = parse("Instance", "instance.html", "detail.html", "acts.html")
	peersPage     = parse("Peers", "peers.html")
	renewalsPage  = parse("Renewals", "renewals.html", "acts.html")
	warningsPage  = parse("Warnings", "warnings.html")
	lastn         = parse("Last 1000", "lastn.html")
	refusedPage   = parse("Nothing was done", "refused.html")
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
		"clocks":   clocks,
		"moments":  moments,
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
	return base + Query{App: app, Status: status}.Link()
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
