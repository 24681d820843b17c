package smc

import (
	"fmt"
	"slices"

	"calypso/vtl/spc"
)

// Type is an element type code (SMC-3, READ ELEMENT STATUS).
type Type byte

// The element types.
const (
	AllTypes     Type = 0 // in a request only
	Transport    Type = 1
	Storage      Type = 2
	ImportExport Type = 3
	Drive        Type = 4
)

func (t Type) String() string {
	switch t {
	case Transport:
		return "transport"
	case Storage:
		return "slot"
	case ImportExport:
		return "mail slot"
	case Drive:
		return "drive"
	}
	return fmt.Sprintf("element type %d", byte(t))
}

// The first address of each type.
const (
	FirstTransport    = 1
	FirstImportExport = 101
	FirstDrive        = 501
	FirstStorage      = 1001
)

// MediumType is what kind of cartridge is in an element (descriptor byte 9).
type MediumType byte

// The medium types.
const (
	UnspecifiedMedium MediumType = 0
	DataMedium        MediumType = 1
	CleaningMedium    MediumType = 2
	WORMMedium        MediumType = 4
)

// Element is one place for a cartridge.
type Element struct {
	Address uint16
	Type    Type
	Full    bool
	Barcode string // of the cartridge; empty when it has none that can be read
	Medium  MediumType
	Source  uint16 // element the cartridge left last; 0: not known

	ByOperator bool         // IMPEXP: the cartridge in a mail slot was put there by hand
	NoAccess   bool         // the robot cannot reach it
	Exception  uint16       // ASC<<8 | ASCQ of an abnormal state; 0: none
	Device     spc.Identity // of a drive
}

// place puts the cartridge of another element into e.
func (e *Element) place(from Element) {
	e.Full, e.Barcode, e.Medium, e.Source = true, from.Barcode, from.Medium, from.Source
	if from.Type == Storage || from.Type == ImportExport {
		e.Source = from.Address
	}
	e.ByOperator = false
}

func (e *Element) clear() {
	e.Full, e.Barcode, e.Medium, e.Source, e.ByOperator = false, "", UnspecifiedMedium, 0, false
}

// Inventory is all elements of a library in ascending order of address; each type is one run of
// addresses without gaps.
type Inventory struct {
	Elements []Element
}

// NewInventory makes an empty library.
func NewInventory(drives []spc.Identity, slots, mailSlots int) (Inventory, error) {
	switch {
	case len(drives) > FirstStorage-FirstDrive:
		return Inventory{}, fmt.Errorf("inventory: %d drives, at most %d", len(drives), FirstStorage-FirstDrive)
	case mailSlots < 0 || mailSlots > FirstDrive-FirstImportExport:
		return Inventory{}, fmt.Errorf("inventory: %d mail slots, at most %d", mailSlots, FirstDrive-FirstImportExport)
	case slots < 0 || slots > 0x10000-FirstStorage:
		return Inventory{}, fmt.Errorf("inventory: %d slots, at most %d", slots, 0x10000-FirstStorage)
	}
	inv := Inventory{Elements: []Element{{Address: FirstTransport, Type: Transport}}}
	inv.add(ImportExport, FirstImportExport, mailSlots)
	inv.add(Drive, FirstDrive, len(drives))
	for i, id := range drives {
		inv.Elements[1+mailSlots+i].Device = id
	}
	inv.add(Storage, FirstStorage, slots)
	return inv, nil
}

func (inv *Inventory) add(t Type, first, n int) {
	for i := range n {
		inv.Elements = append(inv.Elements, Element{Address: uint16(first + i), Type: t})
	}
}

// check says what is wrong with an inventory.
func (inv Inventory) check() error {
	for i, e := range inv.Elements {
		if e.Type < Transport || e.Type > Drive {
			return fmt.Errorf("element %d: unknown type %d", e.Address, e.Type)
		}
		if len(e.Barcode) > volumeIDLength {
			return fmt.Errorf("element %d: barcode %q: longer than %d", e.Address, e.Barcode, volumeIDLength)
		}
		if i == 0 {
			continue
		}
		before := inv.Elements[i-1]
		if e.Address <= before.Address {
			return fmt.Errorf("element %d: behind element %d", e.Address, before.Address)
		}
		if e.Type == before.Type && e.Address != before.Address+1 || e.Type != before.Type && inv.count(e.Type, i) > 0 {
			return fmt.Errorf("element %d: a gap between it and the others of its type", e.Address)
		}
	}
	return nil
}

// count counts the elements of a type among the first n.
func (inv Inventory) count(t Type, n int) int {
	count := 0
	for _, e := range inv.Elements[:n] {
		if e.Type == t {
			count++
		}
	}
	return count
}

// Element finds an element by its address.
func (inv Inventory) Element(address uint16) (*Element, bool) {
	i, ok := slices.BinarySearchFunc(inv.Elements, address, func(e Element, a uint16) int {
		return int(e.Address) - int(a)
	})
	if !ok {
		return nil, false
	}
	return &inv.Elements[i], true
}

// rangeOf is the first address of a type and how many elements it has; 0, 0 when none.
func (inv Inventory) rangeOf(t Type) (first uint16, n int) {
	for _, e := range inv.Elements {
		if e.Type != t {
			continue
		}
		if n == 0 {
			first = e.Address
		}
		n++
	}
	return first, n
}

// clone copies the inventory, so that nobody changes the server's.
func (inv Inventory) clone() Inventory { return Inventory{Elements: slices.Clone(inv.Elements)} }

// Of lists the elements of a type.
func (inv Inventory) Of(t Type) []Element {
	return slices.DeleteFunc(slices.Clone(inv.Elements), func(e Element) bool { return e.Type != t })
}
