package vtl

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"calypso/sys/errcode"
	"calypso/vtl/image"
)

// librarySchema is the version of the library files that this program knows.
const librarySchema = 1

// The largest library.
const (
	maxDrives    = 100
	maxSlots     = 60_000
	maxMailSlots = 400
)

// Library is a virtual library as its file describes it.
type Library struct {
	SchemaVersion int           `yaml:"schema_version"`
	Name          string        `yaml:"name"`
	Created       time.Time     `yaml:"created"`
	Backing       string        `yaml:"backing"` // directory in which the library has its own
	Vendor        string        `yaml:"vendor"`
	Product       string        `yaml:"product"`
	Revision      string        `yaml:"revision"`
	Serial        string        `yaml:"serial"`
	Media         string        `yaml:"media"` // generation of the cartridges it was made with
	Slots         int           `yaml:"slots"`
	IOSlots       int           `yaml:"io_slots"`
	Drives        []DriveConfig `yaml:"drives"`
	Cartridges    []Cartridge   `yaml:"cartridges"`
	// Removing are cartridges that are no longer in the library while their images are being removed.
	Removing []string `yaml:"removing"`
}

// DriveConfig is one drive.
type DriveConfig struct {
	Vendor     string `yaml:"vendor"`
	Product    string `yaml:"product"`
	Revision   string `yaml:"revision"`
	Serial     string `yaml:"serial"`
	Generation string `yaml:"generation"`

	// Compression: the drive compresses unless a host says otherwise. Libraries without it do not.
	Compression bool `yaml:"compression,omitempty"`
}

// Cartridge is one cartridge and where it is.
type Cartridge struct {
	Barcode string `yaml:"barcode"`
	At      Place  `yaml:"at"`
	Home    Place  `yaml:"home"` // slot or mail slot that it is in or was in last
}

// dir is the library's own directory, tapesDir that of its cartridges, tapeDir that of one.
func (l *Library) dir() string                { return filepath.Join(l.Backing, l.Name) }
func (l *Library) tapesDir() string           { return filepath.Join(l.dir(), "tapes") }
func (l *Library) tapeDir(code string) string { return filepath.Join(l.tapesDir(), code) }

// At finds the cartridge in a place.
func (l *Library) At(p Place) (*Cartridge, bool) {
	return l.cartridge(func(c Cartridge) bool { return c.At == p })
}

// Find finds a cartridge by its barcode.
func (l *Library) Find(barcode string) (*Cartridge, bool) {
	return l.cartridge(func(c Cartridge) bool { return c.Barcode == barcode })
}

func (l *Library) cartridge(match func(Cartridge) bool) (*Cartridge, bool) {
	i := slices.IndexFunc(l.Cartridges, match)
	if i < 0 {
		return nil, false
	}
	return &l.Cartridges[i], true
}

// Has says whether the library has a place, errcode.SlotNotFound or DriveNotFound when not.
func (l *Library) Has(p Place) error {
	have, code := l.Slots, errcode.SlotNotFound
	switch p.Kind {
	case InDrive:
		have, code = len(l.Drives)-1, errcode.DriveNotFound
	case MailSlot:
		have = l.IOSlots
	}
	if p.Number < p.first() || p.Number > have {
		return errcode.New(code, l.Name, "has no %s %d", p.Kind, p.Number)
	}
	return nil
}

// TapeCount is how many cartridges the library has.
func (l *Library) TapeCount() int { return len(l.Cartridges) }

// LoadedIn is the barcode of the cartridge in a drive; "" when there is none.
func (l *Library) LoadedIn(drive int) string {
	if c, ok := l.At(Place{InDrive, drive}); ok {
		return c.Barcode
	}
	return ""
}

// Barcodes are those of all cartridges, ordered by place: slots, drives, mail slots.
func (l *Library) Barcodes() []string {
	cartridges := slices.Clone(l.Cartridges)
	slices.SortFunc(cartridges, func(a, b Cartridge) int { return a.At.compare(b.At) })
	codes := make([]string, len(cartridges))
	for i, c := range cartridges {
		codes[i] = c.Barcode
	}
	return codes
}

