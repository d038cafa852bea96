// Command bench measures heureka beside what it is compared with, all in one run on one machine: an empty net/http
// handler, a static net/http answer of the same size, nginx with the same file, and the Java reference server. It writes
// docs/performance.md.
//
//	go run ./bench                      # everything that is installed
//	go run ./bench -java "-jar server.jar"   # with a Spring Cloud Eureka server: what stands behind java
//	go run ./bench -only storm          # one part; -only million takes a quarter of an hour, and is left out of all
//	go run ./bench -quick               # seconds instead of minutes, to see that it works
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// options are the program's flags.
type options struct {
	java   string
	out    string
	only   string
	quick  bool
	files  int // that a server may open; 0: as many as this program
	pin    bool
	rounds int
	dur    time.Duration
	warm   time.Duration
	long   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.java, "java", "", "arguments with which java runs a Eureka server to compare with, such as \"-jar server.jar\"")
	flag.StringVar(&o.out, "out", "docs/performance.md", "where to write the tables")
	flag.StringVar(&o.only, "only", "", "one part: heartbeats, secure, fetches, registrations, memory, start, fleet, storm, readers, files or million; default all but the last")
	flag.BoolVar(&o.quick, "quick", false, "short runs and small registries")
	flag.BoolVar(&o.pin, "pin", true, "give servers the first processor, and what loads them the others (needs taskset)")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each pair is measured, in turn")
	flag.DurationVar(&o.dur, "duration", 4*time.Second, "how long each measurement takes")
	flag.DurationVar(&o.warm, "warm", 30*time.Second, "for how long a Java server is loaded in each way before it is measured, so that its compiler is done")
	flag.DurationVar(&o.long, "long", 10*time.Minute, "for how long a million instances renew")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.quick {
		o.rounds, o.dur, o.warm = 2, 500*time.Millisecond, 2*time.Second
	}
	dir, err := os.MkdirTemp("", "heureka-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &rig{opts: o, dir: dir}
	defer r.stopAll()
	if err := r.build(ctx); err != nil {
		return err
	}
	var rep report
	for _, part := range []struct {
		name string
		do   func(context.Context, *report) error
	}{
		{"heartbeats", r.heartbeats},
		{"secure", r.secure},
		{"fetches", r.fetches},
		{"registrations", r.registrations},
		{"memory", r.memory},
		{"start", r.startTimes},
		{"fleet", r.fleet},
		{"storm", r.storm},
		{"readers", r.readers},
		{"files", r.files},
		{"million", r.million},
	} {
		if o.only != part.name && (o.only != "" || part.name == "million") {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", part.name)
		if err := part.do(ctx, &rep); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(o.out, rep.markdown(o), 0o644)
}
