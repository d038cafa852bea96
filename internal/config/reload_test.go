package config_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of settings that are read again, each that is another one is named, with its values but no password, and with whether a
// node that runs obeys it.
func TestDifferences(t *testing.T) {
	before := yamlFile("server.port: 8761\nlogging.level: {root: info, com.netflix: warn}\neureka.client.service-url.defaultZone: http://u:secret@a/eureka/\ninfo.x: 1\nspring.cloud.config.password: geheim").mustLoad(t)
	after := yamlFile("server.port: 8762\nlogging.level: {root: debug}\neureka.client.service-url.defaultZone: http://u:other@a/eureka/\nheureka.limits.instances: 5\n" +
		"heureka.limits.decoding-bytes: 1MB\ninfo.x: 1\nspring.cloud.config.password: neu\nmy.app: 1").mustLoad(t)
	var got []string
	for _, d := range before.Differences(after) {
		got = append(got, fmt.Sprintf("%s: %s -> %s, live %v", d.Name, d.From, d.To, d.Key.Live()))
	}
	want := []string{
		"eureka.client.service-url.defaultZone: http://******@a/eureka/ -> http://******@a/eureka/, live true",
		"heureka.limits.decoding-bytes: 128MB -> 1MB, live true",
		"heureka.limits.instances: 2000000 -> 5, live true",
		"logging.level.com.netflix: warn -> , live true",
		"logging.level.root: info -> debug, live true",
		"server.port: 8761 -> 8762, live false",
		"spring.cloud.config.password: ****** -> ******, live false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if same := before.Differences(before); len(same) > 0 {
		t.Errorf("settings differ from themselves: %v", same)
	}
}
