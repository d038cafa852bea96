package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

// A systemd is the service manager that started this program, as sd_notify(3) says how to talk to it. The zero value stands
// for none: nobody is told anything.
type systemd struct {
	socket   string        // a path, or @ and the name of an abstract socket
	watchdog time.Duration // after which silence makes it restart the program; zero for never
	log      *slog.Logger
}

// serviceManager reads what the service manager set for this process.
func serviceManager(getenv func(string) string, log *slog.Logger) systemd {
	s := systemd{socket: getenv("NOTIFY_SOCKET"), log: log}
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s // the watchdog is for another process
	}
	if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	return s
}

// tell sends one message. A manager that cannot be reached is no reason to stop serving.
func (s systemd) tell(state string) {
	if s.socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", s.socket) // it knows @ for abstract ones
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close()
	}
	if err != nil {
		s.log.Warn("service manager not told", "state", state, "err", err)
	}
}

// during tells that the program serves, and answers the watchdog as long as the node does, until ctx ends.
func (s systemd) during(ctx context.Context, srv *server.Server) {
	s.tell("READY=1")
	s.answerWatchdog(ctx, func() {
		srv.Phase()
		srv.Expire(heureka.Key{}) // no such instance: all it takes is the registry's lock
	})
	s.tell("STOPPING=1")
}

// answerWatchdog asks the node for something twice in each period. A node that hangs does not return, and says nothing more.
func (s systemd) answerWatchdog(ctx context.Context, ask func()) {
	if s.watchdog == 0 {
		<-ctx.Done()
		return
	}
	t := time.NewTicker(s.watchdog / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			ask()
			s.tell("WATCHDOG=1")
		}
	}
}

// reloading says that reload runs. The time tells the manager which of its requests that answers.
func (s systemd) reloading(reload func()) {
	state := "RELOADING=1"
	if usec, ok := monotonic(); ok {
		state = fmt.Sprintf("%s\nMONOTONIC_USEC=%d", state, usec)
	}
	s.tell(state)
	reload()
	s.tell("READY=1")
}
