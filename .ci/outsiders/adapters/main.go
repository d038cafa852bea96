// A program that shows what its client does, and calls services by way of Go kit.
package main

import (
	"fmt"
	"log"

	"github.com/go-kit/kit/sd"
	prom "github.com/prometheus/client_golang/prometheus"
	noop "go.opentelemetry.io/otel/metric/noop"

	"heureka.internal/heureka/adapters/gokit"
	"heureka.internal/heureka/adapters/otel"
	"heureka.internal/heureka/adapters/prometheus"
	"heureka.internal/heureka/client"
)

func main() {
	metrics := prometheus.New()
	prom.MustRegister(metrics)
	if _, err := otel.New(noop.NewMeterProvider()); err != nil {
		log.Fatal(err)
	}
	c, err := client.New(client.Config{Hooks: metrics.Hooks()})
	if err != nil {
		log.Fatal(err)
	}
	metrics.Follow(c)
	var instancer sd.Instancer = gokit.NewInstancer(c, client.App("orders"))
	defer instancer.Stop()
	fmt.Println(c.Stats().Instances, "instances")
}
