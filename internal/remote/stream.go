package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// maxXML limits a registry in XML, which is decoded as a whole, whoever asks for it.
const maxXML = 512 << 20

// EachInstance fetches the whole registry and gives each instance to use while it arrives, in memory that does not depend on how
// many they are. After an error use has got what came before it. The header is that of the answer, as far as there is one.
func (c *Conn) EachInstance(ctx context.Context, use func(in *heureka.Instance)) (http.Header, error) {
	op := op{verb: "fetch registry"}
	var unreadable error
	req := Request{Method: http.MethodGet, Path: "apps/", Limit: c.cfg.MaxRegistryBytes}
	req.arriving = func(reply *Reply, body io.Reader) (err error) {
		unreadable, err = c.eachInstance(reply, body, use)
		return err
	}
	reply, err := c.exchange(ctx, op, req)
	if err == nil && unreadable != nil {
		err = fmt.Errorf("%s: %w", op, unreadable)
	}
	return reply.Header, err
}

// eachInstance tells a document that is none from one that does not come.
func (c *Conn) eachInstance(reply *Reply, body io.Reader, use func(in *heureka.Instance)) (unreadable, err error) {
	document := bufio.NewReader(body)
	if reply.Body, err = beginning(document); err != nil {
		return nil, err
	}
	format, err := c.format(reply)
	switch {
	case err != nil:
		return err, nil
	case format == wire.JSON:
		err = wire.EachInstance(document, use)
	default:
		err = eachInXML(document, use)
	}
	if _, broken := errors.AsType[*wire.SyntaxError](err); broken {
		return c.undecodable(reply, err), nil
	}
	if err == nil {
		_, err = io.Copy(io.Discard, document) // its end has the checksum
	}
	return nil, err
}

func eachInXML(document io.Reader, use func(in *heureka.Instance)) error {
	var whole bytes.Buffer
	if err := readAll(&whole, document, "", maxXML); err != nil {
		return err
	}
	apps, err := wire.DecodeApplications(wire.XML, whole.Bytes())
	if err != nil {
		return err
	}
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			use(in)
		}
	}
	return nil
}

// beginning reads over what may stand before a document, and returns as much of that as is there already.
func beginning(document *bufio.Reader) ([]byte, error) {
	if mark, _ := document.Peek(3); string(mark) == "\ufeff" {
		_, _ = document.Discard(len(mark))
	}
	for {
		switch b, err := document.ReadByte(); {
		case err == io.EOF:
			return nil, nil
		case err != nil:
			return nil, err
		case b != ' ' && b != '\t' && b != '\r' && b != '\n':
			_ = document.UnreadByte() // just read
			return document.Peek(document.Buffered())
		}
	}
}
