// Package heurekatest runs Eureka nodes inside a test: a real server on a free port in one line, and clusters whose network
// is in memory, with partitions and crashes, under the virtual time of testing/synctest.
//
//	srv := heurekatest.NewServer(t)
//	// srv.URL is a Eureka service URL; the test's cleanup stops the server
package heurekatest
