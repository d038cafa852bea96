package config_test

import (
	"strings"
	"testing"
)

// bootstrap.yml is read as on a server of Spring Cloud with its bootstrap context: everything else is stronger.
func TestBootstrapFiles(t *testing.T) {
	bootstrap := file("bootstrap.yml", "server.port: 1\neureka.environment: bootstrap\nspring.profiles.active: a")
	for name, tt := range map[string]struct {
		source source
		want   string
	}{
		"alone":                        {bootstrap, "1 bootstrap a"},
		"under application.yml":        {bootstrap.and(yamlFile("server.port: 2")), "2 bootstrap a"},
		"as properties":                {file("config/bootstrap.properties", "server.port=3"), "3 test default"},
		"of a profile":                 {bootstrap.and(file("bootstrap-a.yml", "server.port: 4")), "4 bootstrap a"},
		"of a profile, under others":   {file("bootstrap-a.yml", "server.port: 4").and(bootstrap).and(yamlFile("server.port: 2")), "2 bootstrap a"},
		"activates other files":        {bootstrap.and(file("application-a.yml", "server.port: 5")), "5 bootstrap a"},
		"weaker choice of profile":     {bootstrap.and(yamlFile("spring.profiles.active: b")), "1 bootstrap b"},
		"in another directory":         {file("etc/bootstrap.yml", "server.port: 6").and(args("--spring.config.location=etc/")), "6 test default"},
		"not beside a file by name":    {file("etc/bootstrap.yml", "server.port: 6").and(file("etc/a.yml", "server.port: 7")).and(args("--spring.config.location=etc/a.yml")), "7 test default"},
		"whatever the others' name is": {bootstrap.and(file("eureka.yml", "server.port: 8")).and(args("--spring.config.name=eureka")), "8 bootstrap a"},
	} {
		s, err := tt.source.load(t)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := strings.Join([]string{s.Text("server.port"), s.Text("eureka.environment"), strings.Join(s.Profiles, ",")}, " ")
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// Comments in other encodings than UTF-8 are no mistakes: Spring replaces what it cannot read.
func TestBytesThatAreNotUTF8(t *testing.T) {
	const gbk = "\xb6\xcb\xbf\xda"
	for name, source := range map[string]source{
		"YAML":       yamlFile("server:\n  port: 8762 # " + gbk + "\n"),
		"properties": file("application.properties", "# "+gbk+"\nserver.port=8762\n"),
	} {
		s, err := source.load(t)
		if err != nil || s.Text("server.port") != "8762" {
			t.Errorf("%s: port %s, %v", name, s.Text("server.port"), err)
		}
	}
}

// S-DEF-23, S-SP-2: a client interval of 0 or less is no mistake, but 30 s.
func TestDef23ClientInterval(t *testing.T) {
	for _, text := range []string{"0", "-5"} {
		s := args("--eureka.server.expected-client-renewal-interval-seconds="+text, "--heureka.compatibility=netflix").mustLoad(t)
		if got := s.ServerConfig(8761).ExpectedClientRenewalInterval; got > 0 {
			t.Errorf("interval %s is configured as %s, want nothing that counts", text, got)
		}
	}
}

// Nobody must believe that heureka asks for a password when it does not; placeholders may still refer to it.
func TestPasswordsThatNobodyAsksFor(t *testing.T) {
	for setting, warned := range map[string]bool{
		"spring.security.user.password": true,
		"spring.security.user.name":     true,
		"security.user.password":        true,
		"security.basic.enabled":        false, // without a user it asks nobody for anything
		"spring.security.filter.order":  false,
	} {
		s := args("--"+setting+"=geheim", "--eureka.client.service-url.defaultZone=http://u:${"+setting+"}@peer/eureka/").mustLoad(t)
		if got := len(s.Warnings) > 0 && strings.Contains(s.Warnings[0].Error(), "asks nobody for a password"); got != warned {
			t.Errorf("%s: warnings %v, want one: %v", setting, s.Warnings, warned)
		}
		if got := s.ServerConfig(8761).ServiceURLs["defaultZone"]; len(got) != 1 || got[0] != "http://u:geheim@peer/eureka/" {
			t.Errorf("%s: peers %v", setting, got)
		}
	}
}
