// Command service is an HTTP service that registers itself, and leaves the registry before it stops serving.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"heureka.internal/heureka/client"
)

func main() {
	eureka := flag.String("eureka", cmp.Or(os.Getenv("EUREKA_URL"), "http://localhost:8761/eureka/"), "`URL` of the registry; also EUREKA_URL")
	name := flag.String("name", "orders", "`name` of the service")
	host := flag.String("host", "", "`host` that others can reach this one by (default: this machine's name)")
	listen := flag.String("listen", ":8080", "`address` to listen on")
	drain := flag.Duration("drain", 0, "`time` to serve on as DOWN before the end; callers' copies of the registry are up to 30s old")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ic := client.InstanceConfig{App: *name, HostName: *host, DownBeforeCancel: *drain > 0, DrainTime: *drain}
	if err := run(ctx, *eureka, *listen, ic); err != nil {
		log.Fatal(err)
	}
}

// run serves and stays registered until ctx ends.
func run(ctx context.Context, eureka, listen string, ic client.InstanceConfig) error {
	ln, err := net.Listen("tcp", listen) // first: the port must be there before anybody is told
	if err != nil {
		return err
	}
	ic.Port = ln.Addr().(*net.TCPAddr).Port
	c, err := client.New(client.Config{Servers: []string{eureka}, Logger: slog.Default()})
	if err != nil {
		return err
	}
	reg, err := c.Register(ic)
	if err != nil {
		return err
	}
	id := reg.Instance().ID

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	web := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s answers %s", id, r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() {
		served <- web.Serve(ln)
		stop() // a service that does not serve must not be registered
	}()
	go func() {
		if reg.Wait(ctx) == nil {
			fmt.Println("registered as", id)
		}
	}()

	err = c.Run(ctx) // registers, sends heartbeats and, when ctx ends, drains and cancels the registration
	fmt.Println("no longer registered")
	if err != nil {
		return err
	}
	// Callers whose copy of the registry is older still come for a while, and calls under way want their answers.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; err != http.ErrServerClosed {
		return err
	}
	return nil
}
