package deploy_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// A manifest is one object of Kubernetes.
type manifest map[string]any

// at returns what stands at a path such as "spec.template.spec"; nil if nothing does.
func (m manifest) at(where string) any {
	var v any = map[string]any(m)
	for name := range strings.SplitSeq(where, ".") {
		in, _ := v.(map[string]any)
		v = in[name]
	}
	return v
}

// helm runs a command of Helm on the chart, where it is installed.
func helm(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("helm"); err != nil {
		t.Skip("helm is not installed: .ci/run manifests installs it")
	}
	var errs bytes.Buffer
	cmd := exec.Command("helm", append([]string{command, "--kube-version=1.31.0"}, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	return string(out), err
}

// The manifests are those that ./do manifests makes of the chart as it is. Without Helm, the sum in their first line says so.
func TestManifestsAreFresh(t *testing.T) {
	sum, dir := sha256.New(), "helm/heureka"
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sum.Write(read(t, filepath.Join(dir, name)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"heureka.yaml", "monitoring/servicemonitor.yaml"} {
		first, _, _ := strings.Cut(string(read(t, filepath.Join("kubernetes", name))), "\n")
		if want := fmt.Sprintf("%x", sum.Sum(nil)); !strings.HasSuffix(first, " "+want) {
			t.Errorf("%s is not of this chart, whose sum is %s: ./do manifests makes it anew", name, want)
		}
	}
}

// What is applied without Helm is a whole ring: kinds, and the names by which they find each other.
func TestManifests(t *testing.T) {
	ring := objects(t, string(read(t, "kubernetes/heureka.yaml")))
	want := []string{"ConfigMap/heureka", "NetworkPolicy/heureka", "PodDisruptionBudget/heureka", "Service/heureka", "Service/heureka-nodes", "StatefulSet/heureka"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(ring))); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if got := ring["StatefulSet/heureka"].at("spec.serviceName"); got != "heureka-nodes" {
		t.Errorf("serviceName is %v", got)
	}
	monitor := objects(t, string(read(t, "kubernetes/monitoring/servicemonitor.yaml")))
	if len(monitor) != 2 || monitor["ServiceMonitor/heureka"] == nil || monitor["Service/heureka-metrics"] == nil {
		t.Errorf("for the Prometheus operator: %v", slices.Sorted(maps.Keys(monitor)))
	}
	if text := string(read(t, "kubernetes/heureka.yaml")); strings.Contains(text, "Helm") {
		t.Error("the manifests speak of Helm")
	}
}

// render returns the objects of the chart by kind and name.
func render(t *testing.T, values ...string) map[string]manifest {
	t.Helper()
	out, err := helm(t, "template", append([]string{"ring", "helm/heureka", "--namespace=eureka"}, values...)...)
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, out)
}

// objects reads manifests, by kind and name.
func objects(t *testing.T, text string) map[string]manifest {
	t.Helper()
	objects := map[string]manifest{}
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var m map[string]any
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return objects
		case err != nil:
			t.Fatal(err)
		case m != nil:
			objects[path.Join(m["kind"].(string), manifest(m).at("metadata.name").(string))] = m
		}
	}
}

