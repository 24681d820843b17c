package vtl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"calypso/sys/state"
	"calypso/vtl/ssc"
)

// What a drive remembers of its own life lies beside the images of its library: it outlives a reboot, as in
// a real drive.
type lifetimeFile struct {
	SchemaVersion int          `json:"schema_version"`
	Serial        string       `json:"serial"`
	Lifetime      ssc.Lifetime `json:"lifetime"`
}

const (
	lifetimeSchema   = 1
	maxLifetimeBytes = 1 << 20 // a drive keeps a few kilobytes
)

func (l *Library) lifetimesDir() string { return filepath.Join(l.dir(), "drives") }

func (l *Library) lifetimePath(n int) string {
	return filepath.Join(l.lifetimesDir(), fmt.Sprintf("drive-%d.json", n))
}

// readLifetime reads what drive n remembers: nil when it is new. A file that cannot be used is no reason not
// to play the drive: it is the error, and the drive starts anew.
func (l *Library) readLifetime(n int) (*ssc.Lifetime, error) {
	path := l.lifetimePath(n)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLifetimeBytes))
	if err != nil {
		return nil, err
	}
	life, err := decodeLifetime(data, l.Drives[n].Serial)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return life, nil
}

func decodeLifetime(data []byte, serial string) (*ssc.Lifetime, error) {
	var v lifetimeFile
	switch err := json.Unmarshal(data, &v); {
	case err != nil:
		return nil, err
	case v.SchemaVersion != lifetimeSchema:
		return nil, fmt.Errorf("schema_version %d is not %d", v.SchemaVersion, lifetimeSchema)
	case v.Serial != serial:
		return nil, fmt.Errorf("is that of drive %q, not of %q", v.Serial, serial)
	}
	return &v.Lifetime, nil
}

// writeLifetime keeps what drive n remembers, in one step.
func (l *Library) writeLifetime(n int, life ssc.Lifetime) error {
	data, err := json.MarshalIndent(lifetimeFile{lifetimeSchema, l.Drives[n].Serial, life}, "", "  ")
	if err != nil {
		return err
	}
	return state.WriteFile(l.lifetimePath(n), append(data, '\n'), 0o640)
}

// setAside moves a file that could not be used out of the way, so that it is not overwritten: perhaps a
// newer program knows it. The next one to be set aside replaces it.
func (l *Library) setAside(n int) error {
	path := l.lifetimePath(n)
	return os.Rename(path, path+".unusable")
}

// keepLifetime is the end of a use of the drive. Counters are not worth a failed backup: where the disk is
// full, or the images' directory is not there, they stay as they were.
func (d *Drive) keepLifetime() error {
	if _, err := os.Stat(d.library.dir()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	life, changed := d.server.Lifetime()
	if !changed {
		return nil
	}
	if d.lifeErr != nil {
		if err := d.library.setAside(d.key.number); err != nil {
			return err
		}
	}
	err := d.library.writeLifetime(d.key.number, life)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	return err
}

// Warning is what was wrong with the memory of the drive itself when it was opened; nil: nothing. The drive
// works, with its counters started anew.
func (d *Drive) Warning() error { return d.lifeErr }
