package client

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
)

// Settings is what ParseConfig makes of the settings of a Java program.
type Settings struct {
	Client   Config         // for New
	Instance InstanceConfig // for Client.Register
	// Ignored are the settings below eureka.client and eureka.instance that mean nothing here, in ascending order: those
	// of Java's thread pools, codecs and transports, and misspelt ones.
	Ignored []string
}

// ParseConfig reads the settings of Spring's and Netflix's clients, eureka.client.* and eureka.instance.*, so that a Go
// program can be configured like the Java programs beside it. Later sources override earlier ones. A source is what any
// YAML library makes of an application.yml, or what Properties and Environ return; keys may be nested or flat:
//
//	var file map[string]any
//	err := yaml.Unmarshal(text, &file)
//	s, err := client.ParseConfig(file, client.Environ(os.Environ()))
//	c, err := client.New(s.Client)
//	reg, err := c.Register(s.Instance)
//
// Names are compared without regard to case, dashes and underscores, as Spring does. Placeholders such as
// ${server.port:8080} are filled in from all sources; ${spring.cloud.client.hostname}, ${spring.cloud.client.ip-address} and
// ${random.value} have the values that Spring gives them. From outside eureka it reads spring.application.name, server.port,
// spring.application.instance_id, spring.cloud.client.hostname and vcap.application.instance_id. Durations are numbers in
// the unit that the setting has in Java, or have a unit of their own ("30s"). Key stores must be files in PEM.
//
// A server.port of 0 is any free port in Spring, which no setting can know: put the port into Settings.Instance then.
func ParseConfig(sources ...map[string]any) (Settings, error) {
	p := &parser{values: make(map[string]string), spelled: make(map[string]string), from: make(map[string]int)}
	for _, source := range sources {
		p.source++
		p.flatten("", source)
	}
	p.general()
	rows := p.rows()
	for _, key := range slices.Sorted(maps.Keys(p.values)) {
		p.apply(rows, key)
	}
	p.finish()
	return p.Settings, errors.Join(p.errs...)
}

type parser struct {
	Settings
	values  map[string]string // by compact key
	spelled map[string]string // compact key to the key as it was written
	from    map[string]int    // compact key to the number of its source
	source  int
	errs    []error

	// Settings that mean something only together.
	tls        tlsSettings
	proxy      proxySettings
	ports      portSettings
	disabled   bool
	useDNS     bool
	starting   bool
	springID   string
	springHost string
	namespace  string
}

// compact makes keys comparable. Dots go too, because environment variables cannot tell them from dashes.
func compact(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == '-' || r == '_':
			return -1
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, key)
}

// flatten brings nested maps to flat keys. Lists become what Spring writes with commas.
func (p *parser) flatten(prefix string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			p.flatten(join(prefix, k), v[k])
		}
	case map[any]any: // of older YAML libraries
		for k, inner := range v {
			p.flatten(join(prefix, fmt.Sprint(k)), inner)
		}
	case []any:
		texts := make([]string, len(v))
		for i, inner := range v {
			texts[i] = fmt.Sprint(inner)
		}
		p.put(prefix, strings.Join(texts, ","))
	case nil:
		p.put(prefix, "")
	default:
		p.put(prefix, fmt.Sprint(v))
	}
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// put overrides what earlier sources say. In one source two spellings are two keys, of a map such as the metadata.
func (p *parser) put(key, value string) {
	c := compact(key)
	if p.from[c] == p.source && p.spelled[c] != key {
		c += "\x00" + key
	}
	p.values[c], p.spelled[c], p.from[c] = value, key, p.source
}

// get returns a value with its placeholders filled in.
func (p *parser) get(key string) string { return p.expand(p.values[compact(key)], nil) }

// expand fills in ${key} and ${key:default}, which may be nested. What is unknown, or refers to itself, stays as it is:
// ${eureka.hostname} is filled in when the instance is known. within are the keys whose values are being expanded.
func (p *parser) expand(s string, within []string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		end := closing(rest)
		if end < 0 {
			b.WriteString("${" + rest)
			return b.String()
		}
		b.WriteString(p.placeholder(rest[:end], within))
		s = rest[end+1:]
	}
}

