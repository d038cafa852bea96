package config

import (
	"slices"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// The names of Spring's own switches, squashed like all unknown names.
const (
	onProfile        = "spring.config.activate.onprofile"
	onCloudPlatform  = "spring.config.activate.oncloudplatform"
	oldOnProfile     = "spring.profiles" // until Spring Boot 2.3, and in most tutorials
	profilesActive   = "spring.profiles.active"
	profilesInclude  = "spring.profiles.include"
	profilesDefault  = "spring.profiles.default"
	profilesGroup    = "spring.profiles.group."
	configName       = "spring.config.name"
	configLocation   = "spring.config.location"
	configAdditional = "spring.config.additionallocation"
	configImport     = "spring.config.import"
	springJSON       = "SPRING_APPLICATION_JSON"
)

// switches are the names above that environment variables may spell with more underscores than dots.
var switches = map[string]string{
	strings.ReplaceAll(configAdditional, ".", ""): configAdditional,
}

// isSwitch reports whether a name is one of those above, all of which are obeyed before settings are read.
func isSwitch(canonical string) bool {
	return strings.HasPrefix(canonical, profilesGroup) || slices.Contains([]string{profilesActive, profilesInclude, profilesDefault,
		configName, configLocation, configAdditional, configImport, "spring.application.json"}, canonical)
}

// newDocument takes the switches that concern the document itself out of its properties.
func newDocument(l layer) document {
	d := document{props: l, imports: l[configImport]}
	for _, k := range []string{onProfile, oldOnProfile} {
		if p, ok := l[k]; ok {
			d.condition = p.Text
		}
		delete(l, k)
	}
	if p := l[onCloudPlatform]; p.Text != "" && !strings.EqualFold(p.Text, "none") {
		d.condition = "!*" // no cloud platform is detected here, so the document is never active
	}
	delete(l, configImport)
	return d
}

// active reports whether the document's condition holds for these profiles. Commas mean "or". While profiles are not known,
// which is nil, no condition holds.
func (d document) active(profiles []string) bool {
	if d.condition == "" || profiles == nil {
		return d.condition == ""
	}
	return slices.ContainsFunc(spring.SplitList(d.condition), func(expression string) bool {
		e := profileExpression{rest: expression, profiles: profiles}
		return e.or() && strings.TrimSpace(e.rest) == ""
	})
}

// A profileExpression evaluates Spring's profile expressions: names, !, &, | and parentheses. One that is broken matches
// nothing.
type profileExpression struct {
	rest     string
	profiles []string
}

func (e *profileExpression) or() bool {
	v := e.and()
	for e.take('|') {
		right := e.and()
		v = v || right
	}
	return v
}

func (e *profileExpression) and() bool {
	v := e.not()
	for e.take('&') {
		right := e.not()
		v = v && right
	}
	return v
}

func (e *profileExpression) not() bool {
	negated := false
	for e.take('!') {
		negated = !negated
	}
	if e.take('(') {
		v := e.or()
		e.take(')')
		return v != negated
	}
	e.rest = strings.TrimLeft(e.rest, " ")
	end := strings.IndexAny(e.rest+")", "()&|! ")
	profile := e.rest[:min(end, len(e.rest))]
	e.rest = e.rest[len(profile):]
	return (profile == "*" || slices.Contains(e.profiles, profile)) != negated
}

func (e *profileExpression) take(c byte) bool {
	e.rest = strings.TrimLeft(e.rest, " ")
	if e.rest == "" || e.rest[0] != c {
		return false
	}
	e.rest = e.rest[1:]
	return true
}

// activeProfiles returns the profiles that r's layers switch on: the included ones first, each followed by its group; the
// later win. It is never nil without an error.
func activeProfiles(r *expander) ([]string, error) {
	var profiles []string
	for _, k := range []string{profilesInclude, profilesActive} {
		p := r.merged[k]
		text, err := r.expand(p)
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, spring.SplitList(text)...)
	}
	if len(profiles) == 0 {
		p, ok := r.merged[profilesDefault]
		if !ok {
			p.Text = "default"
		}
		profiles = spring.SplitList(p.Text)
	}
	return expandGroups(r, profiles, []string{}), nil
}

func expandGroups(r *expander, profiles, seen []string) []string {
	for _, profile := range profiles {
		if slices.Contains(seen, profile) {
			continue
		}
		seen = append(seen, profile)
		members := r.merged[profilesGroup+spring.Squash(profile)]
		seen = expandGroups(r, spring.SplitList(members.Text), seen)
	}
	return seen
}
