package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

func TestSpringSecurityUser(t *testing.T) {
	s := args("--spring.security.user.name=admin", "--spring.security.user.password=geheim", "--spring.security.user.roles=read,register",
		"--heureka.auth.modes.peer=observe").mustLoad(t)
	want := server.Auth{User: "admin", Password: "geheim", Roles: []string{"read", "register"}, Anonymous: []string{"probe"}, Modes: map[string]string{"peer": "observe"}}
	if diff := cmp.Diff(want, s.ServerConfig(1).Auth); diff != "" {
		t.Error(diff)
	}
	// Who has said that a proxy asks for the password goes on without one.
	known := args("--spring.security.user.name=u", "--spring.security.user.password=geheim", "--heureka.acknowledge=spring.security.user",
		"--eureka.client.service-url.defaultZone=http://u:${spring.security.user.password}@peer/eureka/").mustLoad(t).ServerConfig(1)
	if known.Auth.Password != "" || known.ServiceURLs["defaultZone"][0] != "http://u:geheim@peer/eureka/" {
		t.Errorf("password %q, peers %v", known.Auth.Password, known.ServiceURLs)
	}
	_, err := args("--spring.security.user.name=u").load(t)
	if err == nil || config.HintOf(config.Mistakes(err)[0]) != "set spring.security.user.password" {
		t.Errorf("a user without a password: %v", err)
	}
}
