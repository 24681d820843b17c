// Package cleaning keeps how often each cleaning cartridge was used, one YAML file a cartridge: a drive
// says that one has expired only after it was loaded in vain, and many libraries never say.
//
// The drive is right where the two disagree: a cartridge that it called expired is expired, whatever was
// counted here.
package cleaning

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"calypso/sys/state"
	"calypso/tape/catalog"
)

// Version is the schema version of the files.
const Version = 1

// Limit is how often an LTO cleaning cartridge cleans.
const Limit = 50

// Cartridge is what is known of one cleaning cartridge.
type Cartridge struct {
	SchemaVersion int       `yaml:"schema_version"`
	Barcode       string    `yaml:"barcode"`
	Uses          int       `yaml:"uses"`
	Limit         int       `yaml:"limit"`
	Expired       bool      `yaml:"expired"` // a drive said so
	LastUsed      time.Time `yaml:"last_used"`
	LastDrive     string    `yaml:"last_drive"` // its serial number
}

// UsedUp says whether the cartridge cleans no more.
func (c Cartridge) UsedUp() bool { return c.Expired || c.Uses >= c.Limit }

// Store is the files in one directory. It keeps nothing in memory.
type Store struct {
	dir string
}

// NewStore gives the store in dir, which need not exist yet.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// Path is the file of a cartridge.
func (s *Store) Path(barcode string) string { return filepath.Join(s.dir, barcode+".yaml") }

// Get gives what is known of a cartridge; of an unknown one, that it was never used. Errors:
// errcode.NameInvalid for a barcode that cannot be a file name, those of state.ReadYAML.
func (s *Store) Get(barcode string) (Cartridge, error) {
	fresh := Cartridge{SchemaVersion: Version, Barcode: barcode, Limit: Limit}
	if err := catalog.CheckVolume(barcode); err != nil {
		return fresh, err
	}
	var c Cartridge
	err := state.ReadYAML(s.Path(barcode), Version, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	return c, err
}

// Book records one use by the drive of this serial number, or that the drive found the cartridge expired,
// which uses nothing up.
func (s *Store) Book(ctx context.Context, barcode, drive string, at time.Time, expired bool) (Cartridge, error) {
	if err := catalog.CheckVolume(barcode); err != nil {
		return Cartridge{}, err
	}
	var booked Cartridge
	err := state.Update(ctx, s.Path(barcode), Version, func(c *Cartridge) error {
		if c.Limit == 0 {
			c.Limit = Limit
		}
		c.Barcode, c.LastUsed, c.LastDrive = barcode, at.UTC().Truncate(time.Second), drive
		if expired {
			c.Expired = true
		} else {
			c.Uses++
		}
		booked = *c
		return nil
	})
	return booked, err
}
