package grpcresolver

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/resolver"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// A query is what a target asks for.
type query struct {
	name    string
	vip     bool
	secure  bool
	portKey string // "": portKeys, then the instance's port; ownPort: the instance's port; else this metadata entry only
	zone    string
}

// ownPort is the value of port= that passes the metadata over.
const ownPort = "instance"

// parse reads a target strictly: a misspelt parameter would otherwise call the wrong port in silence.
func parse(target resolver.Target) (query, error) {
	q, err := parseURL(&target.URL, target.Endpoint())
	if err != nil {
		return query{}, fmt.Errorf("target %q: %w", target.URL.String(), err)
	}
	return q, nil
}

func parseURL(u *url.URL, name string) (query, error) {
	switch {
	case u.Host != "" || u.User != nil:
		return query{}, fmt.Errorf("a third slash is missing: %s:///SERVICE", Scheme)
	case name == "" || strings.Contains(name, "/"):
		return query{}, fmt.Errorf("not of the form %s:///SERVICE", Scheme)
	case u.Fragment != "":
		return query{}, errors.New("a fragment means nothing here")
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return query{}, fmt.Errorf("query: %w", err)
	}
	q := query{name: name}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(params)) {
		if err := q.set(key, params[key]); err != nil {
			errs = append(errs, fmt.Errorf("parameter %s: %w", key, err))
		}
	}
	return q, errors.Join(errs...)
}

func (q *query) set(key string, values []string) (err error) {
	if len(values) > 1 {
		return errors.New("given twice")
	}
	value := values[0]
	switch key {
	case "vip":
		q.vip, err = strconv.ParseBool(value)
	case "secure":
		q.secure, err = strconv.ParseBool(value)
	case "port":
		q.portKey, err = value, notEmpty(value)
	case "zone":
		q.zone, err = value, notEmpty(value)
	default:
		err = errors.New("unknown; there are vip, secure, port and zone")
	}
	return err
}

func notEmpty(value string) error {
	if value == "" {
		return errors.New("is empty")
	}
	return nil
}

// service is what to watch.
func (q query) service() client.Service {
	sv := client.App(q.name)
	switch {
	case q.vip && q.secure:
		sv = client.SecureVIP(q.name)
	case q.vip:
		sv = client.VIP(q.name)
	}
	if q.secure {
		sv.Match = func(in *heureka.Instance) bool { return in.SecurePort.Enabled }
	}
	return sv
}
