//go:build interop

// Package interop drives real, unmodified Eureka clients and the reference Java
// server against a heureka binary, each as a process of its own. It knows the
// server only by its command line and its HTTP interface, so that the same tests
// also run against the reference server and show there that they are right.
//
// Everything is behind the build tag interop: building the fixtures needs Java,
// Maven, Node, Python and the package registries. README.md says how to run it.
package interop
