package wire

import (
	"errors"
	"strconv"
)

// ErrNoReplicationList says that a batch has no list at all, which the reference cannot answer (W-REPL-9).
var ErrNoReplicationList = errors.New("batch has no replicationList")

// A SyntaxError says why a body could not be decoded, for logs: callers of the API only hear the text of W-ERR-4.
type SyntaxError struct {
	Offset int64  // bytes into the body
	Path   string // of the member, such as "instance.port"
	Msg    string
}

// Reason says in a line what is wrong and where, for whoever wrote the body.
func (e *SyntaxError) Reason() string {
	if e.Path == "" {
		return e.Msg
	}
	return e.Path + ": " + e.Msg
}

// maxPath bounds a path, because a stranger chooses the names in it.
const maxPath = 200

// within says in which member the error is; the innermost comes first.
func (e *SyntaxError) within(member []byte) {
	name := string(member[:min(len(member), maxPath)])
	switch {
	case len(e.Path) > maxPath:
	case e.Path == "" || e.Path[0] == '[':
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
}

// withinElement says in which element of an array the error is.
func (e *SyntaxError) withinElement(n int) {
	path := "[" + strconv.Itoa(n) + "]"
	if e.Path != "" && e.Path[0] != '[' {
		path += "."
	}
	e.Path = path + e.Path
}

func (e *SyntaxError) Error() string {
	return "offset " + strconv.FormatInt(e.Offset, 10) + ": " + e.Msg
}

// parseError is the sentence with which the reference answers a body that cannot be decoded (W-ERR-4).
const parseError = "cannot parse request body"

// AppendParseError appends the body of the 400 that answers an undecodable body of the given Content-Type; the answer
// repeats that Content-Type (W-ERR-4). Anything but exactly application/json gets XML, as on the reference. Unlike the
// reference's it goes on to say why, unless that is "".
func AppendParseError(b []byte, contentType, why string) []byte {
	if why != "" {
		why = ": " + why
	}
	if contentType == JSON.MediaType() {
		return append(appendJSONString(append(b, `{"error": `...), parseError+why), '}')
	}
	return append(appendXMLText(append(b, "<error><message>"...), parseError+why), "</message></error>"...)
}
