// Package drill plays what Kubernetes does to a ring, with the real program: pods that come one by one or all at once, get
// new addresses, are drained, and are fewer or more than before, under the heartbeats of a fleet. It is tests only, with the
// build tag drill; .ci/run drill runs them. They need namespaces of the network and of mounts, as root or as a user who may
// make some: addresses that come and go, and a name server of their own. Without, they fail.
package drill