// freeSlot is the first empty slot.
func (l *Library) freeSlot() (Place, bool) {
	full := make(map[Place]bool, len(l.Cartridges))
	for _, c := range l.Cartridges {
		full[c.At] = true
	}
	for n := 1; n <= l.Slots; n++ {
		if p := (Place{Slot, n}); !full[p] {
			return p, true
		}
	}
	return Place{}, false
}

// check holds what the rest of the package relies on, for a file that anyone may have edited.
func (l *Library) check() error {
	switch {
	case CheckName(l.Name) != nil:
		return fmt.Errorf("name %q is not a name for a library", shorten(l.Name))
	case !filepath.IsAbs(l.Backing) || filepath.Clean(l.Backing) != l.Backing:
		return fmt.Errorf("backing %q is not an absolute, plain path", l.Backing)
	case !isGeneration(l.Media):
		return fmt.Errorf("media %q is not a known generation", l.Media)
	case l.Slots < 0 || l.Slots > maxSlots:
		return fmt.Errorf("slots: %d is not 0 to %d", l.Slots, maxSlots)
	case l.IOSlots < 0 || l.IOSlots > maxMailSlots:
		return fmt.Errorf("io_slots: %d is not 0 to %d", l.IOSlots, maxMailSlots)
	case len(l.Drives) > maxDrives:
		return fmt.Errorf("%d drives are more than %d", len(l.Drives), maxDrives)
	case !serialRule().MatchString(l.Serial):
		return fmt.Errorf("serial %q is not 1 to 32 of A-Z and 0-9", l.Serial)
	}
	if err := l.checkDrives(); err != nil {
		return err
	}
	if err := l.checkCartridges(); err != nil {
		return err
	}
	return l.checkRemoving()
}

func isGeneration(name string) bool {
	g, ok := image.GenerationByName(name)
	return ok && g.Name == name
}

func (l *Library) checkDrives() error {
	serials := map[string]bool{l.Serial: true}
	for i, d := range l.Drives {
		if !isGeneration(d.Generation) {
			return fmt.Errorf("drive %d: generation %q is not known", i, d.Generation)
		}
		if !serialRule().MatchString(d.Serial) || serials[d.Serial] {
			return fmt.Errorf("drive %d: serial %q is not 1 to 32 of A-Z and 0-9, or there twice", i, d.Serial)
		}
		if len(d.Vendor) > 8 || len(d.Product) > 16 || len(d.Revision) > 4 {
			return fmt.Errorf("drive %d: vendor, product or revision longer than 8, 16, 4", i)
		}
		serials[d.Serial] = true
	}
	return nil
}

func (l *Library) checkCartridges() error {
	codes, places := map[string]bool{}, map[Place]string{}
	for _, c := range l.Cartridges {
		if _, _, err := CheckBarcode(c.Barcode); err != nil {
			return fmt.Errorf("cartridge %w", err)
		}
		if codes[c.Barcode] {
			return fmt.Errorf("cartridge %s is there twice", c.Barcode)
		}
		if other, full := places[c.At]; full {
			return fmt.Errorf("cartridges %s and %s are both at %s", other, c.Barcode, c.At)
		}
		if l.Has(c.At) != nil {
			return fmt.Errorf("cartridge %s is at %s, which the library does not have", c.Barcode, c.At)
		}
		if c.Home.Kind == InDrive || l.Has(c.Home) != nil {
			return fmt.Errorf("cartridge %s has its home at %s, which is no slot of the library", c.Barcode, c.Home)
		}
		codes[c.Barcode], places[c.At] = true, c.Barcode
	}
	return nil
}

func (l *Library) checkRemoving() error {
	for _, code := range l.Removing {
		if _, _, err := CheckBarcode(code); err != nil {
			return fmt.Errorf("removing: %w", err)
		}
		if _, there := l.Find(code); there {
			return fmt.Errorf("cartridge %s is in the library and being removed", code)
		}
	}
	return nil
}
