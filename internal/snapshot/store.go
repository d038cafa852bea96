package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"
)

// The names of files in the directory.
const (
	current    = "registry.gz"
	previous   = "registry.previous.gz"
	unreadable = "registry.unreadable.gz"
	lockName   = "heureka.lock"
)

// A Store is a directory with the last two snapshots of one node. For one goroutine at a time.
type Store struct {
	dir  string
	lock *os.File // nil: the directory cannot be written
	err  error    // why not
}

// A HeldError refuses a directory that another process uses.
type HeldError struct{ Dir, Holder string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("directory %s is in use by %s", e.Dir, e.Holder)
}

// Open takes a directory for this process; holder says to others who that is. The error is a *HeldError if another one has it.
// Whatever else is wrong with the directory, the Store says when it is to write: a node can do without.
func Open(dir, holder string) (*Store, error) {
	s := &Store{dir: dir}
	if s.err = os.MkdirAll(dir, 0o700); s.err != nil {
		return s, nil
	}
	lock, err := os.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		s.err = err
		return s, nil
	}
	if !lockFile(lock) {
		defer lock.Close()
		told, _ := io.ReadAll(io.LimitReader(lock, 256))
		return nil, &HeldError{dir, cmp.Or(string(told), "another process")}
	}
	s.lock = lock
	s.err = errors.Join(lock.Truncate(0), writeAt(lock, holder))
	s.sweep()
	return s, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// sweep removes what a process that was killed had not finished.
func (s *Store) sweep() {
	left, _ := filepath.Glob(s.path("." + current + "*"))
	for _, name := range left {
		os.Remove(name)
	}
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Err says why the directory cannot be written; nil if it can, as far as is known.
func (s *Store) Err() error { return s.err }

// Close lets others have the directory.
func (s *Store) Close() {
	if s.lock != nil {
		_ = s.lock.Truncate(0)
		s.lock.Close()
		s.lock = nil
	}
	s.err = fs.ErrClosed
}

// A Loaded is a whole snapshot.
type Loaded struct {
	Header
	Count int
	path  string
}

// Exists reports whether there is a snapshot in a directory, whether or not it can be read.
func Exists(dir string) bool {
	for _, name := range []string{current, previous} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Of returns which node wrote the last snapshot in a directory, "" if there is none that can be read. It needs no lock: a file
// there is never changed, only replaced.
func Of(dir string) string {
	for _, name := range []string{current, previous} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		h, err := readHeader(f)
		f.Close()
		if err == nil {
			return h.Node
		}
	}
	return ""
}

// Load returns the last snapshot that can be read and has records of this form, and what is wrong with later ones. It is nil if
// there is none.
func (s *Store) Load(form string) (l *Loaded, wrong []error) {
	for _, name := range []string{current, previous} {
		l, err := load(s.path(name), form)
		if err == nil {
			return l, wrong
		}
		if !errors.Is(err, fs.ErrNotExist) {
			wrong = append(wrong, err)
			_ = os.Rename(s.path(name), s.path(unreadable)) // where the next snapshot does not push a good one out
		}
	}
	return nil, wrong
}

func load(path, form string) (*Loaded, error) {
	l := &Loaded{path: path}
	var err error
	if l.Header, l.Count, err = l.read(func([]byte) {}); err == nil && l.Records != form {
		err = fmt.Errorf("its records are %.40q, this program reads %q", l.Records, form)
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", path, err)
	}
	return l, nil
}

func (l *Loaded) read(use func(record []byte)) (Header, int, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return Header{}, 0, err
	}
	defer f.Close()
	return read(f, use)
}

// Each gives each record to use, which must not keep it.
func (l *Loaded) Each(use func(record []byte)) error {
	_, _, err := l.read(use)
	return err
}

// A Saved is a snapshot that was written.
type Saved struct {
	At    time.Time
	Count int
	Bytes int64
}

// Save writes a snapshot and keeps the one before it. When it returns, the new one survives a loss of power; if it fails, the
// last ones are as they were.
func (s *Store) Save(h Header, records iter.Seq[[]byte]) (saved Saved, err error) {
	if s.lock == nil {
		return Saved{}, s.err
	}
	f, err := create(s.path(current))
	if err != nil {
		return Saved{}, s.named(err)
	}
	defer func() { err = errors.Join(s.named(err), f.Cleanup()) }()
	saved.At = h.At
	if saved.Count, err = write(f, h, records); err != nil {
		return Saved{}, err
	}
	if err := f.Sync(); err != nil { // before the last one is moved
		return Saved{}, err
	}
	if info, err := f.Stat(); err == nil {
		saved.Bytes = info.Size()
	}
	if err := os.Rename(s.path(current), s.path(previous)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Saved{}, err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return Saved{}, err
	}
	return saved, syncDir(s.dir)
}

// named returns err without the name of the unfinished file, which is another one each time: the same fault reads the same.
func (s *Store) named(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: p.Op, Path: s.path(current), Err: p.Err}
	}
	return err
}
