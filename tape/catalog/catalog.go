// Package catalog keeps what is on which cartridge, so that nobody has to load a tape to find out.
//
// For each volume there is VOLUME.yaml (the cartridge: read and written by sys/state, so strict,
// locked and crash-safe), VOLUME/archives.jsonl (one archive a line, appended; YAML would take
// seconds for ten thousand) and VOLUME/members-FILE.jsonl.zst (the member list of a tar archive).
// Everything in it is on the tapes too: a lost catalog is read back from them.
//
// An archive is announced before its first byte is written (Begin) and recorded when it is closed
// (Finish). A process that dies in between leaves the announcement, which says what is torn.
//
// Limits: volume names are file names, see CheckVolume; one archive is on one cartridge.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/tape/label"
)

// Version is the schema version of the catalog's files.
const Version = 1

const (
	yamlSuffix   = ".yaml"
	archivesName = "archives.jsonl"
	dirPerm      = 0o750
	filePerm     = 0o640
)

// Cartridge is what is known of one volume.
type Cartridge struct {
	SchemaVersion  int       `yaml:"schema_version"`
	Volume         string    `yaml:"volume"`
	UUID           string    `yaml:"uuid"`             // of its label
	Generation     string    `yaml:"generation"`       // e.g. "LTO-8"; "" when not known
	BlockSizeBytes int       `yaml:"block_size_bytes"` // as its label has it
	Labelled       time.Time `yaml:"labelled"`
	LastSeen       time.Time `yaml:"last_seen"`
	Location       string    `yaml:"location"`       // where it was seen: "vtl01:slot 3"; "" when not known
	CapacityBytes  int64     `yaml:"capacity_bytes"` // native; 0 when not known
	Writing        *InFlight `yaml:"writing,omitempty"`
	// Locked are the files that a scan could not read for want of their keys.
	Locked []LockedFile `yaml:"locked,omitempty"`
}

// LockedFile is an encrypted tape file of which the catalog knows no more than the id of its key.
type LockedFile struct {
	File  int64  `yaml:"file"`
	KeyID string `yaml:"key_id"`
}

// InFlight announces an archive that is being written.
type InFlight struct {
	File    int64     `yaml:"file"` // tape file number it will have
	Name    string    `yaml:"name"`
	Started time.Time `yaml:"started"`
	PID     int       `yaml:"pid"`
	Host    string    `yaml:"host"`
	KeyID   string    `yaml:"key_id,omitempty"` // of the key it is encrypted with
}

// Store is the catalog in one directory. It keeps nothing in memory: any number of processes use
// the same directory.
type Store struct {
	dir string
}

// NewStore gives the catalog in dir, which need not exist yet.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// CheckVolume tells whether the catalog can hold a volume of this name: one that label.CheckVolume
// allows and that is not the name of one of its own files. The error is errcode.NameInvalid.
func CheckVolume(volume string) error {
	if err := label.CheckVolume(volume); err != nil {
		return err
	}
	for _, suffix := range []string{yamlSuffix, ".lock"} {
		if strings.HasSuffix(strings.ToLower(volume), suffix) {
			return errcode.New(errcode.NameInvalid, fmt.Sprintf("%q", volume), "a volume name cannot end in %q", suffix)
		}
	}
	return nil
}

func (s *Store) yamlPath(volume string) string { return filepath.Join(s.dir, volume+yamlSuffix) }

func (s *Store) volumeDir(volume string) string { return filepath.Join(s.dir, volume) }

func (s *Store) archivesPath(volume string) string {
	return filepath.Join(s.volumeDir(volume), archivesName)
}

// Volumes lists the names of all volumes, sorted.
func (s *Store) Volumes() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var volumes []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), yamlSuffix)
		if ok && !e.IsDir() && CheckVolume(name) == nil {
			volumes = append(volumes, name)
		}
	}
	slices.Sort(volumes)
	return volumes, nil
}

// List gives all cartridges, sorted by volume. A file that cannot be read is an error, not a gap.
func (s *Store) List() ([]Cartridge, error) {
	volumes, err := s.Volumes()
	if err != nil {
		return nil, err
	}
	list := make([]Cartridge, 0, len(volumes))
	for _, v := range volumes {
		c, err := s.Get(v)
		if errcode.Of(err) == errcode.MediaNotFound {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *c)
	}
	return list, nil
}

// Get gives one cartridge; errcode.MediaNotFound when the catalog does not have it.
func (s *Store) Get(volume string) (*Cartridge, error) {
	if err := CheckVolume(volume); err != nil {
		return nil, err
	}
	var c Cartridge
	err := state.ReadYAML(s.yamlPath(volume), Version, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(volume)
	}
	if err != nil {
		return nil, err
	}
	return &c, s.check(volume, &c)
}

func notFound(volume string) error {
	return errcode.New(errcode.MediaNotFound, volume, "the catalog has no such cartridge")
}

func (s *Store) check(volume string, c *Cartridge) error {
	if c.Volume != volume {
		return errcode.New(errcode.StateInvalid, s.yamlPath(volume), "it describes volume %q", c.Volume)
	}
	return nil
}

// Put records a cartridge as it is given, new or known; its archives stay.
func (s *Store) Put(ctx context.Context, c Cartridge) error {
	if err := CheckVolume(c.Volume); err != nil {
		return err
	}
	return state.Update(ctx, s.yamlPath(c.Volume), Version, func(old *Cartridge) error {
		*old = c
		return nil
	})
}

// Update changes a cartridge that the catalog has, under its lock. change may return
// state.ErrUnchanged.
func (s *Store) Update(ctx context.Context, volume string, change func(*Cartridge) error) error {
	if err := CheckVolume(volume); err != nil {
		return err
	}
	return state.Update(ctx, s.yamlPath(volume), Version, func(c *Cartridge) error {
		if c.Volume == "" {
			return notFound(volume)
		}
		if err := s.check(volume, c); err != nil {
			return err
		}
		return change(c)
	})
}

// Forget drops a volume with all that is known of it. The lock file stays, as all do.
func (s *Store) Forget(ctx context.Context, volume string) error {
	return s.Update(ctx, volume, func(*Cartridge) error {
		// The cartridge goes first: what is left behind by a crash is not listed and is replaced by
		// the next Replace.
		if err := os.Remove(s.yamlPath(volume)); err != nil {
			return err
		}
		if err := os.RemoveAll(s.volumeDir(volume)); err != nil {
			return err
		}
		return state.ErrUnchanged
	})
}
