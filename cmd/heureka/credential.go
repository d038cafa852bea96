package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"heureka.internal/heureka/client"
)

// credentialFiles name the file by which a command says who it is: arguments are seen by other users, files need not be.
type credentialFiles struct{ user, token string }

func (f *credentialFiles) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.user, "user-file", "", "file with NAME:PASSWORD to show to servers, instead of credentials in their URLs")
	fl.StringVar(&f.token, "token-file", "", "file with a bearer token to show to servers")
}

func (f *credentialFiles) given() bool { return *f != credentialFiles{} }

func (f *credentialFiles) read() (string, error) {
	return authorization("--", f.user, f.token, secretIn)
}

// check reports mistakes in the files before anything is sent.
func (f *credentialFiles) check() error {
	_, err := f.read()
	return err
}

func (f *credentialFiles) show(h http.Header) error {
	value, err := f.read()
	h.Set("Authorization", value)
	return err
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

// authorization makes a header of the one of two files that is given; prefix begins the names of their flags.
func authorization(prefix, userFile, tokenFile string, text func(name string) (string, error)) (string, error) {
	user, userErr := text(userFile)
	token, tokenErr := text(tokenFile)
	switch {
	case userErr != nil || tokenErr != nil:
		return "", usage("", "%suser-file or %stoken-file: %w", prefix, prefix, errors.Join(userErr, tokenErr))
	case userFile != "" && tokenFile != "":
		return "", usage("", "%suser-file and %stoken-file are two credentials; a request has one", prefix, prefix)
	case userFile != "" && !strings.Contains(user, ":"):
		return "", usage("", "%suser-file: want a file with NAME:PASSWORD", prefix)
	case tokenFile != "" && token == "":
		return "", usage("", "%stoken-file: the file is empty", prefix)
	case user != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user)), nil
	case token != "":
		return "Bearer " + token, nil
	}
	return "", nil
}
