package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// leaf commands, each with arguments that let it begin.
func commandLines(t *testing.T) (lines [][]string) {
	args := map[string][]string{
		"heureka get": {"A", "x"}, "heureka register": {"--app", "A", "--host", "h", "--port", "1", "--lease", "1h"}, "heureka deregister": {"A", "x"}, "heureka status set": {"A", "x", "DOWN"},
		"heureka status clear": {"A", "x"}, "heureka metadata set": {"A", "x", "k=v"}, "heureka history": {"A", "x"}, "heureka run": {"--app", "A", "--port", "1", "--", "true"},
		"heureka top": {"--once"}, "heureka watch": {"--count", "1", "--initial"}, "heureka export": {"out.json"}, "heureka import": {"in.json"}, "heureka diff": {"--ring"}, "heureka auth check": {"apps"}, "heureka context add": {"c"},
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if c.HasSubCommands() || c.Flags().Lookup("server") == nil {
			return
		}
		lines = append(lines, append(strings.Fields(c.CommandPath())[1:], args[c.CommandPath()]...))
	}
	walk((&program{}).command())
	if len(lines) < 18 {
		t.Fatalf("only %d commands", len(lines))
	}
	return lines
}

// No command tells any part of a password, whether it fails because the password is not percent-encoded, because there is no
// server, or because the server says no.
func TestCommandsTellNoPassword(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "in.json"), []byte(`{"applications":{"application":[]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/redirect/") {
			http.Redirect(w, r, "http://127.0.0.1:1/elsewhere/", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer answers.Close()
	host := strings.TrimPrefix(answers.URL, "http://")
	var urls []string
	for i, c := range "/?#@:% ,&\"\\é" {
		secret := fmt.Sprintf("geh%dxq%ceim%dxq", 1234+i, c, 4321+i)
		urls = append(urls, "http://u:"+secret+"@127.0.0.1:1/eureka/", "http://u:"+url.QueryEscape(secret)+"@127.0.0.1:1/eureka/", "http://u:"+url.QueryEscape(secret)+"@"+host+"/eureka/")
	}
	urls = append(urls, "http://u:12/1234xq@127.0.0.1:1/", "http://geh1234xq/eim1xq@127.0.0.1:1/", "http://u:12?1234xq@h/", "http://u:12#1234xq@h/", "http://u:eim1234xq@"+host+"/redirect/")
	commands := commandLines(t)
	for i, u := range urls {
		for j, line := range commands {
			if testing.Short() && (i+j)%5 != 0 {
				continue
			}
			for _, way := range []string{"flag", "variable"} {
				var out lockedBuffer // a child writes to it, too
				p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &out, env: []string{"USER=alice"}}
				args := slices.Clone(line)
				if way == "flag" {
					args = slices.Insert(args, depth(line), "--server", u, "--timeout", "1s")
				} else {
					p.env = append(p.env, serverVariable+"="+u)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				root := p.command()
				root.SetArgs(args)
				if err := root.ExecuteContext(ctx); err != nil {
					p.printError(err)
				}
				cancel()
				for _, part := range []string{"geh1", "xq", "eim4", "eim1"} {
					if strings.Contains(out.String(), part) {
						t.Errorf("heureka %s with %s by %s prints: %s", strings.Join(line, " "), u, way, out.String())
						break
					}
				}
			}
		}
	}
}

// depth is how many words of line are the command.
func depth(line []string) int {
	c, _, err := (&program{}).command().Find(line)
	if err != nil {
		return 1
	}
	return len(strings.Fields(c.CommandPath())) - 1
}
