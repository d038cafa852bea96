package client

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/spring"
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
// ${random.value} have the values that Spring gives them. One that nothing is known of, and which has no default, is an
// error; \${ stands for ${ itself. What is set to nothing is left at its default. From outside eureka ParseConfig reads
// spring.application.name, server.port, spring.application.instance_id, spring.cloud.client.hostname,
// spring.cloud.inetutils.* and vcap.application.instance_id. Durations are whole numbers in the unit that the setting has in Java, or have a unit of their
// own ("30s", "PT30S"). Key stores must be files in PEM.
//
// A server.port of 0 is any free port in Spring, which no setting can know: put the port into Settings.Instance then.
func ParseConfig(sources ...map[string]any) (Settings, error) {
	p := &parser{
		values: make(map[string]string), spelled: make(map[string]string), from: make(map[string]int),
	}
	p.host = sync.OnceValue(func() spring.Host { return spring.LocalHostIn(spring.Network(p.Instance.Network)) })
	for _, source := range sources {
		p.add(source)
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
	lists   map[string]map[int]string // of this source: the elements by the name of the list
	host    func() spring.Host
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
}

// add overrides what earlier sources say.
func (p *parser) add(source map[string]any) {
	p.source++
	p.lists = make(map[string]map[int]string)
	p.flatten("", source)
	for _, name := range slices.Sorted(maps.Keys(p.lists)) {
		list := p.lists[name]
		texts := make([]string, 0, len(list))
		for _, index := range slices.Sorted(maps.Keys(list)) {
			texts = append(texts, list[index])
		}
		p.put(name, strings.Join(texts, ","))
	}
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

// put keeps a value. In one source two spellings are two keys, of a map such as the metadata.
func (p *parser) put(key, value string) {
	elems, index := spring.SplitName(key)
	key = strings.Join(elems, ".")
	if index >= 0 {
		if p.lists[key] == nil {
			p.lists[key] = make(map[int]string)
		}
		p.lists[key][index] = value
		return
	}
	c := spring.SquashAll(key)
	if p.from[c] == p.source && p.spelled[c] != key {
		c += "\x00" + key
	}
	p.values[c], p.spelled[c], p.from[c] = value, key, p.source
}

// get returns a value with its placeholders filled in.
func (p *parser) get(key string) string { return p.expanded(spring.SquashAll(key)) }

func (p *parser) expanded(compact string) string {
	value, err := spring.Expand(p.values[compact], p.lookup)
	if err != nil {
		p.fail(p.spelled[compact], err)
	}
	return value
}

func (p *parser) fail(key string, err error) { p.errs = append(p.errs, fmt.Errorf("%s: %w", key, err)) }

// lookup finds the value behind the name in a placeholder: of a setting, of the environment, of the machine.
func (p *parser) lookup(name string) (string, bool) {
	c := spring.SquashAll(name)
	if v, ok := p.values[c]; ok {
		raw := p.spelled[c]
		if spring.Refers(name, raw) || slices.Contains(spring.EnvNames(name), strings.ToUpper(raw)) ||
			strings.HasPrefix(name, "eureka.") && spring.Same(name, raw) {
			return v, true
		}
	}
	switch c {
	case "eurekahostname", spring.SquashAll(cmp.Or(p.values["eurekainstancenamespace"], "eureka") + "hostname"):
		return `\` + hostPlaceholder, true // for InstanceConfig to fill in, by whatever namespace it goes (C-MD-9)
	case "eurekainstancehostname", "springcloudclienthostname":
		return p.host().Name, true
	case "eurekainstanceipaddress", "springcloudclientipaddress":
		return p.host().IP, true
	case "serverport":
		return strconv.Itoa(defaultPort), strings.Contains(name, ".")
	}
	return "", false
}

// general sets what does not begin with eureka.
func (p *parser) general() {
	p.Instance.App = p.get("spring.application.name")
	p.Instance.ID = p.get("vcap.application.instance_id")
	p.ports = portSettings{server: p.get("server.port"), enabled: true}
	p.springHost = p.get("spring.cloud.client.hostname")
	p.springID = p.get("spring.application.instance_id")
	p.inetutils()
}

// inetutils sets how the own address is chosen.
func (p *parser) inetutils() {
	in := &p.Instance
	for _, r := range []row{
		{"preferred-networks", "", list(&in.Network.Preferred)},
		{"ignored-interfaces", "", list(&in.Network.Ignored)},
		{"use-only-site-local-interfaces", "", on(&in.Network.SiteLocal)},
		{"default-hostname", "", text(&in.DefaultHostName)},
	} {
		key := "spring.cloud.inetutils." + r.spring
		if value := p.get(key); strings.TrimSpace(value) != "" {
			if err := r.set("", value); err != nil {
				p.fail(key, err)
			}
		}
	}
}

// apply finds what a key means.
func (p *parser) apply(rows []row, key string) {
	for _, r := range rows {
		rest, ok := r.match(p.spelled[key])
		if !ok {
			continue
		}
		value := p.expanded(key)
		if strings.TrimSpace(value) == "" && rest == "" { // such as ${MY_URL:}: left at its default
			return
		}
		if err := r.set(rest, value); err != nil {
			p.fail(p.spelled[key], err)
		}
		return
	}
	if region, ok := strings.CutSuffix(p.spelled[key], ".availabilityZones"); ok { // in the middle, in Netflix files
		_ = lists(&p.Client.AvailabilityZones, asSpelled)(strings.TrimPrefix(region, "eureka."), p.expanded(key))
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
		return after(key, spring.SquashAll(prefix))
	}
	return "", spring.SquashAll(key) == spring.SquashAll("eureka."+name)
}

// after returns what follows a compact prefix and a dot or underscore, as it is spelled.
func after(key, prefix string) (rest string, ok bool) {
	for i, r := range key {
		if (r == '.' || r == '_') && i+1 < len(key) && spring.SquashAll(key[:i]) == prefix {
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
		p.Client.DNS.Records = DNSTXT
		if strings.Contains(p.spelled["eurekaport"], ".") { // in Netflix files it stands for eurekaServer.port too
			setDefault(&p.Client.DNS.Port, p.ports.plain)
		}
	}
	if p.starting && p.Instance.InitialStatus == heureka.StatusUnknown {
		p.Instance.InitialStatus = heureka.StatusStarting
	}
	p.finishID(&p.Instance)
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
	return func(_, value string) error {
		n, err := spring.ParseInt(value)
		*to = int(n)
		return err
	}
}

func fraction(to *float64) setter {
	return func(_, value string) (err error) {
		*to, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err
	}
}

// on is a switch, off one with the opposite meaning.
func on(to *bool) setter  { return flag(to, true) }
func off(to *bool) setter { return flag(to, false) }

func flag(to *bool, meaning bool) setter {
	return func(_, value string) error {
		b, err := spring.ParseBool(value)
		*to = b == meaning
		return err
	}
}

// duration takes a bare number in the unit of the Java setting, or a duration with a unit.
func duration(to *time.Duration, unit time.Duration) setter {
	return func(_, value string) (err error) {
		*to, err = spring.ParseDuration(value, unit)
		return err
	}
}

func list(to *[]string) setter {
	return func(_, value string) error {
		*to = spring.SplitList(value)
		return nil
	}
}
