// Command servicemonitor reads a ServiceMonitor as the Prometheus operator does, by the types of its API, and allows no field that these
// do not have.
package main

import (
	"bytes"
	"fmt"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	var m monitoring.ServiceMonitor
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		if err == nil && bytes.Contains(document, []byte("\nkind: ServiceMonitor\n")) {
			err = yaml.UnmarshalStrict(document, &m)
		}
	}
	if err == nil && (m.Kind != monitoring.ServiceMonitorsKind || m.APIVersion != monitoring.SchemeGroupVersion.String() || len(m.Spec.Endpoints) == 0 || len(m.Spec.Selector.MatchLabels) == 0) {
		err = fmt.Errorf("%s %s with %d endpoints is no ServiceMonitor that scrapes something", m.APIVersion, m.Kind, len(m.Spec.Endpoints))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "servicemonitor:", err)
		os.Exit(1)
	}
}
