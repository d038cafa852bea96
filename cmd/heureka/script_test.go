package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long anything may take on a slow machine before a script fails.
const patience = 30 * time.Second

// scriptStatus runs the program and demands an exit status, of which testscript only knows zero and not zero:
//
//	status 2 serve --server.port=x
func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("heureka", args[1:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// scriptAwait runs the program until it succeeds, as a server that starts does not let it, and prints so many lines:
//
//	await 2 instances --expired -o name
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := ts.Exec("heureka", args[1:]...); err == nil && strings.Count(ts.ReadFile("stdout"), "\n") == want {
			return
		}
	}
	ts.Fatalf("not %d lines within %v", want, patience)
}

// A running server of a script.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer   // complete when readers are done
	readers        sync.WaitGroup // of both
}

// A story is what the commands of one script share.
type story struct {
	servers map[string]*running
	conn    net.Conn      // of the hanging request
	answers *bufio.Reader // from conn
}

type storyKey struct{}

func setupStory(e *testscript.Env) error {
	e.Values[storyKey{}] = &story{servers: map[string]*running{}}
	return nil
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func serverOf(ts *testscript.TestScript, name string) *running {
	r, ok := storyOf(ts).servers[name]
	if !ok {
		ts.Fatalf("no server %q was started", name)
	}
	return r
}

var servesAt = regexp.MustCompile(`https?://[^ ]*/eureka/`)

// scriptStart runs heureka serve with a free port, waits until it serves and sets $NAME to its service URL:
//
//	start peer1 --eureka.environment=prod
func scriptStart(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	r := &running{cmd: exec.Command("heureka", append([]string{"serve", "--server.port=0", "--eureka.instance.hostname=node"}, args[1:]...)...)}
	r.cmd.Dir = ts.MkAbs(".")
	stdout, err := r.cmd.StdoutPipe()
	ts.Check(err)
	stderr, err := r.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(r.cmd.Start())
	ts.Defer(func() { _ = r.cmd.Process.Kill() })

	url := make(chan string, 1)
	r.readers.Go(func() { copyOutput(&r.stdout, stdout, url) })
	r.readers.Go(func() { copyOutput(&r.stderr, stderr, url) })
	select {
	case u := <-url:
		ts.Setenv(name, u)
	case <-time.After(patience):
		ts.Fatalf("the server did not say where it serves")
	}
	storyOf(ts).servers[name] = r
}

// copyOutput keeps all output, and tells the first URL in it.
func copyOutput(to *bytes.Buffer, from io.Reader, url chan<- string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		fmt.Fprintln(to, lines.Text())
		if u := servesAt.FindString(lines.Text()); u != "" {
			select {
			case url <- u:
			default:
			}
		}
	}
}

// wait returns how the server ended; its output goes to the script.
func (r *running) wait(ts *testscript.TestScript) error {
	timer := time.AfterFunc(patience, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	r.readers.Wait()
	err := r.cmd.Wait()
	_, _ = r.stdout.WriteTo(ts.Stdout())
	_, _ = r.stderr.WriteTo(ts.Stderr())
	return err
}

// scriptEnd sends SIGTERM and demands a clean end:
//
//	end peer1
func scriptEnd(ts *testscript.TestScript, neg bool, args []string) {
	r := serverOf(ts, args[0])
	ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
	if err := r.wait(ts); (err != nil) != neg {
		ts.Fatalf("ended with %v\n%s", err, r.stderr.String())
	}
}

// scriptEnded demands a clean end without another signal:
//
//	ended peer1
func scriptEnded(ts *testscript.TestScript, _ bool, args []string) {
	r := serverOf(ts, args[0])
	if err := r.wait(ts); err != nil {
		ts.Fatalf("ended with %v\n%s", err, r.stderr.String())
	}
}

var signals = map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT}

// scriptSignal sends a signal. With a negation it sends it again and again until the signal kills the server:
//
//	signal peer1 HUP
//	! signal peer1 TERM
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	r, sig := serverOf(ts, args[0]), signals[args[1]]
	ts.Check(r.cmd.Process.Signal(sig))
	if !neg {
		return
	}
	ended := make(chan struct{})
	var repeat sync.WaitGroup
	repeat.Go(func() {
		for again := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-again.C:
				_ = r.cmd.Process.Signal(sig) // the first one may still be on its way
			case <-ended:
				again.Stop()
				return
			}
		}
	})
	err := r.wait(ts)
	close(ended)
	repeat.Wait()
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok || e.Sys().(syscall.WaitStatus).Signal() != sig {
		ts.Fatalf("ended with %v, want to be killed by %v", err, sig)
	}
}

// scriptHTTP makes a request, demands a status and prints the body:
//
//	http GET 200 ${peer1}apps
func scriptHTTP(ts *testscript.TestScript, _ bool, args []string) {
	method, status, target := args[0], args[1], args[2]
	req, err := http.NewRequest(method, target, nil)
	ts.Check(err)
	req.Header.Set("Accept", "application/json")
	client := http.Client{Timeout: patience}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != status {
		ts.Fatalf("%s %s answered %s, want %s", method, target, resp.Status, status)
	}
}

const registration = `{"instance":{"instanceId":"i","app":"ORDERS","hostName":"h","ipAddr":"192.0.2.1","status":"UP",` +
	`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`

// scriptBegin sends the first half of a registration and leaves the request hanging:
//
//	begin $peer1
func scriptBegin(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(args[0])
	ts.Check(err)
	conn, err := net.Dial("tcp", u.Host)
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "POST %sapps/ORDERS HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		u.Path, len(registration))
	ts.Check(err)
	// The server asks for the body when a handler reads it: from then on the request is in flight.
	st := storyOf(ts)
	st.conn, st.answers = conn, bufio.NewReader(conn)
	demandStatus(ts, http.StatusContinue)
	_, err = conn.Write([]byte(registration[:10]))
	ts.Check(err)
}

// scriptFinish waits until the server has stopped listening, sends the second half and demands an answer:
//
//	finish $peer1 204
func scriptFinish(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; {
		probe, err := net.Dial("tcp", u.Host)
		if err != nil {
			break
		}
		probe.Close()
		if time.Now().After(deadline) {
			ts.Fatalf("the server still listens")
		}
	}
	_, err = storyOf(ts).conn.Write([]byte(registration[10:]))
	ts.Check(err)
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	demandStatus(ts, want)
}

func demandStatus(ts *testscript.TestScript, want int) {
	resp, err := http.ReadResponse(storyOf(ts).answers, nil)
	ts.Check(err)
	body, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	if resp.StatusCode != want {
		ts.Fatalf("answered %s, want %d: %s", resp.Status, want, body)
	}
}

// scriptOccupy listens on a free port until the script ends, and sets a variable to the port:
//
//	occupy PORT
func scriptOccupy(ts *testscript.TestScript, _ bool, args []string) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
	ts.Setenv(args[0], strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))
}
