// Command caller calls a service by its name, in the two ways that the client offers, each time its instances change.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"heureka.internal/heureka/client"
)

func main() {
	eureka := flag.String("eureka", cmp.Or(os.Getenv("EUREKA_URL"), "http://localhost:8761/eureka/"), "`URL` of the registry; also EUREKA_URL")
	service := flag.String("service", "orders", "`name` of the service to call")
	refresh := flag.Duration("refresh", 30*time.Second, "interval between fetches of the registry")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, client.Config{Servers: []string{*eureka}, FetchInterval: *refresh, Logger: slog.Default()}, *service); err != nil {
		log.Fatal(err)
	}
}

// run watches and calls the service until ctx ends.
func run(ctx context.Context, cfg client.Config, service string) error {
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()

	// One http.Client for all services: the host of a URL may be the name of one.
	web := &http.Client{Transport: &client.Transport{Client: c}, Timeout: 10 * time.Second}
	for u := range c.Watch(client.App(service)).All(ctx) {
		fmt.Printf("%s: %d instances, %d added, %d changed, %d removed\n",
			service, len(u.Instances), len(u.Added), len(u.Changed), len(u.Removed))
		callByName(ctx, web, service)
		callPicked(ctx, c, service)
	}
	return <-ended
}

// callByName leaves everything to Transport: the choice, and another try when an instance is gone but still listed.
func callByName(ctx context.Context, web *http.Client, service string) {
	text, err := get(ctx, web, "http://"+service+"/by-name")
	report("by name", text, err)
}

// callPicked is for all that is not HTTP: Pick chooses an instance, what to do with it is up to the program.
func callPicked(ctx context.Context, c *client.Client, service string) {
	in, err := c.Pick(client.App(service))
	if err != nil {
		report("picked", "", err)
		return
	}
	text, err := get(ctx, http.DefaultClient, client.URL(in).JoinPath("picked").String())
	report("picked", text, err)
}

func get(ctx context.Context, web *http.Client, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := web.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func report(how, text string, err error) {
	switch {
	case errors.Is(err, client.ErrNoInstance):
		fmt.Printf("%s: nobody there\n", how)
	case err != nil:
		fmt.Printf("%s: %v\n", how, err)
	default:
		fmt.Printf("%s: %s\n", how, text)
	}
}
