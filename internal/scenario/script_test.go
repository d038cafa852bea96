package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt with what happens")

// The stories in testdata: blocks of commands, a line ----, what the commands print, and an empty line.
//
//	start a b c                          start a ring and wait until it is open; or start killed nodes again
//	register a ORDERS/host1 every=30s    register on a and send heartbeats, to another node if a does not answer; with stay
//	                                     as the last word only ever to a
//	cancel a ORDERS/host1, crash ORDERS/host1, status a ORDERS/host1 OUT_OF_SERVICE, clear a ORDERS/host1
//	partition a | b c, oneway a | b c    cut links; one way: from a to b and c
//	heal, kill a, stop a, advance 10m
//	show a ORDERS                        list what a node has
func TestStoriesInText(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = (&script{t: t}).play(string(text)) })
			switch {
			case got == string(text):
			case *update:
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("got:\n%s\nwant:\n%s", got, text)
			}
		})
	}
}

// A script plays one story.
type script struct {
	t    *testing.T
	ring *ring
}

// play returns the text with the output that there is.
func (s *script) play(text string) string {
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, _, _ := strings.Cut(block, "----")
		var printed strings.Builder
		for line := range strings.Lines(commands) {
			out.WriteString(strings.TrimSpace(line) + "\n")
			if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
				printed.WriteString(s.do(words[0], words[1:]))
			}
		}
		if printed.Len() > 0 {
			out.WriteString("----\n" + printed.String())
		}
	}
	return out.String()
}

// key reads "ORDERS/host1".
func key(word string) heureka.Key {
	app, id, _ := strings.Cut(word, "/")
	return heureka.Key{App: app, ID: id}
}

func (s *script) do(command string, args []string) string {
	s.t.Helper()
	var err error
	switch command {
	case "start":
		s.start(args)
	case "register":
		s.register(args)
	case "cancel":
		err = s.ring.cancel(args[0], key(args[1]))
	case "crash":
		s.ring.clients[key(args[0])].stop()
	case "status":
		status, _ := heureka.ParseStatus(args[2])
		err = s.ring.conns[args[0]].SetOverride(s.t.Context(), key(args[1]), status, 0)
	case "clear":
		err = s.ring.conns[args[0]].ClearOverride(s.t.Context(), key(args[1]), heureka.StatusUp, 0)
	case "partition", "oneway":
		s.cut(command, args)
	case "heal":
		s.ring.c.Heal()
	case "kill":
		s.ring.c.Node(args[0]).Kill()
	case "stop":
		s.ring.c.Node(args[0]).Stop()
	case "advance":
		var d time.Duration
		d, err = time.ParseDuration(args[0])
		time.Sleep(d)
		synctest.Wait()
	case "show":
		return s.show(args[0], args[1])
	default:
		s.t.Fatalf("unknown command %q", command)
	}
	if err != nil {
		return fmt.Sprintf("%s: %v\n", command, err)
	}
	return ""
}

func (s *script) start(nodes []string) {
	if s.ring == nil {
		s.ring = newRing(s.t, 7, nodes...)
		time.Sleep(time.Minute)
		return
	}
	for _, n := range nodes {
		s.ring.c.Node(n).Start()
	}
}

func (s *script) register(args []string) {
	s.t.Helper()
	every, err := time.ParseDuration(strings.TrimPrefix(args[2], "every="))
	if err != nil {
		s.t.Fatal(err)
	}
	nodes := []string{args[0]}
	if len(args) < 4 {
		for _, n := range s.ring.names {
			if n != args[0] {
				nodes = append(nodes, n)
			}
		}
	}
	s.ring.run(key(args[1]), every, nodes...)
}

func (s *script) cut(how string, args []string) {
	left, right, _ := strings.Cut(strings.Join(args, " "), "|")
	if a, b := strings.Fields(left), strings.Fields(right); how == "oneway" {
		s.ring.c.Net.PartitionOneWay(a, b)
	} else {
		s.ring.c.Partition(a, b)
	}
}

// show lists the instances of an application.
func (s *script) show(node, app string) string {
	srv := s.ring.c.Node(node).Server()
	if srv == nil {
		return node + " is down\n"
	}
	var head strings.Builder
	head.WriteString(node + ":")
	if ph, _, _ := srv.Phase(); ph != server.Open {
		head.WriteString(" " + string(ph))
	}
	if s.ring.health(node).Components.SelfPreservation.Details.Active {
		head.WriteString(" (self-preservation on)")
	}
	for _, a := range srv.Applications().Apps {
		if a.Name != app {
			continue
		}
		for _, in := range a.Instances {
			head.WriteString(" " + in.ID + " " + in.Status.String())
		}
	}
	return head.String() + "\n"
}