func TestChart(t *testing.T) {
	if out, err := helm(t, "lint", "--strict", "helm/heureka"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	ring := render(t)
	for _, tt := range []struct {
		object, where string
		want          any
	}{
		{"StatefulSet/ring-heureka", "spec.replicas", 3},
		{"StatefulSet/ring-heureka", "spec.podManagementPolicy", "Parallel"},
		{"StatefulSet/ring-heureka", "spec.serviceName", "ring-heureka-nodes"},
		{"StatefulSet/ring-heureka", "spec.template.spec.securityContext.runAsNonRoot", true},
		{"Service/ring-heureka-nodes", "spec.clusterIP", "None"},
		{"Service/ring-heureka-nodes", "spec.publishNotReadyAddresses", true},
		{"Service/ring-heureka", "spec.publishNotReadyAddresses", nil},
		{"PodDisruptionBudget/ring-heureka", "spec.maxUnavailable", 1},
		{"NetworkPolicy/ring-heureka", "spec.policyTypes", []any{"Ingress"}},
		{"ConfigMap/ring-heureka", "kind", "ConfigMap"},
	} {
		if diff := cmp.Diff(tt.want, ring[tt.object].at(tt.where)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.where, tt.object, diff)
		}
	}
	pods, _ := ring["StatefulSet/ring-heureka"].at("spec.template.spec").(map[string]any)
	node := manifest(pods["containers"].([]any)[0].(map[string]any))
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		if got := node.at(probe + ".httpGet.port"); got != "management" {
			t.Errorf("%s asks port %v", probe, got)
		}
	}
	env := map[string]any{}
	for _, e := range node["env"].([]any) {
		v := e.(map[string]any)
		env[v["name"].(string)] = v["value"]
	}
	if got := env["EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"]; got != "dns+http://ring-heureka-nodes.$(POD_NAMESPACE).svc.cluster.local:8761/eureka/" {
		t.Errorf("peers: %v", got)
	}
}

// The registry of a node outlives its container, or its pod.
func TestChartKeepsTheRegistry(t *testing.T) {
	const volumes, claims = "spec.template.spec.volumes", "spec.volumeClaimTemplates"
	for _, tt := range []struct {
		values      []string
		where, want string
	}{
		{nil, volumes, "map[emptyDir:map[] name:data]"},
		{[]string{"--set=persistence.enabled=true,persistence.size=2Gi,persistence.storageClass=fast"}, claims,
			"map[metadata:map[name:data] spec:map[accessModes:[ReadWriteOnce] resources:map[requests:map[storage:2Gi]] storageClassName:fast]]"},
	} {
		nodes := render(t, tt.values...)["StatefulSet/ring-heureka"]
		if got := fmt.Sprint(nodes.at(tt.where)); !strings.Contains(got, tt.want) {
			t.Errorf("%v: %s are %s, want %s", tt.values, tt.where, got, tt.want)
		}
		other := map[string]string{volumes: claims, claims: volumes}[tt.where]
		if got := fmt.Sprint(nodes.at(other)); strings.Contains(got, "name:data") {
			t.Errorf("%v: %s are %s too", tt.values, other, got)
		}
		node := fmt.Sprint(nodes.at("spec.template.spec.containers"))
		if !strings.Contains(node, "map[name:HEUREKA_DATA_DIR value:/var/lib/heureka]") || !strings.Contains(node, "map[mountPath:/var/lib/heureka name:data]") {
			t.Errorf("%v: the container is %s", tt.values, node)
		}
	}
}

// What Prometheus' operator selects is there.
func TestChartServiceMonitor(t *testing.T) {
	ring := render(t, "--set=serviceMonitor.enabled=true")
	labels, _ := ring["Service/ring-heureka-metrics"].at("metadata.labels").(map[string]any)
	wanted, _ := ring["ServiceMonitor/ring-heureka"].at("spec.selector.matchLabels").(map[string]any)
	for name, value := range wanted {
		if labels[name] != value {
			t.Errorf("label %s is %v, the monitor selects %v", name, labels[name], value)
		}
	}
	if len(wanted) < 3 || render(t)["ServiceMonitor/ring-heureka"] != nil {
		t.Errorf("the monitor selects %v; without being asked for: %v", wanted, render(t)["ServiceMonitor/ring-heureka"])
	}
}

// Mistakes in the values are found before anything is installed.
func TestChartValues(t *testing.T) {
	for _, set := range []string{"replicas=0", "replica=3", "image.repo=x", "service.type=Elsewhere", "serviceMonitor.interval=often", "networkPolicy.enabled=maybe", "persistence.size=much"} {
		if out, err := helm(t, "template", "ring", "helm/heureka", "--set="+set); err == nil || !strings.Contains(err.Error(), "values don't meet") {
			t.Errorf("--set=%s: %v\n%.300s", set, err, out)
		}
	}
}
