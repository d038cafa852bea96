//go:build interop

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A deployment plays a manifest with one StatefulSet and one ConfigMap as Kubernetes does: pods in their order, each on an address
// of its own, with its settings mounted, its environment and its probes. There is no name server: what the manifest calls a pod
// is replaced by its address. An image is whatever starts its program.
type deployment struct {
	settings map[string]string
	spec     podSpec
	labels   map[string]string // annotations of the pods
	network  string
	images   map[string]func() *exec.Cmd
	pods     []*pod
}

type podSpec struct {
	Grace      int `yaml:"terminationGracePeriodSeconds"`
	Containers []struct {
		Image      string
		WorkingDir string `yaml:"workingDir"`
		Env        []struct {
			Name, Value string
			ValueFrom   struct {
				FieldRef struct {
					Path string `yaml:"fieldPath"`
				} `yaml:"fieldRef"`
			} `yaml:"valueFrom"`
		}
		Startup   probe `yaml:"startupProbe"`
		Liveness  probe `yaml:"livenessProbe"`
		Readiness probe `yaml:"readinessProbe"`
	}
}

type probe struct {
	Get struct{ Path string } `yaml:"httpGet"`

	Period    int `yaml:"periodSeconds"`
	Threshold int `yaml:"failureThreshold"`
}

// deploy reads the manifest and starts its pods, each when the one before is ready.
func deploy(t *testing.T, manifest []byte, images map[string]func() *exec.Cmd) *deployment {
	t.Helper()
	d := &deployment{images: images, network: fmt.Sprintf("127.%d.%d.", 1+rand.IntN(250), rand.IntN(250))}
	replicas := 0
	for in := yaml.NewDecoder(bytes.NewReader(manifest)); ; {
		var object struct {
			Kind string
			Data map[string]string
			Spec struct {
				Replicas int
				Template struct {
					Metadata struct{ Annotations map[string]string }
					Spec     podSpec
				}
			}
		}
		if err := in.Decode(&object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch object.Kind {
		case "ConfigMap":
			d.settings = object.Data
		case "StatefulSet":
			replicas, d.spec, d.labels = object.Spec.Replicas, object.Spec.Template.Spec, object.Spec.Template.Metadata.Annotations
		}
	}
	d.pods = make([]*pod, replicas)
	for i := range d.pods {
		d.start(t, i)
	}
	return d
}

// roll replaces the pods by those of the manifest with this image, the last one first, each when the one before is ready.
func (d *deployment) roll(t *testing.T, image string) {
	t.Helper()
	d.spec.Containers[0].Image = image
	for i := len(d.pods) - 1; i >= 0; i-- {
		d.pods[i].terminate(t, time.Duration(d.spec.Grace)*time.Second)
		d.start(t, i)
	}
}

// restart ends all pods at once, as a power cut does, and starts them in their order.
func (d *deployment) restart(t *testing.T) {
	t.Helper()
	for _, p := range d.pods {
		p.leaving()
		p.kill()
		p.probing.Wait()
	}
	for i := range d.pods {
		d.start(t, i)
	}
}

func (d *deployment) address(i int) string { return fmt.Sprint(d.network, 10+i) }

// start starts a pod and waits until it is ready.
func (d *deployment) start(t *testing.T, i int) {
	t.Helper()
	c := d.spec.Containers[0]
	p := &pod{name: fmt.Sprintf("eureka-%d", i), address: d.address(i), url: "http://" + d.address(i) + ":8761"}
	names := []string{"${POD_NAME}.eureka", p.address}
	for i := range d.pods {
		names = append(names, fmt.Sprintf("eureka-%d.eureka", i), d.address(i))
	}
	files := map[string]string{}
	for name, text := range d.settings {
		files[filepath.Join("config", name)] = strings.NewReplacer(names...).Replace(text)
	}
	cmd := d.images[c.Image]()
	cmd.Dir = t.TempDir()
	writeFiles(t, cmd.Dir, files)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443"}
	for _, e := range c.Env {
		value := map[string]string{"metadata.name": p.name, "status.podIP": p.address, "": e.Value}[e.ValueFrom.FieldRef.Path]
		cmd.Env = append(cmd.Env, e.Name+"="+value)
	}
	p.proc = start(t, p.name, cmd)
	d.pods[i] = p
	p.probing.Go(func() { p.probe(c.Startup, c.Liveness, c.Readiness) })
	t.Cleanup(func() { p.leaving(); p.kill(); p.probing.Wait() })
	awaitReady(t, p.proc, func() error {
		if seen := p.seen(); !strings.HasSuffix(seen, "200/200") {
			return fmt.Errorf("%s is not ready: %s", p.name, seen)
		}
		return nil
	})
}

// A pod is a running container of a deployment.
type pod struct {
	*proc
	name, address, url string
	probing            sync.WaitGroup

	mu       sync.Mutex
	answers  []string // to the probes of liveness and readiness, each once until another one comes
	restarts []string // why the kubelet would have restarted it
	left     bool     // it is on its way out
}

// probe asks the probes four times as often as the manifest says, so that no phase goes by unseen, until the process has ended.
func (p *pod) probe(startup, liveness, readiness probe) {
	const each = 250 * time.Millisecond
	failing, allowed := time.Duration(0), startup
	for !p.ended() {
		alive, ready := probed(p.url+liveness.Get.Path), probed(p.url+readiness.Get.Path)
		failing += each
		if alive == 200 {
			failing, allowed = 0, liveness
		}
		p.note(alive, ready, failing >= time.Duration(allowed.Threshold*allowed.Period)*time.Second)
		time.Sleep(each)
	}
}

// probed is the status of an answer; 0 if there is none.
func probed(url string) int {
	resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (p *pod) note(alive, ready int, restart bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := fmt.Sprintf("%d/%d", alive, ready)
	if n := len(p.answers); n == 0 || p.answers[n-1] != answer {
		p.answers = append(p.answers, answer)
	}
	if restart && !p.left {
		p.restarts = append(p.restarts, strings.Join(p.answers, " "))
	}
}

// seen is what the probes got, in order: liveness/readiness.
func (p *pod) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.answers, " ")
}

func (p *pod) leaving() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = true
}

// terminate ends a pod as the kubelet does. One that needs longer than the grace period would be killed.
func (p *pod) terminate(t *testing.T, grace time.Duration) {
	t.Helper()
	p.check(t)
	p.leaving()
	began := time.Now()
	p.stop(t)
	p.probing.Wait()
	if took := time.Since(began); took > grace {
		t.Errorf("%s took %v to end; it has %v", p.name, took, grace)
	}
}

// check says what an orchestrator would not have liked: from the first answer on, a pod lives, and once ready it stays so.
func (p *pod) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.restarts) > 0 {
		t.Errorf("%s would have been restarted after %s", p.name, p.restarts[0])
	}
	began := slices.IndexFunc(p.answers, func(a string) bool { return !strings.HasPrefix(a, "0/") })
	ready := slices.Index(p.answers, "200/200")
	for i, answer := range p.answers {
		if i >= began && began >= 0 && !strings.HasPrefix(answer, "200/") || i > ready {
			t.Errorf("%s answered its probes %v", p.name, p.answers)
			return
		}
	}
}
