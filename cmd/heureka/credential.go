package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"heureka.internal/heureka/client"
)

// credentialFiles name the file by which a command says who it is: arguments are seen by other users, files need not be.
type credentialFiles struct{ user, token namedFile }

// add adds the flags; prefix, such as "compare-", begins their names.
func (f *credentialFiles) add(fl *pflag.FlagSet, prefix string) {
	addFile(fl, &f.user, prefix, "user-file", "file with NAME:PASSWORD to show to servers, instead of credentials in their URLs")
	addFile(fl, &f.token, prefix, "token-file", "file with a bearer token to show to servers")
}

// orElse takes the credential of a context where no flag has named one.
func (f *credentialFiles) orElse(c *serverContext, name string) {
	if !f.given() {
		f.user.orElse(c.UserFile, name, "user-file")
		f.token.orElse(c.TokenFile, name, "token-file")
	}
}

func (f *credentialFiles) given() bool { return f.user.path+f.token.path != "" }

func (f *credentialFiles) read() (string, error) { return f.authorization(secretIn) }

// check reports mistakes in the files before anything is sent.
func (f *credentialFiles) check() error {
	_, err := f.read()
	return err
}

// show adds the credential to a request, if there is one.
func (f *credentialFiles) show(h http.Header) error {
	value, err := f.read()
	if value != "" {
		h.Set("Authorization", value)
	}
	return err
}

// remembered is show for many requests: it reads the file again every ten seconds. Without a file it is nil.
func (f *credentialFiles) remembered() func(http.Header) error {
	source := f.source()
	if source == nil {
		return nil
	}
	var now atomic.Pointer[client.Credential]
	return func(h http.Header) error {
		c := now.Load()
		if c == nil || time.Now().After(c.Expires) {
			next, err := source(context.Background())
			if err != nil {
				return err
			}
			c = &next
			now.Store(c)
		}
		h.Set("Authorization", c.Authorization)
		return nil
	}
}

// source returns nil if there is no file. Commands that go on for long read it again: it may be replaced.
func (f *credentialFiles) source() func(context.Context) (client.Credential, error) {
	if !f.given() {
		return nil
	}
	return func(context.Context) (client.Credential, error) {
		value, err := f.read()
		return client.Credential{Authorization: value, Expires: time.Now().Add(10 * time.Second)}, err
	}
}

// secretIn returns what stands in a file, "" if there is none.
func secretIn(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	b, err := os.ReadFile(name)
	return strings.TrimRight(string(b), "\r\n"), err
}

// authorization makes a header of the one of two files that is given.
func (f *credentialFiles) authorization(text func(name string) (string, error)) (string, error) {
	user, userErr := text(f.user.path)
	token, tokenErr := text(f.token.path)
	switch {
	case userErr != nil:
		return "", usage("", "%s: %w", f.user.from, userErr)
	case tokenErr != nil:
		return "", usage("", "%s: %w", f.token.from, tokenErr)
	case f.user.path != "" && f.token.path != "":
		return "", usage("", "%s and %s are two credentials; a request has one", f.user.from, f.token.from)
	case f.user.path != "" && !strings.Contains(user, ":"):
		return "", usage("", "%s: want a file with NAME:PASSWORD", f.user.from)
	case f.token.path != "" && token == "":
		return "", usage("", "%s: the file is empty", f.token.from)
	case user != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user)), nil
	case token != "":
		return "Bearer " + token, nil
	}
	return "", nil
}
