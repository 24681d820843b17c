// Package whereabouts keeps where the cartridges of each library are known to be, one YAML file a changer, and
// says what is otherwise by now. A library tells where a cartridge is, not where it was left: only the
// comparison shows that one was moved by somebody else, or did not arrive.
//
// Limits: a cartridge is known by its barcode. One that cannot be read is known by its place alone.
package whereabouts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"calypso/sys/errcode"
	"calypso/sys/lock"
	"calypso/sys/state"
	"calypso/tape"
)

// Version is the schema version of the files.
const Version = 1

// Record is what is known of one library.
type Record struct {
	SchemaVersion int         `yaml:"schema_version"`
	Serial        string      `yaml:"serial"`   // of the changer
	Library       string      `yaml:"library"`  // its name, for who reads the file
	Accepted      time.Time   `yaml:"accepted"` // when all was taken for known as it was; zero: never
	Cartridges    []Cartridge `yaml:"cartridges"`
}

// Cartridge is one that is known to be somewhere.
type Cartridge struct {
	Barcode string    `yaml:"barcode"` // "" for one that cannot be read
	Place   string    `yaml:"place"`   // "slot 3", "drive 0", as tape.Element has it
	Seen    time.Time `yaml:"seen"`
	Trouble string    `yaml:"trouble,omitempty"` // of its last move, which failed; Place is where it was last then
}

// Move is what became of one.
type Move struct {
	Barcode  string
	From, To tape.Element // To is where it is; From when it is lost
	Trouble  string
}

// Store is the files in one directory. It keeps nothing in memory.
type Store struct{ dir string }

// NewStore gives the store in dir, which need not exist yet.
func NewStore(dir string) *Store { return &Store{dir} }

func (s *Store) path(serial string) string {
	return filepath.Join(s.dir, strings.TrimSuffix(lock.FileName(serial), ".lock")+".yaml")
}

// Get gives what is known of the library of a changer; of an unknown one, nothing. Errors: those of
// state.ReadYAML, errcode.StateInvalid.
func (s *Store) Get(serial string) (Record, error) {
	r := Record{Serial: serial}
	err := state.ReadYAML(s.path(serial), Version, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = r.check(s.path(serial), serial)
	}
	return r, err
}

func (r *Record) check(path, serial string) error {
	if r.Serial != serial {
		return errcode.New(errcode.StateInvalid, path, "is of the changer with serial number %s", r.Serial)
	}
	for _, c := range r.Cartridges {
		if _, err := parsePlace(c.Place); err != nil {
			return errcode.New(errcode.StateInvalid, path, "cartridge %q: %w", c.Barcode, err)
		}
	}
	return nil
}

// parsePlace reads what tape.Element.String writes: its kind and number.
func parsePlace(text string) (tape.Element, error) {
	for _, k := range []tape.Kind{tape.Slot, tape.IO, tape.DriveBay, tape.Transport} {
		e := tape.Element{Kind: k}
		number, ok := strings.CutPrefix(text, k.String()+" ")
		if _, err := fmt.Sscan(number, &e.Number); ok && err == nil && e.String() == text {
			return e, nil
		}
	}
	return tape.Element{}, fmt.Errorf("%q is no place of a library", text)
}

// Moved records where cartridges are after they were moved, or that they were lost.
func (s *Store) Moved(ctx context.Context, library, serial string, at time.Time, moves ...Move) error {
	return s.update(ctx, library, serial, func(r *Record) {
		for _, m := range moves {
			r.move(m, at)
		}
	})
}

func (r *Record) move(m Move, at time.Time) {
	r.Cartridges = slices.DeleteFunc(r.Cartridges, func(c Cartridge) bool {
		return c.Barcode == m.Barcode && (m.Barcode != "" || c.Place == m.From.String())
	})
	r.Cartridges = append(r.Cartridges, Cartridge{m.Barcode, m.To.String(), at.UTC().Truncate(time.Second), m.Trouble})
}

// Accept makes what the library reports all that is known.
func (s *Store) Accept(ctx context.Context, library, serial string, v tape.Inventory, at time.Time) error {
	return s.update(ctx, library, serial, func(r *Record) {
		at := at.UTC().Truncate(time.Second)
		r.Accepted, r.Cartridges = at, nil
		for _, e := range v.Elements {
			if e.Full {
				r.Cartridges = append(r.Cartridges, Cartridge{Barcode: e.Barcode, Place: e.String(), Seen: at})
			}
		}
	})
}

func (s *Store) update(ctx context.Context, library, serial string, change func(*Record)) error {
	path := s.path(serial)
	return state.Update(ctx, path, Version, func(r *Record) error {
		if r.SchemaVersion != 0 {
			if err := r.check(path, serial); err != nil {
				return err
			}
		}
		r.Serial, r.Library = serial, library
		change(r)
		return nil
	})
}
