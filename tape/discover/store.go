package discover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/state"
	"calypso/tape"
)

const librarySchema = 1

// Library is a library of the host as it is remembered. Its robot may be told to move cartridges: whoever
// had it remembered said that it is his.
type Library struct {
	SchemaVersion int            `yaml:"schema_version"`
	Name          string         `yaml:"name"`
	Found         time.Time      `yaml:"found"`
	Vendor        string         `yaml:"vendor"`
	Product       string         `yaml:"product"`
	Serial        string         `yaml:"serial"` // of the changer
	Drives        []LibraryDrive `yaml:"drives"`
}

// LibraryDrive is the drive in a bay. Bays whose drive could not be proved are not there.
type LibraryDrive struct {
	Bay     int    `yaml:"bay"` // from 0, in the order of element addresses
	Serial  string `yaml:"serial"`
	Told    string `yaml:"told"` // what the library calls the drive; its serial number or another name of it
	Vendor  string `yaml:"vendor"`
	Product string `yaml:"product"`
}

// Remember makes the library of a changer that was found. Errors: errcode.DeviceUnsupported for a changer
// that tells no serial number, or that of its scan.
func (c *Changer) Remember(name string, now time.Time) (Library, error) {
	if c.Err != nil {
		return Library{}, c.Err
	}
	l := Library{Name: name, Found: now.UTC().Truncate(time.Second), Vendor: c.Identity.Vendor, Product: c.Identity.Product, Serial: c.Serial}
	if l.Serial == "" {
		return l, errcode.New(errcode.DeviceUnsupported, c.Node.Generic, "the changer tells no serial number, so it cannot be known again")
	}
	for _, b := range c.Bays {
		if d := b.Drive; d != nil {
			l.Drives = append(l.Drives, LibraryDrive{b.Number, d.Serial, b.DriveSerial, d.Identity.Vendor, d.Identity.Product})
		}
	}
	return l, nil
}

// Drive is the drive of a bay.
func (l *Library) Drive(bay int) (LibraryDrive, bool) {
	i := slices.IndexFunc(l.Drives, func(d LibraryDrive) bool { return d.Bay == bay })
	if i < 0 {
		return LibraryDrive{}, false
	}
	return l.Drives[i], true
}

// Same says whether what a bay tells of its drive fits the drive that is remembered there. A library that
// tells nothing, as one that is busy may, contradicts nothing.
func (l *Library) Same(e tape.Element, serial string) bool {
	if e.DriveSerial == "" {
		return true
	}
	for _, d := range l.Drives {
		if d.Serial == serial {
			return e.DriveSerial == serial || e.DriveSerial == d.Told
		}
	}
	return false
}

// BayOf is the bay of a drive; -1 without one.
func (l *Library) BayOf(serial string) int {
	for _, d := range l.Drives {
		if d.Serial == serial {
			return d.Bay
		}
	}
	return -1
}

func (l *Library) check() error {
	bays, serials := map[int]bool{}, map[string]bool{}
	if l.Serial == "" {
		return fmt.Errorf("serial is empty")
	}
	for _, d := range l.Drives {
		switch {
		case d.Bay < 0 || bays[d.Bay]:
			return fmt.Errorf("drives: bay %d is negative or there twice", d.Bay)
		case d.Serial == "" || serials[d.Serial]:
			return fmt.Errorf("drives: serial %q is empty or there twice", d.Serial)
		}
		bays[d.Bay], serials[d.Serial] = true, true
	}
	return nil
}

// Store is where the libraries of the host are remembered, one file each.
type Store struct{ dir string }

// NewStore makes a Store of a directory, which need not exist.
func NewStore(dir string) Store { return Store{dir} }

var nameRule = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`) })

// CheckName refuses what cannot be the name of a library, with errcode.NameInvalid.
func CheckName(name string) error {
	if !nameRule().MatchString(name) || name == "help" {
		return errcode.New(errcode.NameInvalid, fmt.Sprintf("%.40q", name), "not a name for a library").
			WithHint("use letters, digits, dots, underscores and hyphens, 32 at most")
	}
	return nil
}

func (s Store) path(name string) string { return filepath.Join(s.dir, name+".yaml") }

// Get reads a library. Errors: errcode.LibraryNotFound, StateInvalid naming the file, StateNewer.
func (s Store) Get(name string) (*Library, error) {
	if CheckName(name) != nil {
		return nil, errcode.New(errcode.LibraryNotFound, name, "no such library")
	}
	l := new(Library)
	err := state.ReadYAML(s.path(name), librarySchema, l)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errcode.New(errcode.LibraryNotFound, name, "no such library")
	}
	if err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, errcode.New(errcode.StateInvalid, s.path(name), "%w", err)
	}
	if l.Name != name {
		return nil, errcode.New(errcode.StateInvalid, s.path(name), "is the file of library %s", l.Name)
	}
	return l, nil
}

// List reads all, ordered by name. When some cannot be read it gives the others and the errors, joined.
func (s Store) List() ([]*Library, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []*Library
	var failed []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".yaml")
		if !ok || CheckName(name) != nil {
			continue
		}
		l, err := s.Get(name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		list = append(list, l)
	}
	return list, errors.Join(failed...)
}

// Put remembers a library, in place of what was known of the same changer. Errors: errcode.LibraryExists
// when another changer has the name.
func (s Store) Put(ctx context.Context, l Library) error {
	if err := CheckName(l.Name); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return errcode.New(errcode.DeviceUnsupported, l.Name, "%w", err)
	}
	return state.Update(ctx, s.path(l.Name), librarySchema, func(old *Library) error {
		if old.SchemaVersion != 0 && old.Serial != l.Serial {
			return errcode.New(errcode.LibraryExists, l.Name, "the name is that of the library with serial number %s", old.Serial).
				WithHint("choose another with --name")
		}
		*old = l
		return nil
	})
}

// BySerial finds the library of a changer; nil without one.
func BySerial(list []*Library, serial string) *Library {
	for _, l := range list {
		if l.Serial == serial {
			return l
		}
	}
	return nil
}
