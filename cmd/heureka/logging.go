package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/logs"
)

// A logging is where a node's log lines go, and those of its access log.
type logging struct {
	*slog.Logger
	access *slog.Logger // nil: none
	audit  *switching   // nil: none
	levels logs.Levels
	files  []*logFile
}

// openLogs opens the logs as the settings have them.
func (p *program) openLogs(s *config.Settings) (*logging, error) {
	l := &logging{}
	w := p.stderr
	if name := s.Text("logging.file.name"); name != "" {
		f, err := l.open("logging.file.name", name, 0o644)
		if err != nil {
			return nil, err
		}
		w = io.MultiWriter(p.stderr, f)
	}
	l.setLevels(s)
	l.Logger = logs.New(logConfig(s, w, &l.levels))
	switch to := s.Text("heureka.access-log"); to {
	case "off":
	case "log":
		l.access = logs.New(logConfig(s, w, new(logs.Levels)))
	default:
		f, err := l.open("heureka.access-log", to, 0o644)
		if err != nil {
			return nil, err
		}
		l.access = logs.New(logConfig(s, f, new(logs.Levels)))
	}
	sink, err := l.openAudit(s.Text(auditTo), p.stdout)
	if sink != nil {
		l.audit = new(switching)
		l.audit.to.Store(sink)
	}
	return l, err
}

func logConfig(s *config.Settings, w io.Writer, levels *logs.Levels) logs.Config {
	return logs.Config{Writer: w, Format: s.Text("heureka.log-format"), Levels: levels, Service: nodeName(s), Version: thisBuild().version}
}

// nodeName is what log lines call the node.
func nodeName(s *config.Settings) string {
	if name := s.Text("spring.application.name"); name != "" {
		return name
	}
	return "heureka"
}

func (l *logging) setLevels(s *config.Settings) {
	root, own := s.LogLevels()
	l.levels.Root.Set(root)
	l.levels.Set(own)
}

// open opens the file that a setting names, with the directories above it, as Logback does.
func (l *logging) open(setting, name string, mode fs.FileMode) (*logFile, error) {
	f := &logFile{name: name, mode: mode}
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = f.reopen()
	}
	if err != nil {
		return nil, &failure{status: statusUsage, err: fmt.Errorf("%s: %w", setting, err), hint: "choose a file that this user may write to"}
	}
	l.files = append(l.files, f)
	return f, nil
}

// reopen opens all files again: others may have moved them.
func (l *logging) reopen() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.reopen())
	}
	return errors.Join(errs...)
}

// A logFile is a file that lines are appended to. Safe for concurrent use. It has no lock: a write that blocks, as on a disk that is
// not there any more, must not keep others from opening the file again.
type logFile struct {
	name string
	mode fs.FileMode // of a new one
	f    atomic.Pointer[os.File]
}

// Write implements io.Writer. A line goes into the file that is open then.
func (l *logFile) Write(line []byte) (int, error) {
	for {
		f := l.f.Load()
		n, err := f.Write(line)
		if n > 0 || !errors.Is(err, os.ErrClosed) || l.f.Load() == f {
			return n, err
		}
	}
}

// reopen closes the file and opens the one that now has its name. On failure lines go on into the old one.
func (l *logFile) reopen() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, l.mode)
	if err != nil {
		return err
	}
	if old := l.f.Swap(f); old != nil {
		return old.Close()
	}
	return nil
}

// Close closes the file that is open.
func (l *logFile) Close() error { return l.f.Load().Close() }

// jsonLog returns where warnings about settings, and errors that end the program, go if the log is JSON; nil if it is text.
func (p *program) jsonLog(s *config.Settings) *slog.Logger {
	if s.Text("heureka.log-format") == "text" {
		return nil
	}
	return logs.New(logConfig(s, p.stderr, new(logs.Levels)))
}
