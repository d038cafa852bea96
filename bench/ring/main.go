// Command ring measures three heureka nodes as real processes on this machine, and prints what a ring is judged by:
//
//	propagation  from an accepted registration on one node to its visibility on another, idle and under heartbeats
//	heal         how soon a partition's two sides agree after contact
//	blackhole    what it costs two nodes that the third takes everything and answers nothing
//	burst        how soon all have what one node is sent in ten seconds
//
//	go run ./bench/ring                        # all, with partitions of 10 minutes
//	go run ./bench/ring -for 20s -part heal    # shorter
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

type options struct {
	parts     string
	away      time.Duration
	instances int
	changes   int
	samples   int
}

func main() {
	var o options
	flag.StringVar(&o.parts, "part", "propagation,heal,blackhole,burst", "what to measure")
	flag.DurationVar(&o.away, "for", 10*time.Minute, "how long a node is cut off")
	flag.IntVar(&o.instances, "instances", 10_000, "instances in the registry")
	flag.IntVar(&o.changes, "changes", 500, "changes on each side of a partition")
	flag.IntVar(&o.samples, "samples", 300, "registrations whose propagation is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "ring:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "heureka-ring")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin, err := build(ctx, dir)
	if err != nil {
		return err
	}
	parts := strings.Split(o.parts, ",")
	for name, measure := range map[string]func(context.Context, *ring, options) error{
		"propagation": propagation, "heal": heal, "blackhole": blackhole, "burst": burst,
	} {
		if !slices.Contains(parts, name) {
			continue
		}
		r, err := startRing(ctx, bin, dir)
		if err == nil {
			err = measure(ctx, r, o)
		}
		r.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
