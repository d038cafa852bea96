// Package memnet is a network in memory: hosts that listen and dial, and directed links between them with latency,
// limited speed, partitions and broken connections. It knows nothing about the traffic it carries.
//
//	var n memnet.Network
//	ln, err := n.Host("a").Listen(":8761")
//	client := &http.Client{Transport: &http.Transport{DialContext: n.Host("b").DialContext}}
//	resp, err := client.Get("http://a:8761/")
//	n.Partition([]string{"a"}, []string{"b"})
//
// Connections behave like TCP: bytes arrive in order or not at all, what a dropping link swallows arrives once the link
// works again, and errors are those of the operating system (ECONNREFUSED, ECONNRESET, os.ErrDeadlineExceeded,
// net.ErrClosed). Waiting is done on conditions and timers only, so inside a testing/synctest bubble every wait is
// durably blocking and takes no real time. A Network belongs to the bubble that uses it first.
package memnet
