package config_test

import (
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source source
		want   string
	}{
		{"none", source{}, "default"},
		{"argument", args("--spring.profiles.active=a,b"), "a,b"},
		{"environment", env("SPRING_PROFILES_ACTIVE=a"), "a"},
		{"file", yamlFile("spring.profiles.active: a"), "a"},
		{"list", yamlFile("spring: {profiles: {active: [a, b]}}"), "a,b"},
		{"argument over file", yamlFile("spring.profiles.active: a").and(args("--spring.profiles.active=b")), "b"},
		{"placeholder", yamlFile("spring.profiles.active: ${STAGE:dev}"), "dev"},
		{"placeholder from the environment", yamlFile("spring.profiles.active: ${STAGE:dev}").and(env("STAGE=prod")), "prod"},
		{"include", yamlFile("spring.profiles: {active: a, include: common}"), "common,a"},
		{"group", yamlFile("spring.profiles: {active: 'prod,x', group: {prod: 'db,mq', mq: rabbit}}"), "prod,db,mq,rabbit,x"},
		{"group that contains itself", yamlFile("spring.profiles: {active: a, group: {a: b, b: a}}"), "a,b"},
		{"another default", yamlFile("spring.profiles.default: dev"), "dev"},
		{"no default", args("--spring.profiles.default="), ""},
	} {
		if got := strings.Join(tt.source.mustLoad(t).Profiles, ","); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestProfileExpressions(t *testing.T) {
	for _, tt := range []struct {
		expression string
		want       bool
	}{
		{"a", true}, {"c", false}, {"!a", false}, {"!c", true}, {"!!a", true},
		{"a & b", true}, {"a&c", false}, {"a | c", true}, {"c|d", false},
		{"c, a", true}, {"c,d", false},
		{"(a | c) & b", true}, {"a & (c | d)", false}, {"!(a & c)", true}, {"!(a | c)", false},
		{"c & a | b", true}, {"b | a & c", true},
		{"(a", true}, {"a)", false}, {"a b", false}, {"()", false}, {"&", false},
	} {
		s := yamlFile("eureka.environment: base\n---\nspring.config.activate.on-profile: '" + tt.expression + "'\neureka.environment: active").
			and(args("--spring.profiles.active=a,b")).mustLoad(t)
		if got := s.Text(envKey) == "active"; got != tt.want {
			t.Errorf("%q is %v for a and b, want %v", tt.expression, got, tt.want)
		}
	}
}

// A document for "not prod" must not switch profiles on while they are not known yet.
func TestConditionalDocumentsDoNotChooseProfiles(t *testing.T) {
	s := yamlFile("spring.config.activate.on-profile: '!prod'\nspring.profiles.active: x\neureka.environment: y").mustLoad(t)
	if got := strings.Join(s.Profiles, ","); got != "default" || s.Text(envKey) != "y" {
		t.Errorf("profiles %s, settings %v", got, changed(s))
	}
}

func TestDocumentsForCloudPlatformsAreInactive(t *testing.T) {
	s := yamlFile("spring.config.activate.on-cloud-platform: kubernetes\neureka.environment: k8s").mustLoad(t)
	if got := s.Text(envKey); got != "test" {
		t.Errorf("environment %s", got)
	}
}

func TestPropertiesDocuments(t *testing.T) {
	text := "eureka.environment=base\n#---\nspring.config.activate.on-profile=p\neureka.environment=p\n!---\nspring.config.activate.on-profile=q\neureka.environment=q\n"
	for profile, want := range map[string]string{"p": "p", "q": "q", "r": "base"} {
		s := file("application.properties", text).and(args("--spring.profiles.active=" + profile)).mustLoad(t)
		if got := s.Text(envKey); got != want {
			t.Errorf("profile %s: %s, want %s", profile, got, want)
		}
	}
}
