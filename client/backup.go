package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// A Backup is a registry for the case that no server can be reached when a program starts. It is never asked again later:
// what was fetched once is kept, however long the servers stay away.
type Backup interface {
	// Load returns the registry that was saved.
	Load(ctx context.Context) (*heureka.Applications, error)
	// Save is given the registry after it has changed, at most once a minute, unless it is empty. It must not change it.
	Save(ctx context.Context, apps *heureka.Applications) error
}

// A FileBackup is a Backup in a file of this name, in the JSON of GET /eureka/apps.
type FileBackup string

// Load reads the file.
func (f FileBackup) Load(context.Context) (*heureka.Applications, error) {
	body, err := os.ReadFile(string(f))
	if err != nil {
		return nil, err
	}
	apps, err := wire.DecodeApplications(wire.JSON, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(f), err)
	}
	return apps, nil
}

// Save replaces the file as a whole: whoever reads it, even after a crash, finds the old registry or the new one.
func (f FileBackup) Save(_ context.Context, apps *heureka.Applications) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(string(f)), filepath.Base(string(f))+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(document(apps))
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), string(f))
}

// document returns the JSON document of a registry.
func document(apps *heureka.Applications) []byte {
	form := wire.Form{Format: wire.JSON, Detail: wire.Full}
	b := form.AppendDocHead(nil, apps.Version, apps.Hash)
	for i, a := range apps.Apps {
		if i > 0 {
			b = append(b, form.Separator()...)
		}
		b = form.AppendAppHead(b, a.Name)
		for j, in := range a.Instances {
			if j > 0 {
				b = append(b, form.Separator()...)
			}
			b = form.AppendInstance(b, in, in.Lease)
		}
		b = form.AppendAppTail(b)
	}
	return form.AppendDocTail(b, apps.Version, apps.Hash)
}
