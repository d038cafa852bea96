package snapshot

import (
	"os"
	"path/filepath"
)

// A pending is what renameio has on other systems.
type pending struct {
	*os.File
	path string
	done bool
}

// create returns a file that takes the place of path when it is whole.
func create(path string) (*pending, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	return &pending{File: f, path: path}, err
}

// CloseAtomicallyReplace is as that of renameio.
func (p *pending) CloseAtomicallyReplace() error {
	if err := p.Close(); err != nil {
		return err
	}
	if err := os.Rename(p.Name(), p.path); err != nil {
		return err
	}
	p.done = true
	return nil
}

// Cleanup is as that of renameio.
func (p *pending) Cleanup() error {
	if p.done {
		return nil
	}
	_ = p.Close()
	return os.Remove(p.Name())
}

// syncDir has nothing to do here.
func syncDir(string) error { return nil }
