package client

import (
	"context"
	"errors"
	"time"
)

// A serverFinder keeps the list of servers up to date with DNS (C-SL-1).
type serverFinder struct {
	client  *Client
	trouble trouble
	start   backoff
	found   bool
}

const (
	finderBackoffBound = 5
	finderBackoff      = 30 * time.Second // the longest pause before DNS has answered once
	finderPause        = 5 * time.Second  // the shortest between two looks
)

// run asks until ctx ends.
func (l *serverFinder) run(ctx context.Context) {
	interval := l.client.cfg.ServerPollInterval
	p := pace{interval: interval, longest: interval * finderBackoffBound}
	wait := l.pause(&p, false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-l.client.servers.again: // all have failed: heartbeats cannot wait for the next look
			if !sleep(ctx, finderPause) {
				return
			}
		}
		cutOff, _ := l.once(ctx)
		wait = l.pause(&p, cutOff)
	}
}

// pause is short until DNS has answered once, because without servers nothing works.
func (l *serverFinder) pause(p *pace, cutOff bool) time.Duration {
	if !l.found {
		return l.start.next(0)
	}
	return p.next(cutOff, 0)
}

// once asks, within one interval.
func (l *serverFinder) once(ctx context.Context) (cutOff bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.client.cfg.ServerPollInterval)
	defer cancel()
	err = l.client.servers.resolve(ctx)
	l.found = l.found || err == nil
	if !givenUp(ctx) {
		l.trouble.report(l.client.cfg.Logger, "server list", err)
		call(l.client.cfg.Hooks.Servers, ServersInfo{Servers: l.client.serverURLs(), Err: err})
	}
	return err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded), err
}

// serverURLs is for people: no credentials.
func (c *Client) serverURLs() []string {
	var urls []string
	for _, conn := range c.servers.ordered() {
		urls = append(urls, conn.URL())
	}
	return urls
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
