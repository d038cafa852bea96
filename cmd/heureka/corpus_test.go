package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestConfigAndServeAgree: whatever a Java server was configured with, heureka config and heureka serve say the same of it.
// The port is taken, so that a node that would serve ends at once.
func TestConfigAndServeAgree(t *testing.T) {
	paths, err := filepath.Glob("../../internal/config/testdata/corpus/*.txtar")
	if err != nil || len(paths) < 60 {
		t.Fatal(len(paths), "archives", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "config-server") {
			continue // there is none to ask
		}
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			args, env := unpack(t, archive)
			args = append(args, "--server.address=127.0.0.1", "--server.port="+port, "--heureka.log-format=text")
			shown, said := execute(env, append([]string{"config"}, args...))
			status, answer := execute(env, append([]string{"serve"}, args...))
			serves := strings.Contains(answer, "error: listen 127.0.0.1:"+port)
			switch {
			case status != statusUsage, serves != (shown == statusOK), !strings.HasPrefix(answer, said), !serves && answer != said:
				t.Errorf("config ends with %d and says:\n%s\nserve ends with %d and says:\n%s", shown, said, status, answer)
			}
		})
	}
}

// unpack puts the files of an archive into a working directory, and returns its arguments and environment.
func unpack(t *testing.T, archive *txtar.Archive) (args, env []string) {
	t.Chdir(t.TempDir())
	for _, f := range archive.Files {
		switch f.Name {
		case "args":
			args = strings.Fields(string(f.Data))
		case "env":
			env = strings.Split(string(f.Data), "\n")
		case "want":
		default:
			if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return args, env
}

func execute(env, args []string) (status int, stderr string) {
	var out, errs bytes.Buffer
	p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, env: env}
	return p.execute(args), errs.String()
}
