package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, "process 1 of the test")
	if err != nil || s.Err() != nil {
		t.Fatalf("Open: %v, %v", err, s.Err())
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Store) save(t *testing.T, lines ...string) {
	t.Helper()
	saved, err := s.Save(someHeader, records(lines...))
	if err != nil || saved.Count != len(lines) || saved.Bytes == 0 {
		t.Fatalf("Save = %+v, %v", saved, err)
	}
}

// loaded returns the records of what is loaded, and what was wrong.
func (s *Store) loaded(t *testing.T) (lines []string, wrong []error) {
	t.Helper()
	l, wrong := s.Load(someHeader.Records)
	if l == nil {
		return nil, wrong
	}
	if err := l.Each(func(b []byte) { lines = append(lines, string(b)) }); err != nil || l.Count != len(lines) {
		t.Fatalf("Each: %v, %d of %d", err, len(lines), l.Count)
	}
	return lines, wrong
}

func TestTheLastSnapshotIsLoaded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "new", "dir"))
	if l, wrong := s.Load(someHeader.Records); l != nil || wrong != nil {
		t.Errorf("Load of an empty directory = %v, %v", l, wrong)
	}
	s.save(t, "one")
	s.save(t, "one", "two")
	if got, wrong := s.loaded(t); !slices.Equal(got, []string{"one", "two"}) || wrong != nil {
		t.Errorf("Load = %q, %v", got, wrong)
	}
	names, _ := filepath.Glob(filepath.Join(s.dir, ".*"))
	if len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}

// What cannot be read is told and set aside, the one before it is read, and the next write does not lose that.
func TestAnUnreadableSnapshotYieldsToThePrevious(t *testing.T) {
	s := open(t, t.TempDir())
	s.save(t, "one")
	s.save(t, "one", "two")
	damage := func(name string) {
		if err := os.Truncate(s.path(name), 30); err != nil {
			t.Fatal(err)
		}
	}
	damage(current)
	got, wrong := s.loaded(t)
	if !slices.Equal(got, []string{"one"}) || len(wrong) != 1 || !strings.Contains(wrong[0].Error(), current) {
		t.Errorf("Load = %q, %v", got, wrong)
	}
	s.save(t, "three")
	damage(current)
	if got, _ := s.loaded(t); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the previous snapshot is gone: %q", got)
	}
	damage(previous)
	if got, wrong := s.loaded(t); got != nil || len(wrong) != 1 {
		t.Errorf("Load = %q, %v, want one complaint", got, wrong)
	}
}

// Records of another form are of another version of the program.
func TestRecordsOfAnotherForm(t *testing.T) {
	s := open(t, t.TempDir())
	if Exists(s.dir) {
		t.Error("a snapshot exists in an empty directory")
	}
	if of := Of(s.dir); of != "" {
		t.Errorf("nobody's snapshot is of %q", of)
	}
	s.save(t, "one")
	if of := Of(s.dir); of != someHeader.Node {
		t.Errorf("the snapshot is of %q, want %q", of, someHeader.Node)
	}
	if !Exists(s.dir) {
		t.Error("no snapshot exists after one was saved")
	}
	if l, wrong := s.Load("others"); l != nil || len(wrong) != 1 || !strings.Contains(wrong[0].Error(), someHeader.Records) {
		t.Errorf("Load = %v, %v", l, wrong)
	}
}

// A process that was killed between the two renames leaves the previous snapshot.
func TestOnlyThePreviousIsThere(t *testing.T) {
	s := open(t, t.TempDir())
	s.save(t, "one")
	if err := os.Rename(s.path(current), s.path(previous)); err != nil {
		t.Fatal(err)
	}
	if got, wrong := s.loaded(t); !slices.Equal(got, []string{"one"}) || wrong != nil {
		t.Errorf("Load = %q, %v", got, wrong)
	}
}

func TestTheSecondIsToldWhoHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := Open(dir, "process 2")
	if held, ok := errors.AsType[*HeldError](err); !ok || held.Holder != "process 1 of the test" {
		t.Fatalf("Open = %v, want who has it", err)
	}
	s.Close()
	second, err := Open(dir, "process 2")
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	if _, err := second.Save(someHeader, records()); err == nil {
		t.Error("a closed store writes")
	}
}

// A directory that cannot be written does not keep anybody from starting, and says so at each write.
func TestADirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(file, "dir"), "x")
	if err != nil || s.Err() == nil {
		t.Fatalf("Open = %v, %v", err, s.Err())
	}
	if l, _ := s.Load(someHeader.Records); l != nil {
		t.Error("something is loaded from where nothing is")
	}
	if _, err := s.Save(someHeader, records()); err == nil {
		t.Error("Save says that it wrote")
	}
}

// What a killed process was writing is removed, and a write that fails leaves the last snapshots alone.
func TestWhatIsHalfDoneGoes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "."+current+"123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	s.save(t, "one")
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(someHeader, records("two")); err == nil {
		t.Error("Save into a directory that is gone says that it wrote")
	} else if _, again := s.Save(someHeader, records("two")); again == nil || again.Error() != err.Error() {
		t.Errorf("the same fault is told as %v and as %v", err, again)
	}
	s.dir = dir + "2"
	if got, _ := s.loaded(t); !slices.Equal(got, []string{"one"}) {
		t.Errorf("Load = %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(s.dir, ".*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}
