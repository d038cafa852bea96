//go:build !windows

package snapshot

import (
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// create returns a file that takes the place of path when it is whole.
func create(path string) (*renameio.PendingFile, error) {
	return renameio.TempFile(filepath.Dir(path), path)
}

// syncDir makes new names in a directory survive a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
