package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/outbound"
)

// circumstances are what a hint depends on, besides what went wrong.
type circumstances struct {
	whence string // what has named the servers
	shows  bool   // a password or a token was shown
	cert   bool   // and a certificate
	trusts bool   // authorities were named
	plain  bool   // a server was asked without TLS
}

func (r *remote) hintFor(err error) string {
	c := circumstancesOf(&r.files, &r.login, r.servers)
	c.whence = r.whence()
	if status, ok := errors.AsType[*heureka.StatusError](err); ok && status.Code == http.StatusUnauthorized && c.shows && r.learned(status.URL) {
		return "credentials go to servers that are named, not to their peers: --server URL,URL names this one, too"
	}
	return c.hint(err)
}

// learned reports whether a URL is of a server that only another one has named.
func (r *remote) learned(url string) bool {
	at, err := outbound.ParseURL(url)
	return err == nil && !slices.ContainsFunc(r.named, func(s string) bool {
		u, err := outbound.ParseURL(s)
		return err != nil || u.Host == at.Host
	})
}

func circumstancesOf(files *tlsFlags, login *credentialFiles, servers []string) circumstances {
	inURL := slices.ContainsFunc(servers, func(s string) bool { return outbound.Hide(s) != s })
	plain := slices.ContainsFunc(servers, func(s string) bool { return strings.HasPrefix(s, "http:") })
	return circumstances{shows: login.given() || inURL, cert: files.cert.path != "", trusts: files.ca.path != "", plain: plain}
}

// whence is what named the servers.
func (r *remote) whence() string {
	if r.context != "" {
		return "context " + r.context
	}
	return "--server or " + serverVariable
}

// hint is the next step that helps most often.
func (c circumstances) hint(err error) string {
	if status, ok := errors.AsType[*heureka.StatusError](err); ok {
		return c.hintForStatus(status)
	}
	if hint := c.hintForTLS(err); hint != "" {
		return hint
	}
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case op != nil && op.Op == "proxyconnect":
		return "that is the proxy of HTTP_PROXY or HTTPS_PROXY; NO_PROXY=HOST goes past it"
	case strings.HasSuffix(err.Error(), http.StatusText(http.StatusProxyAuthRequired)):
		return proxyHint
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return c.hintForHangUp()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "is a server running there? " + c.whence + " tells where; heureka serve starts one"
	}
	return "check " + c.whence + " and --timeout"
}

const (
	credentialHint  = "--user-file names a file with NAME:PASSWORD, --token-file one with a token"
	proxyHint       = "the proxy of HTTP_PROXY or HTTPS_PROXY does not take the name and password there"
	speaksTLSHint   = "that port speaks TLS: write https:// instead of http://"
	speaksPlainHint = "that port speaks no TLS: write http:// instead of https://"
	noServiceHint   = "is this the service URL? Spring's servers have /eureka/ at its end, Netflix's /eureka/v2/"
)

func (c circumstances) hintForStatus(status *heureka.StatusError) string {
	switch status.Code {
	case http.StatusBadRequest:
		if wantsTLS(status.Code, status.URL, status.Reason) {
			return speaksTLSHint
		}
		if strings.Contains(status.URL, "%2F") || strings.Contains(status.URL, "%5C") {
			return `a Java server takes no id with / or \ in a path: such an instance can be registered there, but stays until its lease ends`
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		return c.hintForDenial(status.Code)
	case http.StatusProxyAuthRequired:
		return proxyHint
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return noServiceHint
	case http.StatusServiceUnavailable:
		return "the server is still starting: heureka health tells its phase"
	}
	return ""
}

func (c circumstances) hintForDenial(code int) string {
	switch {
	case !c.shows && !c.cert:
		return credentialHint
	case code == http.StatusForbidden:
		return "who you are is known, but may not do that: heureka auth check, by somebody with the role admin, tells what it takes"
	case !c.shows:
		return "the server knows no rule for the certificate of --cert, or wants a password or token: " + credentialHint
	}
	return "the server does not take the name and password, or the token, that were shown: are they current, and for this server?"
}

// tlsComplaint is what Java servers and others answer who are asked without TLS.
var tlsComplaint = regexp.MustCompile(`HTTPS|requires TLS`)

// wantsTLS reports whether an answer to a plain request says that it should have come under TLS.
func wantsTLS(code int, url, text string) bool {
	return code == http.StatusBadRequest && strings.HasPrefix(url, "http://") && tlsComplaint.MatchString(text)
}

func (c circumstances) hintForTLS(err error) string {
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case noTLS || errors.Is(err, http.ErrSchemeMismatch):
		return speaksPlainHint
	case unknown && c.trusts:
		return "--cacert names other authorities than the one that signed the server's certificate: whoever runs the server has it"
	case unknown:
		return "--cacert, or the variable SSL_CERT_FILE, names a file with the certificates to trust"
	case otherName:
		return "ask the server by a name that its certificate has, or give it a certificate with this one"
	case isInvalid && invalid.Reason == x509.Expired:
		return "the server's certificate has to be renewed, unless it is this machine's clock that is wrong"
	case op != nil && op.Op == "remote error":
		return c.hintForAlert(op.Err.Error())
	}
	return ""
}

// hintForAlert is for what the server says of the certificate that it was shown, or was not.
func (c circumstances) hintForAlert(alert string) string {
	switch {
	case !strings.Contains(alert, "certificate"):
		return ""
	case !c.cert:
		return "the server wants a certificate: --cert and --key name files with one"
	case strings.Contains(alert, "expired"):
		return "the certificate of --cert has expired: renew it"
	}
	return "the server does not take the certificate of --cert: it has to be of an authority that the server trusts, and for clients"
}

// hintForHangUp is for what may lose the race against the reason.
func (c circumstances) hintForHangUp() string {
	if c.plain {
		return "the server hung up: if that port speaks TLS, write https:// instead of http://"
	}
	return "the server hung up: it may want a certificate (--cert), or another one"
}

// hinting is a log whose lines say what to do next when the registry cannot be reached, as the errors of commands do.
type hinting struct {
	slog.Handler
	hint func(error) string
}

// Handle implements slog.Handler.
func (h hinting) Handle(ctx context.Context, line slog.Record) error {
	hint := ""
	line.Attrs(func(a slog.Attr) bool {
		err, _ := a.Value.Any().(error)
		if _, ofRegistry := errors.AsType[*client.FailoverError](err); ofRegistry && line.Level >= slog.LevelWarn {
			hint = h.hint(err)
		}
		return hint == ""
	})
	if hint != "" {
		line = line.Clone()
		line.AddAttrs(slog.String("hint", hint))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h hinting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hinting{h.Handler.WithAttrs(attrs), h.hint}
}

// WithGroup implements slog.Handler.
func (h hinting) WithGroup(name string) slog.Handler {
	return hinting{h.Handler.WithGroup(name), h.hint}
}

// checkProxies refuses proxies in the environment whose URLs are broken, before a part of a password is taken for a host.
func (p *program) checkProxies() error {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		value := p.variable(name)
		if value == "" {
			continue
		}
		_, address, found := strings.Cut(value, "://")
		if !found {
			address = value
		}
		if _, err := outbound.ParseURL("http://" + address); err != nil {
			return usage("for example http://NAME:PASSWORD@proxy:3128", "%s %v", name, err)
		}
	}
	return nil
}
