// Package grpcresolver lets grpc-go call services by their names in a Eureka registry. It resolves targets like
// eureka:///ORDERS from the registry copy of a client.Client, and reports every change to the channel as soon as the client
// sees it. It leaves registering to the client, and balancing to grpc-go. It is a module of its own, so that the client
// needs nothing but the standard library.
//
//	conn, err := grpc.NewClient("eureka:///ORDERS",
//		grpc.WithResolvers(&grpcresolver.Builder{Client: c, RoundRobin: true}), …)
//
// # Targets
//
// eureka:///SERVICE names an application whose instances are UP. What follows a question mark changes that (G-GR-2):
//
//   - vip=true: SERVICE is a virtual address (VIP) instead of the name of an application.
//   - secure=true: only instances with a secure port, called at that port by host name. With vip=true, SERVICE is a
//     secure virtual address. It does not choose the channel's credentials.
//   - port=KEY: the port is in the metadata entry KEY; instances without it are left out. port=instance: always the
//     instance's own port.
//   - zone=Z: only instances in zone Z, or all if none is there. See client.Zone; case does not matter. If there are some
//     but none can be connected to, the others answer until one can: see ZonePolicy, which channels have if the Builder
//     has RoundRobin or a ServiceConfig.
//
// # Ports
//
// A service that speaks both HTTP and gRPC registers its HTTP port and tells the other one in its metadata. Without
// port=KEY the first of the entries gRPC_port, grpc.port, gRPC.port and grpc that is a port number is used; without any,
// the instance's own port, or its secure one with secure=true (G-GR-3). An instance whose own port is not enabled then,
// or that has no address, is left out.
//
// # What a channel sees
//
// Before the client has its first registry, calls fail at once, unless they wait for ready: see client.Client.Ready.
// A service without instances makes calls fail at once, too. While no registry can be fetched, and after the client has
// stopped, the addresses stay as they are (G-GR-6). An address that cannot be connected to makes the client refresh its
// registry out of turn (G-GR-7).
package grpcresolver
