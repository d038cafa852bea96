package discover

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
)

// systemResolver is package net's resolver with the strings of TXT records kept apart. Package net asks the name servers
// and judges the answers; systemResolver only listens in to read the records again, so that neither a DNS library nor
// a resolver of our own is needed.
type systemResolver struct{ net.Resolver }

// LookupTXT returns every string of every record on its own, where package net can be listened to. It falls back to
// whole records.
func (*systemResolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	return lookupTXT(ctx, name, new(net.Dialer).DialContext)
}

// lookupTXT is apart from its method for tests, which dial elsewhere.
func lookupTXT(ctx context.Context, name string, dial dialFunc) ([]string, error) {
	heard := recorder{dialer: dial}
	r := net.Resolver{PreferGo: true, Dial: heard.dial}
	records, err := r.LookupTXT(ctx, name)
	if err != nil {
		return nil, err
	}
	return heard.split(records), nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// A recorder keeps the messages of one lookup, which asks one question after the other.
type recorder struct {
	dialer  dialFunc
	packets [][]byte
	stream  []byte
}

// dial listens in on one connection. A second one, by TCP, follows an answer that was cut off.
func (r *recorder) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := r.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if udp, ok := c.(*net.UDPConn); ok {
		return &packetTap{udp, r}, nil
	}
	r.stream = nil
	return &streamTap{c, r}, nil
}

// packetTap stays a net.PacketConn, by which package net tells datagrams from streams.
type packetTap struct {
	*net.UDPConn
	r *recorder
}

func (t *packetTap) Read(p []byte) (int, error) {
	n, err := t.UDPConn.Read(p)
	if n > 0 {
		t.r.packets = append(t.r.packets, slices.Clone(p[:n]))
	}
	return n, err
}

type streamTap struct {
	net.Conn
	r *recorder
}

func (t *streamTap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.r.stream = append(t.r.stream, p[:n]...)
	return n, err
}

// split returns the strings of the message that has exactly these records, or the records themselves.
func (r *recorder) split(records []string) []string {
	messages := r.packets
	if len(r.stream) > 2 {
		messages = append(messages, r.stream[2:]) // behind its length
	}
	for _, m := range slices.Backward(messages) {
		texts, err := parseTXT(m)
		if err == nil && slices.EqualFunc(texts, records, func(t []string, rec string) bool { return strings.Join(t, "") == rec }) {
			return slices.Concat(texts...)
		}
	}
	return records
}

var errShortDNS = errors.New("truncated DNS message")

const typeTXT = 16

// parseTXT returns the strings of each TXT record in the answer section of a DNS message (RFC 1035, section 4.1).
func parseTXT(m []byte) ([][]string, error) {
	if len(m) < 12 {
		return nil, errShortDNS
	}
	questions, answers := binary.BigEndian.Uint16(m[4:]), binary.BigEndian.Uint16(m[6:])
	p := dnsReader{m[12:]}
	for range questions {
		if p.name(); !p.skip(4) {
			return nil, errShortDNS
		}
	}
	var records [][]string
	for range answers {
		p.name()
		head := p.take(10)
		if head == nil {
			return nil, errShortDNS
		}
		data := p.take(int(binary.BigEndian.Uint16(head[8:])))
		if data == nil {
			return nil, errShortDNS
		}
		if binary.BigEndian.Uint16(head) == typeTXT {
			texts, err := characterStrings(data)
			if err != nil {
				return nil, err
			}
			records = append(records, texts)
		}
	}
	return records, nil
}

// characterStrings takes the data of a TXT record apart: strings with a byte of length before each.
func characterStrings(data []byte) ([]string, error) {
	var texts []string
	p := dnsReader{data}
	for len(p.rest) > 0 {
		text := p.take(1 + int(p.rest[0]))
		if text == nil {
			return nil, errShortDNS
		}
		texts = append(texts, string(text[1:]))
	}
	return texts, nil
}

type dnsReader struct{ rest []byte }

// take returns the next n bytes, or nil if there are fewer.
func (p *dnsReader) take(n int) []byte {
	if n > len(p.rest) {
		p.rest = nil
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

func (p *dnsReader) skip(n int) bool { return p.take(n) != nil }

// name skips a domain name: labels up to an empty one, or up to a pointer to the rest of it.
func (p *dnsReader) name() {
	for len(p.rest) > 0 {
		n := int(p.rest[0])
		switch {
		case n == 0:
			p.skip(1)
			return
		case n >= 0xc0:
			p.skip(2)
			return
		default:
			p.skip(1 + n)
		}
	}
}
