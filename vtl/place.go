package vtl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"calypso/vtl/smc"
)

// Place is where a cartridge is in its library. Its text form is "slot-1", "drive-0" or "io-1".
type Place struct {
	Kind   PlaceKind
	Number int // drives count from 0, slots and mail slots from 1
}

// PlaceKind is what kind of element a Place is.
type PlaceKind string

// The kinds of places.
const (
	Slot     PlaceKind = "slot"
	MailSlot PlaceKind = "io"
	InDrive  PlaceKind = "drive"
)

func (p Place) String() string { return fmt.Sprintf("%s-%d", p.Kind, p.Number) }

// MarshalText gives the text form.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form, exactly as it is written.
func (p *Place) UnmarshalText(b []byte) error {
	kind, number, _ := strings.Cut(string(b), "-")
	n, err := strconv.Atoi(number)
	*p = Place{PlaceKind(kind), n}
	if err != nil || p.String() != string(b) || p.first() < 0 || n < p.first() {
		return fmt.Errorf("%q is not a place like slot-1, drive-0 or io-1", b)
	}
	return nil
}

// Words is the place as a person says it: "slot 3", "vtl01:0" for a drive, "io slot 1".
func (p Place) Words(library string) string {
	switch p.Kind {
	case InDrive:
		return fmt.Sprintf("%s:%d", library, p.Number)
	case MailSlot:
		return fmt.Sprintf("io slot %d", p.Number)
	}
	return fmt.Sprintf("slot %d", p.Number)
}

// compare orders places: slots, drives, mail slots, each by number.
func (p Place) compare(q Place) int {
	order := map[PlaceKind]int{Slot: 0, InDrive: 1, MailSlot: 2}
	return cmp.Or(order[p.Kind]-order[q.Kind], p.Number-q.Number)
}

// first is the lowest number of the kind, -1 for an unknown kind.
func (p Place) first() int {
	switch p.Kind {
	case InDrive:
		return 0
	case Slot, MailSlot:
		return 1
	}
	return -1
}

// address is the place's element address on the changer.
func (p Place) address() uint16 {
	switch p.Kind {
	case InDrive:
		return uint16(smc.FirstDrive + p.Number)
	case MailSlot:
		return uint16(smc.FirstImportExport + p.Number - 1)
	}
	return uint16(smc.FirstStorage + p.Number - 1)
}

// placeOf is the place with an element address that the changer has checked.
func placeOf(address uint16) Place {
	a := int(address)
	switch {
	case a >= smc.FirstStorage:
		return Place{Slot, a - smc.FirstStorage + 1}
	case a >= smc.FirstDrive:
		return Place{InDrive, a - smc.FirstDrive}
	}
	return Place{MailSlot, a - smc.FirstImportExport + 1}
}
