package wire

import "heureka.internal/heureka"

// DecodeInstance reads the body of a registration (W-JDEC, W-XDEC). Any error means 400 "cannot parse request body" and
// is a *SyntaxError; what CheckRegistration looks at is not checked here. A time stamp that was not sent is 0.
//
// The instance keeps no part of body. In JSON, text that is not UTF-8 is an error, half a surrogate pair U+FFFD.
func DecodeInstance(f Format, body []byte) (*heureka.Instance, error) {
	return Limits{}.DecodeInstance(f, body)
}

// DecodeApplications reads an applications document as leniently as W-JLEG-1, W-JLEG-2, W-GOCLI-8 and W-GOCLI-9 ask: for
// clients. Instances that no client could use are left out; only a broken document is an error.
func DecodeApplications(f Format, body []byte) (*heureka.Applications, error) {
	return decode(f, body, decodeApplicationsJSON, decodeApplicationsXML)
}

// DecodeApplication reads the document of one application, as leniently as DecodeApplications.
func DecodeApplication(f Format, body []byte) (*heureka.Application, error) {
	return decode(f, body, decodeApplicationJSON, decodeApplicationXML)
}

// DecodeSingle reads the document of one instance, as leniently as DecodeApplications.
func DecodeSingle(f Format, body []byte) (*heureka.Instance, error) {
	return decode(f, body, decodeSingleJSON, decodeSingleXML)
}

func decode[T any](f Format, body []byte, json, xml func([]byte) (*T, error)) (*T, error) {
	read := xml
	if f == JSON {
		read = json
	}
	v, err := read(body)
	if err != nil {
		return nil, err
	}
	return v, nil
}
