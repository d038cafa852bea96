package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/outbound"
)

const (
	contextVariable  = "HEUREKA_CONTEXT"
	contextsVariable = "HEUREKA_CONFIG"
)

// A serverContext is how to reach certain servers, and as whom. It has no secrets, only names of files that have them.
type serverContext struct {
	Servers   []string `json:"servers"`
	CACert    string   `json:"cacert,omitempty"`
	Cert      string   `json:"cert,omitempty"`
	Key       string   `json:"key,omitempty"`
	UserFile  string   `json:"userFile,omitempty"`
	TokenFile string   `json:"tokenFile,omitempty"`
}

// check refuses what must not be stored, or is no use.
func (c *serverContext) check() error {
	if c == nil || len(c.Servers) == 0 {
		return usage("--server names one", "a context has at least one server")
	}
	for _, s := range c.Servers {
		if outbound.Hide(s) != s {
			return usage("write NAME:PASSWORD into a file that only you can read, and name it with --user-file",
				"a context has no passwords, and the URL %s came with one", outbound.Hide(s))
		}
		if strings.HasPrefix(s, "dns+") || strings.HasPrefix(s, "dnssrv+") {
			continue
		}
		if _, err := outbound.ParseURL(s); err != nil {
			return usage("service URLs look like "+localServer, "the URL %s %v", s, err)
		}
	}
	return nil
}

// has reports whether all of servers are those of c.
func (c *serverContext) has(servers []string) bool {
	return !slices.ContainsFunc(servers, func(s string) bool {
		return !slices.ContainsFunc(c.Servers, func(own string) bool { return own == s || sameServer(own, s) })
	})
}

// contexts are all of a user.
type contexts struct {
	Current  string                    `json:"current,omitempty"`
	Contexts map[string]*serverContext `json:"contexts"`

	path string
}

// contextsFile is where the contexts of the user are, whether or not there are any.
func (p *program) contextsFile() (string, error) {
	if name := p.variable(contextsVariable); name != "" {
		return name, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usage(contextsVariable+" names a file for contexts", "no directory for contexts: %v", err)
	}
	return filepath.Join(dir, "heureka", "contexts.json"), nil
}

// contexts reads the user's file. Where there is none, there are no contexts.
func (p *program) contexts() (*contexts, error) {
	all := &contexts{Contexts: map[string]*serverContext{}}
	var err error
	if all.path, err = p.contextsFile(); err != nil {
		return all, err
	}
	text, err := os.ReadFile(all.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return all, nil
	case err == nil:
		err = all.decode(text)
	}
	if err != nil {
		return all, usage("mend it or move it away; "+contextsVariable+" names another file", "contexts in %s: %v", all.path, err)
	}
	return all, nil
}

// decode is strict: a file that somebody else has written, or a later heureka, must not be replaced by what we understand of it.
func (all *contexts) decode(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(all)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			return errors.New("the file goes on after its end")
		}
		return all.check()
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s must not be a %s", wrong.Field, wrong.Value)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (all *contexts) check() error {
	if all.Contexts == nil {
		all.Contexts = map[string]*serverContext{}
	}
	for _, name := range all.names() {
		if err := all.Contexts[name].check(); err != nil {
			return fmt.Errorf("context %s: %w", name, err)
		}
	}
	return nil
}

func (all *contexts) names() []string { return slices.Sorted(maps.Keys(all.Contexts)) }

// get returns a context, or an error that lists those there are.
func (all *contexts) get(name string) (*serverContext, error) {
	if c := all.Contexts[name]; c != nil {
		return c, nil
	}
	if len(all.Contexts) == 0 {
		return nil, usage("heureka context add "+name+" --server URL makes it", "there is no context %q, nor any other", name)
	}
	return nil, usage("there are "+strings.Join(all.names(), ", "), "there is no context %q", name)
}

// lockBeside waits until no other command changes files in the directory of path, and returns what lets others go on. Where that cannot
// be had, there is no lock: what is wrong with the directory is told by who writes there.
func lockBeside(path string) (unlock func()) {
	dir := filepath.Dir(path)
	if os.MkdirAll(dir, 0o700) != nil {
		return func() {}
	}
	f, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	lockFile(f)
	return func() { f.Close() }
}

// save replaces the file, which nobody else may read, or what it is a link to.
func (all *contexts) save() error {
	path := all.path
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	doc, err := json.Marshal(all)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = replaceFile(path, doc)
	}
	if err != nil {
		return &failure{status: statusFailed, err: fmt.Errorf("save contexts: %w", err)}
	}
	return nil
}

var contextName = regexp.MustCompile(`^[\pL\pN][\pL\pN._-]{0,63}$`)

// contextFor returns the context that counts for a command, and its name; nil for none. named is what --context says.
// A context that nobody names counts only for its own servers: its credentials are for nobody else.
func (p *program) contextFor(named string, servers []string) (*serverContext, string, error) {
	name := named
	if name == "" {
		name = p.variable(contextVariable)
	}
	if name == "" && len(servers) == 0 && p.variable(serverVariable) != "" {
		return nil, "", nil
	}
	all, err := p.contexts()
	if err != nil {
		if name == "" && all.path == "" {
			err = nil // nowhere to have any
		}
		return nil, "", err
	}
	if name == "" {
		name = all.Current
	}
	if name == "" {
		return nil, "", nil
	}
	c, err := all.get(name)
	if err != nil || named == "" && !c.has(servers) {
		return nil, "", err
	}
	return c, name, nil
}
