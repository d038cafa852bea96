// Package kratos makes a Eureka client the registry of Kratos: registry.Registrar and registry.Discovery. It is a module of
// its own, so that the client needs nothing but the standard library.
//
//	r := heurekakratos.New(c)
//	app := kratos.New(kratos.Name("orders"), kratos.Registrar(r), …)
//	conn, err := http.NewClient(ctx, http.WithEndpoint("discovery:///billing"), http.WithDiscovery(r))
package kratos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"

	"github.com/go-kratos/kratos/v2/registry"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// The metadata of an instance that stand for what Eureka has no field for. Package grpcresolver knows the port, too.
const (
	versionKey  = "version"
	grpcPortKey = "gRPC_port"
)

// A Registry registers services with a client, and discovers those that it knows. The client must run.
type Registry struct {
	client *client.Client

	mu            sync.Mutex
	registrations map[string]*client.Registration // by the id of the service instance
}

var (
	_ registry.Registrar = (*Registry)(nil)
	_ registry.Discovery = (*Registry)(nil)
)

// New returns a Registry that has registered nothing yet.
func New(c *client.Client) *Registry {
	return &Registry{client: c, registrations: make(map[string]*client.Registration)}
}

// Register implements registry.Registrar: it returns when the registry has the service.
func (r *Registry) Register(ctx context.Context, service *registry.ServiceInstance) error {
	config, err := configOf(service)
	if err != nil {
		return err
	}
	reg, err := r.client.Register(config)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.registrations[service.ID] = reg
	r.mu.Unlock()
	return reg.Wait(ctx)
}

// Deregister implements registry.Registrar.
func (r *Registry) Deregister(ctx context.Context, service *registry.ServiceInstance) error {
	r.mu.Lock()
	reg := r.registrations[service.ID]
	delete(r.registrations, service.ID)
	r.mu.Unlock()
	if reg == nil {
		return nil
	}
	return reg.Deregister(ctx)
}

// configOf describes a service: http and https are the ports of the instance, grpc is told in its metadata. A service
// without http has its gRPC port for its own.
func configOf(service *registry.ServiceInstance) (client.InstanceConfig, error) {
	config := client.InstanceConfig{App: service.Name, ID: service.ID, Metadata: map[string]string{}}
	for k, v := range service.Metadata {
		config.Metadata[k] = v
	}
	if service.Version != "" {
		config.Metadata[versionKey] = service.Version
	}
	var grpcPort int
	for _, endpoint := range service.Endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			return config, fmt.Errorf("endpoint: %w", err)
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return config, fmt.Errorf("endpoint %s has no port", endpoint)
		}
		switch u.Scheme {
		case "http":
			config.Port = port
		case "https":
			config.SecurePort = port
		case "grpc":
			grpcPort = port
		default:
			return config, fmt.Errorf("endpoint %s: only http, https and grpc are supported", endpoint)
		}
		config.HostName, config.IPAddr = u.Hostname(), u.Hostname()
	}
	if grpcPort != 0 {
		config.Metadata[grpcPortKey] = strconv.Itoa(grpcPort)
		if config.Port == 0 && config.SecurePort == 0 {
			config.Port = grpcPort
		}
	}
	return config, nil
}

// GetService implements registry.Discovery: what the client knows now, which may be nothing.
func (r *Registry) GetService(ctx context.Context, name string) ([]*registry.ServiceInstance, error) {
	if err := r.client.Ready(ctx); err != nil {
		return nil, err
	}
	return servicesOf(r.client.Instances(client.App(name))), nil
}

// Watch implements registry.Discovery.
func (r *Registry) Watch(ctx context.Context, name string) (registry.Watcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	return &watcher{ctx, cancel, r.client.Watch(client.App(name))}, nil
}

type watcher struct {
	ctx    context.Context
	cancel context.CancelFunc
	watch  *client.Watch
}

// Next returns what there is, and then waits for each change.
func (w *watcher) Next() ([]*registry.ServiceInstance, error) {
	u, err := w.watch.Next(w.ctx)
	if errors.Is(err, client.ErrStopped) { // Kratos asks again at once: the last state stays
		<-w.ctx.Done()
		err = w.ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return servicesOf(u.Instances), nil
}

func (w *watcher) Stop() error {
	w.cancel()
	return nil
}

func servicesOf(instances []*heureka.Instance) []*registry.ServiceInstance {
	list := make([]*registry.ServiceInstance, len(instances))
	for i, in := range instances {
		list[i] = &registry.ServiceInstance{
			ID: in.ResolvedID(), Name: in.App, Version: in.Metadata.Get(versionKey), Metadata: in.Metadata.Map(), Endpoints: endpointsOf(in),
		}
	}
	return list
}

func endpointsOf(in *heureka.Instance) (list []string) {
	add := func(scheme, port string) { list = append(list, scheme+"://"+net.JoinHostPort(in.HostName, port)) }
	grpcPort := in.Metadata.Get(grpcPortKey)
	if port := strconv.Itoa(in.Port.Number); in.Port.Enabled && port != grpcPort {
		add("http", port)
	}
	if in.SecurePort.Enabled {
		add("https", strconv.Itoa(in.SecurePort.Number))
	}
	if grpcPort != "" {
		add("grpc", grpcPort)
	}
	return list
}