// closing returns where the brace is that closes a placeholder, past those that it contains.
func closing(s string) int {
	open := 1
	for i := range len(s) {
		switch {
		case s[i] == '{' && i > 0 && s[i-1] == '$':
			open++
		case s[i] == '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

// placeholder returns what stands for ${inner}.
func (p *parser) placeholder(inner string, within []string) string {
	name, fallback, hasFallback := strings.Cut(inner, ":")
	if v, ok := randomValue(name); ok {
		return v
	}
	key := compact(name)
	v, known := p.values[key]
	switch {
	case known && !slices.Contains(within, key):
		return p.expand(v, append(slices.Clip(within), key))
	case !known && aboutMachine[key] != nil:
		return aboutMachine[key]()
	case !known && hasFallback:
		return p.expand(fallback, within)
	}
	return "${" + inner + "}"
}

// aboutMachine is what Spring Cloud tells every program of its machine; instance ids are often made of it.
var aboutMachine = map[string]func() string{
	compact("spring.cloud.client.hostname"):   ownHost,
	compact("spring.cloud.client.ip-address"): ownIP,
}

// general sets what does not begin with eureka.
func (p *parser) general() {
	p.Instance.App = p.get("spring.application.name")
	p.Instance.ID = p.get("vcap.application.instance_id")
	p.ports = portSettings{server: p.get("server.port"), enabled: true}
	p.springHost = p.get("spring.cloud.client.hostname")
	p.springID = p.get("spring.application.instance_id")
}

// apply finds what a key means.
func (p *parser) apply(rows []row, key string) {
	value := strings.TrimSpace(p.expand(p.values[key], []string{key}))
	for _, r := range rows {
		rest, ok := r.match(p.spelled[key])
		if !ok {
			continue
		}
		if err := r.set(rest, value); err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %w", p.spelled[key], err))
		}
		return
	}
	if region, ok := strings.CutSuffix(p.spelled[key], ".availabilityZones"); ok { // in the middle, in Netflix files
		_ = lists(&p.Client.AvailabilityZones, asSpelled)(strings.TrimPrefix(region, "eureka."), value)
		return
	}
	if strings.HasPrefix(key, "eurekaclient") || strings.HasPrefix(key, "eurekainstance") {
		p.Ignored = append(p.Ignored, p.spelled[key])
	}
}

// A setter takes the value of a setting, and what follows the name of one that is a map.
type setter func(rest, value string) error

// A row is a setting: its names in Spring and in Netflix files below "eureka.", "" where there is none, and its meaning.
// Names that end in ".*" are maps.
type row struct {
	spring, netflix string
	set             setter
}

// match reports whether a key is this setting, and what follows its name if it is a map.
func (r row) match(key string) (rest string, ok bool) {
	if rest, ok = matchName(r.spring, key); ok {
		return rest, true
	}
	// Netflix names come from files. In the environment they would be mistaken for what Kubernetes puts there for a
	// service called "eureka", such as EUREKA_PORT=tcp://192.0.2.1:8761.
	if strings.Contains(key, ".") {
		return matchName(r.netflix, key)
	}
	return "", false
}

// matchName compares a name of the table with a key.
func matchName(name, key string) (rest string, ok bool) {
	if name == "" {
		return "", false
	}
	if prefix, isMap := strings.CutSuffix("eureka."+name, ".*"); isMap {
		return after(key, compact(prefix))
	}
	return "", compact(key) == compact("eureka."+name)
}

// after returns what follows a compact prefix and a dot or underscore, as it is spelled.
func after(key, prefix string) (rest string, ok bool) {
	for i, r := range key {
		if (r == '.' || r == '_') && i+1 < len(key) && compact(key[:i]) == prefix {
			return key[i+1:], true
		}
	}
	return "", false
}

// finish combines settings that depend on each other.
func (p *parser) finish() {
	slices.Sort(p.Ignored)
	for _, err := range []error{p.ports.apply(&p.Instance), p.tls.apply(&p.Client), p.proxy.apply(&p.Client)} {
		if err != nil {
			p.errs = append(p.errs, err)
		}
	}
	if p.disabled {
		p.Client.DisableFetch, p.Client.DisableRegistration = true, true
	}
	if p.useDNS {
		p.Client.DNS = DNSTXT
		if strings.Contains(p.spelled["eurekaport"], ".") { // in Netflix files it stands for eurekaServer.port too
			setDefault(&p.Client.DNSPort, p.ports.plain)
		}
	}
	if p.starting && p.Instance.InitialStatus == heureka.StatusUnknown {
		p.Instance.InitialStatus = heureka.StatusStarting
	}
	p.finishID(&p.Instance)
	p.finishURLs(&p.Instance)
}

// finishURLs knows the host name's placeholder by the name that a program's namespace gives it (C-MD-9).
func (p *parser) finishURLs(in *InstanceConfig) {
	if p.namespace == "" {
		return
	}
	own := "${" + strings.TrimSuffix(p.namespace, ".") + ".hostname}"
	for _, u := range []*string{&in.HomePageURL, &in.StatusPageURL, &in.HealthCheckURL, &in.SecureHealthCheckURL} {
		*u = strings.ReplaceAll(*u, own, hostPlaceholder)
	}
}

// finishID is how Spring makes up an instance id (C-MD-12), as far as the settings tell more than InstanceConfig.
func (p *parser) finishID(in *InstanceConfig) {
	setDefault(&in.ID, in.Metadata["instanceId"])
	if in.ID == "" && (p.springID != "" || p.springHost != "") {
		in.ID = joinNonEmpty(cmp.Or(p.springHost, in.HostName), in.App, cmp.Or(p.springID, strconv.Itoa(in.Port)))
	}
}

func joinNonEmpty(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ":")
}

func text(to *string) setter {
	return func(_, value string) error {
		*to = value
		return nil
	}
}

func number(to *int) setter {
	return func(_, value string) (err error) {
		*to, err = strconv.Atoi(value)
		return err
	}
}

func fraction(to *float64) setter {
	return func(_, value string) (err error) {
		*to, err = strconv.ParseFloat(value, 64)
		return err
	}
}

// on is a switch, off one with the opposite meaning.
func on(to *bool) setter  { return flag(to, true) }
func off(to *bool) setter { return flag(to, false) }

// flag takes the words that Spring takes.
func flag(to *bool, meaning bool) setter {
	return func(_, value string) error {
		switch strings.ToLower(value) {
		case "true", "on", "yes", "1":
			*to = meaning
		case "false", "off", "no", "0":
			*to = !meaning
		default:
			return fmt.Errorf("%q is neither true nor false", value)
		}
		return nil
	}
}

// duration takes a bare number in the unit of the Java setting, or a duration with a unit.
func duration(to *time.Duration, unit time.Duration) setter {
	return func(_, value string) error {
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			*to = time.Duration(n * float64(unit))
			return nil
		}
		d, err := time.ParseDuration(value)
		*to = d
		return err
	}
}

func list(to *[]string) setter {
	return func(_, value string) error {
		*to = splitList(value)
		return nil
	}
}

func splitList(value string) []string {
	var out []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
