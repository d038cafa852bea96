package logs

import (
	"context"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"
)

// Formats are the forms of a line: text and json are slog's own, the others Spring Boot's structured ones.
var Formats = []string{"text", "json", "ecs", "logstash", "gelf"}

// A Config says where lines go, and in which form.
type Config struct {
	Writer  io.Writer
	Format  string // one of Formats
	Levels  *Levels
	Service string // name of the node, for the forms that have a place for it
	Version string // likewise
}

// New returns the logger that the others are derived from with Named.
func New(cfg Config) *slog.Logger {
	h := &handler{levels: cfg.Levels}
	options := &slog.HandlerOptions{Level: slog.Level(math.MinInt)} // h decides
	form := forms[cfg.Format]
	if form.replace == nil {
		h.Handler = slog.NewTextHandler(cfg.Writer, options)
		return slog.New(h)
	}
	options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if final, ok := strings.CutPrefix(a.Key, finalKey); ok {
			a.Key = final
			return a
		}
		if len(groups) == 0 {
			a = form.replace(a)
		}
		return inMilliseconds(a)
	}
	h.head, h.flat = named, cfg.Format == "gelf"
	if form.head != nil {
		h.head = form.head
	}
	h.Handler = slog.NewJSONHandler(cfg.Writer, options)
	if form.fixed != nil {
		h.Handler = h.Handler.WithAttrs(form.fixed(&cfg))
	}
	return slog.New(h)
}

// Named returns the logger of this name, one of Loggers, if log is of New; any other logger knows no names and is returned
// as it is.
func Named(log *slog.Logger, name string) *slog.Logger {
	h, ok := log.Handler().(*handler)
	if !ok {
		return log
	}
	named := *h
	named.name = name
	return slog.New(&named)
}

// LevelsOf returns the levels of a logger that is of New; nil for any other.
func LevelsOf(log *slog.Logger) *Levels {
	if h, ok := log.Handler().(*handler); ok {
		return h.levels
	}
	return nil
}

// A handler decides what is logged by the level of its logger.
type handler struct {
	slog.Handler
	levels *Levels
	name   string                                      // of the logger
	head   func(name string, l slog.Level) []slog.Attr // what a line tells of its logger; nil: nothing
	flat   bool                                        // the form has no groups
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.levels.Of(h.name) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if h.head == nil {
		return h.Handler.Handle(ctx, r)
	}
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	line.AddAttrs(h.head(h.name, r.Level)...)
	r.Attrs(func(a slog.Attr) bool {
		if h.flat {
			addFlat(&line, "", a)
		} else {
			line.AddAttrs(a)
		}
		return true
	})
	return h.Handler.Handle(ctx, line)
}

// addFlat adds an attribute, or those of a group with its name before theirs.
func addFlat(r *slog.Record, prefix string, a slog.Attr) {
	a.Key = prefix + a.Key
	if a.Value.Kind() != slog.KindGroup {
		r.AddAttrs(a)
		return
	}
	for _, inner := range a.Value.Group() {
		addFlat(r, a.Key+"_", inner)
	}
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithAttrs(attrs)
	return &with
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithGroup(name)
	return &with
}

// inMilliseconds turns durations into numbers whose key has the unit: slog would write nanoseconds.
func inMilliseconds(a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_ms", float64(a.Value.Duration())/float64(time.Millisecond))
	}
	return a
}

// A form is one of the JSON forms.
type form struct {
	replace func(slog.Attr) slog.Attr                   // of what stands outside of groups
	fixed   func(*Config) []slog.Attr                   // stand in every line
	head    func(name string, l slog.Level) []slog.Attr // as in handler; nil: named
}

const (
	nameAttr = "logger" // the key of a logger's name before the form replaces it
	finalKey = "="      // stands before a key that the form must not replace
)

var forms = map[string]form{
	"json":     {replace: func(a slog.Attr) slog.Attr { return a }},
	"ecs":      {ecs, ecsFixed, ecsHead},
	"logstash": {replace: logstash, fixed: logstashFixed},
	"gelf":     {replace: gelf, fixed: gelfFixed},
}

// renamed returns a replacement of keys.
func renamed(names map[string]string) func(slog.Attr) slog.Attr {
	return func(a slog.Attr) slog.Attr {
		if level, ok := a.Value.Any().(slog.Level); ok {
			a.Value = slog.StringValue(LevelName(level))
		}
		if name := names[a.Key]; name != "" {
			a.Key = name
		}
		return a
	}
}

// named tells the name alone: the form has a place for the level itself.
func named(name string, _ slog.Level) []slog.Attr {
	if name == "" {
		return nil
	}
	return []slog.Attr{slog.String(nameAttr, name)}
}

var ecsNames = renamed(map[string]string{slog.TimeKey: "@timestamp", slog.MessageKey: "message"})

// ecs is the form of Spring Boot since 3.5, whose fields are nested.
func ecs(a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.LevelKey:
		return slog.Attr{} // ecsHead has it
	case "err":
		return slog.Group("error", slog.Any("message", a.Value))
	case "url":
		return slog.Group("url", slog.Any("full", a.Value))
	}
	return ecsNames(a)
}

func ecsHead(name string, l slog.Level) []slog.Attr {
	log := []slog.Attr{slog.String("level", LevelName(l))}
	if name != "" {
		log = append(log, slog.String("logger", name))
	}
	return []slog.Attr{slog.GroupAttrs("log", log...)}
}

func ecsFixed(c *Config) []slog.Attr {
	return []slog.Attr{slog.Group("process", "pid", os.Getpid()), slog.Group("service", "name", c.Service, "version", c.Version), slog.Group("ecs", "version", "8.11")}
}

var logstashNames = renamed(map[string]string{slog.TimeKey: "@timestamp", slog.MessageKey: "message", nameAttr: "logger_name"})

func logstash(a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok {
		return slog.Group("", slog.String(finalKey+"level", LevelName(level)), slog.Int("level_value", numberOf(level).logback))
	}
	return logstashNames(a)
}

func logstashFixed(*Config) []slog.Attr { return []slog.Attr{slog.String("@version", "1")} }

// gelf is Graylog's form: what it does not name begins with "_", and must not be "_id".
func gelf(a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok {
		return slog.Group("", slog.Int(finalKey+"level", numberOf(level).syslog), slog.String(finalKey+"_level_name", LevelName(level)))
	}
	switch a.Key {
	case slog.TimeKey:
		return slog.Float64("timestamp", float64(a.Value.Time().UnixMilli())/1000)
	case slog.MessageKey:
		a.Key = "short_message"
	case nameAttr:
		a.Key = "_log_logger"
	case "id":
		a.Key = "_instance_id"
	default:
		a.Key = "_" + a.Key
	}
	return a
}

func gelfFixed(c *Config) []slog.Attr {
	return []slog.Attr{slog.String(finalKey+"version", "1.1"), slog.String(finalKey+"host", c.Service), slog.Int("process_pid", os.Getpid()), slog.String("service_version", c.Version)}
}

// numbers are what others count a level as.
type numbers struct{ logback, syslog int }

func numberOf(l slog.Level) numbers {
	switch {
	case l >= slog.LevelError:
		return numbers{40000, 3}
	case l >= slog.LevelWarn:
		return numbers{30000, 4}
	case l >= slog.LevelInfo:
		return numbers{20000, 6}
	case l >= slog.LevelDebug:
		return numbers{10000, 7}
	}
	return numbers{5000, 7}
}
