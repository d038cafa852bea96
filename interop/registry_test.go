//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// web speaks to servers and fixtures. It opens a connection per request, so that
// a server that was stopped and started again on its port cannot confuse it.
var web = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, MaxIdleConns: -1, TLSClientConfig: authority.TLS(operator)},
}

// A statusError is an answer other than 2xx.
type statusError struct {
	call string
	code int
	body string
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answered %d %s", e.call, e.code, e.body) }

// do sends a request without a body and decodes a JSON answer into out, if any.
func do(method, url string, out any) error {
	return send(method, url, nil, out)
}

func send(method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return &statusError{method + " " + url, resp.StatusCode, string(data)}
	}
	if out == nil {
		return nil
	}
	if text, ok := out.(*string); ok {
		*text = string(data)
		return nil
	}
	return json.Unmarshal(data, out)
}

// An instance is one record as a server shows it.
type instance struct {
	ID         string         `json:"instanceId"`
	Host       string         `json:"hostName"`
	App        string         `json:"app"`
	Status     string         `json:"status"`
	Overridden string         `json:"overriddenStatus"`
	Metadata   map[string]any `json:"metadata"`
}

// A registry is one full answer, its instances by "APP/id".
type registry struct {
	hash      string
	instances map[string]instance
}

// apps reads the whole registry of the server at base, such as http://127.0.0.1:8761.
func apps(base string) (registry, error) {
	var doc struct {
		Applications struct {
			Hash string `json:"apps__hashcode"`
			Apps []struct {
				Instances []instance `json:"instance"`
			} `json:"application"`
		} `json:"applications"`
	}
	if err := do("GET", base+"/eureka/apps", &doc); err != nil {
		return registry{}, err
	}
	all := registry{doc.Applications.Hash, map[string]instance{}}
	for _, app := range doc.Applications.Apps {
		for _, in := range app.Instances {
			if in.ID == "" { // of a client from before there were ids
				in.ID = in.Host
			}
			all.instances[in.App+"/"+in.ID] = in
		}
	}
	return all, nil
}

// A key is an application and an instance id in it.
type key struct{ app, id string }

func (k key) String() string { return k.app + "/" + k.id }

// path is the key as the tail of a request path.
func (k key) path() string { return url.PathEscape(k.app) + "/" + url.PathEscape(k.id) }

// listed returns nil if the full registry at base has k with that status.
func listed(base string, k key, status string) error {
	all, err := apps(base)
	if err != nil {
		return err
	}
	in, ok := all.instances[k.String()]
	if !ok {
		return fmt.Errorf("%s does not list %s, only %v", base, k, names(all))
	}
	if in.Status != status {
		return fmt.Errorf("%s lists %s as %s, want %s", base, k, in.Status, status)
	}
	return nil
}

// gone returns nil if the full registry at base does not have k.
func gone(base string, k key) error {
	all, err := apps(base)
	if err != nil {
		return err
	}
	if in, ok := all.instances[k.String()]; ok {
		return fmt.Errorf("%s still lists %s (%s)", base, k, in.Status)
	}
	return nil
}

// hasMetadata returns nil if the server at base shows that metadata entry of k.
func hasMetadata(base string, k key, name, value string) error {
	all, err := apps(base)
	if err != nil {
		return err
	}
	if got := all.instances[k.String()].Metadata[name]; got != value {
		return fmt.Errorf("%s shows metadata %s=%v of %s, want %s", base, name, got, k, value)
	}
	return nil
}

func names(all registry) []string {
	list := []string{}
	for name, in := range all.instances {
		list = append(list, name+" "+in.Status)
	}
	return list
}

// registerJSON registers an instance that no process stands behind. The server keeps
// it for leaseSecs without heartbeats.
func registerJSON(base string, k key, leaseSecs int, metadata map[string]string) error {
	return register(base, k, record(k, 9, leaseSecs, metadata))
}

func register(base string, k key, record map[string]any) error {
	return send("POST", base+"/eureka/apps/"+k.app, map[string]any{"instance": record}, nil)
}

// record is an instance as a client registers it. The stated renewal interval is
// also how long the reference tries to pass the registration on to a peer, so it is
// longer than the second at which the tests really beat.
func record(k key, port, leaseSecs int, metadata map[string]string) map[string]any {
	now := fmt.Sprint(time.Now().UnixMilli())
	return map[string]any{
		"instanceId": k.id, "app": k.app, "hostName": "127.0.0.1", "ipAddr": "127.0.0.1",
		"vipAddress": strings.ToLower(k.app), "status": "UP",
		"port":           map[string]any{"$": port, "@enabled": "true"},
		"securePort":     map[string]any{"$": 443, "@enabled": "false"},
		"dataCenterInfo": map[string]any{"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
		"leaseInfo":      map[string]any{"renewalIntervalInSecs": 10, "durationInSecs": leaseSecs},
		"metadata":       metadata,
		// A receiver keeps the record with the newer of these.
		"lastDirtyTimestamp": now, "lastUpdatedTimestamp": now,
	}
}

// renew sends one heartbeat.
func renew(base string, k key) error {
	return do("PUT", base+"/eureka/apps/"+k.path()+"?status=UP", nil)
}

func cancel(base string, k key) error { return do("DELETE", base+"/eureka/apps/"+k.path(), nil) }

func override(base string, k key, status string) error {
	return do("PUT", base+"/eureka/apps/"+k.path()+"/status?value="+status, nil)
}

func removeOverride(base string, k key) error {
	return do("DELETE", base+"/eureka/apps/"+k.path()+"/status?value=UP", nil)
}

func setMetadata(base string, k key, name, value string) error {
	return do("PUT", base+"/eureka/apps/"+k.path()+"/metadata?"+url.QueryEscape(name)+"="+url.QueryEscape(value), nil)
}

// beat sends a heartbeat for k to base every second until stop is called or the test
// ends. It registers nothing again: what is lost stays lost. It must not be faster:
// the reference passes a heartbeat on half a second later, unless another one of
// the same instance came meanwhile; then it starts to wait again, for ever if need be.
func beat(t testing.TB, base string, k key) (stop func()) {
	ctx, end := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				renew(base, k) // a beat that fails shows as an expired lease
			}
		}
	})
	stop = func() { end(); done.Wait() }
	t.Cleanup(stop)
	return stop
}
