package wire

import (
	"errors"
	"strconv"
)

// ErrNoReplicationList says that a batch has no list at all, which the reference cannot answer (W-REPL-9).
var ErrNoReplicationList = errors.New("batch has no replicationList")

// A SyntaxError says why a body could not be decoded, for logs: callers of the API only hear the text of W-ERR-4.
type SyntaxError struct {
	Offset int64 // bytes into the body
	Msg    string
}

func (e *SyntaxError) Error() string {
	return "offset " + strconv.FormatInt(e.Offset, 10) + ": " + e.Msg
}

// parseErrorJSON and parseErrorXML are the whole answer to a body that cannot be decoded (W-ERR-4).
const (
	parseErrorJSON = `{"error": "cannot parse request body"}`
	parseErrorXML  = `<error><message>cannot parse request body</message></error>`
)

// AppendParseError appends the body of the 400 that answers an undecodable body of the given Content-Type; the answer
// repeats that Content-Type (W-ERR-4). Anything but exactly application/json gets the XML text, as on the reference.
func AppendParseError(b []byte, contentType string) []byte {
	if contentType == JSON.MediaType() {
		return append(b, parseErrorJSON...)
	}
	return append(b, parseErrorXML...)
}
