package config_test

import (
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
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
	for setting, group := range map[string]string{
		"spring.security.oauth2.client.provider.x.issuer-uri=http": "spring.security.oauth2",
		"security.user.password=geheim":                            "security.user",
		"security.basic.enabled=true":                              "security.basic",
		"security.basic.enabled=false":                             "",
		"security.require-ssl=true":                                "security.require-ssl",
		"management.security.enabled=true":                         "management.security",
		"management.server.ssl.foo=a.p12":                          "management.server.ssl",
		"my.security.user=geheim":                                  "",
	} {
		name, value, _ := strings.Cut(setting, "=")
		with := args("--"+setting, "--eureka.client.service-url.defaultZone=http://u:${"+name+":}@peer/eureka/")
		s, err := with.load(t)
		if group == "" {
			if len(problems(s, err)) > 0 {
				t.Errorf("%s: %q", setting, problems(s, err))
			}
			continue
		}
		if err == nil || config.HintOf(err) != "to start anyway, set heureka.acknowledge="+group {
			t.Errorf("%s: %v, hint %q", setting, err, config.HintOf(config.Mistakes(err)[0]))
		}
		for known, enough := range map[string]bool{group: true, "other," + name: true, "spring": false, "s": false, group + "x": false} {
			s, err := with.and(args("--heureka.acknowledge=" + known)).load(t)
			if enough != (err == nil) || len(s.Warnings) > 0 {
				t.Errorf("%s, acknowledged as %s: %q", setting, known, problems(s, err))
			} else if got := s.ServerConfig(8761).ServiceURLs["defaultZone"]; enough && got[0] != "http://u:"+value+"@peer/eureka/" {
				t.Errorf("%s: peers %v", setting, got)
			}
		}
	}
}
