// A program that shows what its client does, and calls services by way of Go kit and Kratos.
package main

import (
	"fmt"
	"log"

	"github.com/go-kit/kit/sd"
	"github.com/go-kratos/kratos/v2/registry"
	prom "github.com/prometheus/client_golang/prometheus"
	noop "go.opentelemetry.io/otel/metric/noop"

	"heureka.internal/heureka/adapters/gokit"
	"heureka.internal/heureka/adapters/kratos"
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
	var discovery registry.Discovery = kratos.New(c)
	fmt.Println(discovery != nil, c.Stats().Instances, "instances")
}
