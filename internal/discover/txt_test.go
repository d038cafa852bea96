package discover

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// zone is TXT records by name, as strings.
type zone map[string][][]string

// reply answers a question about TXT records (RFC 1035, section 4).
func (z zone) reply(question []byte, limit int) []byte {
	p := dnsReader{question[12:]}
	p.name()
	end := len(question) - len(p.rest) + 4
	m := append([]byte(nil), question[:end]...)
	m[2], m[3] = m[2]|0x80, 0x80 // an answer, by recursion
	clear(m[8:12])               // no additional records
	records, ok := z[name(question[12:])]
	if !ok {
		m[3] |= 3 // no such name
	}
	binary.BigEndian.PutUint16(m[6:], uint16(len(records)))
	for _, texts := range records {
		var data []byte
		for _, t := range texts {
			data = append(append(data, byte(len(t))), t...)
		}
		m = append(m, 0xc0, 12, 0, typeTXT, 0, 1, 0, 0, 0, 1) // the name again, type, class, time to live
		m = append(binary.BigEndian.AppendUint16(m, uint16(len(data))), data...)
	}
	if limit > 0 && len(m) > limit {
		m = m[:end]
		m[2] |= 2 // truncated
		clear(m[6:8])
	}
	return m
}

func name(b []byte) string {
	var labels []string
	for n := int(b[0]); n > 0; n = int(b[0]) {
		labels = append(labels, string(b[1:1+n]))
		b = b[1+n:]
	}
	return strings.Join(labels, ".")
}

// serve answers over UDP and TCP on the loop-back interface, and returns how to get there.
func (z zone) serve(t *testing.T) dialFunc {
	t.Helper()
	packets, streams := twins(t)
	addr := packets.LocalAddr().String()
	var wg sync.WaitGroup
	wg.Go(func() { z.servePackets(packets) })
	wg.Go(func() { z.serveStreams(streams) })
	t.Cleanup(func() {
		_ = packets.Close()
		_ = streams.Close()
		wg.Wait()
	})
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// twins listens on the same port twice. One that is free for UDP may be taken for TCP.
func twins(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	var err error
	for range 20 {
		streams, tcpErr := net.Listen("tcp", "127.0.0.1:0")
		if tcpErr != nil {
			t.Fatal(tcpErr)
		}
		packets, udpErr := net.ListenPacket("udp", streams.Addr().String())
		if udpErr == nil {
			return packets, streams
		}
		err = udpErr
		_ = streams.Close()
	}
	t.Fatal(err)
	return nil, nil
}

func (z zone) servePackets(c net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(z.reply(buf[:n], 1232), from)
	}
}

func (z zone) serveStreams(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		var size [2]byte
		_, _ = io.ReadFull(c, size[:])
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		_, _ = io.ReadFull(c, question)
		reply := z.reply(question, 0)
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		_ = c.Close()
	}
}

// TestStringsOfTXTRecordsStayApart is C-DN-4: package net alone would make one name of two.
func TestStringsOfTXTRecordsStayApart(t *testing.T) {
	long := make([]string, 40)
	for i := range long {
		long[i] = strings.Repeat(string(rune('a'+i%26)), 60)
	}
	dial := zone{
		"strings.test": {{"a.x.y", "b.x.y"}},
		"blanks.test":  {{"a.x.y b.x.y"}},
		"records.test": {{"a.x.y"}, {"b.x.y", "c.x.y"}},
		"long.test":    {long}, // comes by TCP
	}.serve(t)
	for name, want := range map[string][]string{
		"strings.test.": {"a.x.y", "b.x.y"}, "blanks.test.": {"a.x.y b.x.y"},
		"records.test.": {"a.x.y", "b.x.y", "c.x.y"}, "long.test.": long,
	} {
		got, err := lookupTXT(t.Context(), name, dial)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := lookupTXT(t.Context(), "nothing.test.", dial); err == nil {
		t.Error("found nothing.test.")
	}
}

func TestForeignMessagesDoNotCount(t *testing.T) {
	r := recorder{packets: [][]byte{nil, []byte("short"), make([]byte, 12)}, stream: []byte{0}}
	if got := r.split([]string{"ab"}); !slices.Equal(got, []string{"ab"}) {
		t.Errorf("split = %q", got)
	}
}

func FuzzParseTXT(f *testing.F) {
	question := append(make([]byte, 12), "\x01a\x04test\x00\x00\x10\x00\x01"...)
	question[5] = 1
	reply := zone{"a.test": {{"x", "yz"}, {""}}}.reply(question, 0)
	f.Add(reply)
	f.Add(reply[:len(reply)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := parseTXT(b)
		total := 0
		for _, texts := range records {
			for _, text := range texts {
				total += 1 + len(text)
			}
		}
		if err != nil && records != nil || total > len(b) {
			t.Errorf("%q in a message of %d bytes, %v", records, len(b), err)
		}
	})
}
