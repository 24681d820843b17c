package tape

import (
	"context"
	"fmt"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Changer is a medium changer: the robot of a library (SMC-3).
type Changer struct {
	Unit
	assignment scsi.ElementAssignment
	assigned   bool
	askTwice   bool // VOLTAG and DVCID together were refused
	mayMove    bool // CURDATA was refused
}

// NewChanger makes a Changer of the transport. It sends nothing yet. Set Name for better errors.
func NewChanger(t scsi.Transport) *Changer { return &Changer{Unit: newUnit(t)} }

// Identify reads INQUIRY data and vital product data; see Drive.Identify.
func (c *Changer) Identify(ctx context.Context) (Identity, error) {
	return c.identify(ctx, scsi.ChangerDevice, "medium changer")
}

// Kind is a kind of place in a library.
type Kind int

// The kinds. A Slot is a storage element, IO an import/export element (mail slot).
const (
	Slot Kind = iota
	IO
	DriveBay
	Transport
)

func (k Kind) String() string { return [...]string{"slot", "io slot", "drive", "transport"}[k] }

// Assignment reads which element addresses the library uses (mode page 1Dh).
func (c *Changer) Assignment(ctx context.Context) (scsi.ElementAssignment, error) {
	if c.assigned {
		return c.assignment, nil
	}
	m, err := c.modeSense(ctx, true, scsi.PageElementAddress)
	if err != nil {
		return scsi.ElementAssignment{}, err
	}
	page := m.Page(scsi.PageElementAddress, 0)
	if page == nil {
		return scsi.ElementAssignment{}, c.garbled("mode sense", fmt.Errorf("no page %02Xh", scsi.PageElementAddress))
	}
	a, err := scsi.ParseElementAssignment(page.Raw)
	if err != nil {
		return a, c.garbled("mode sense", err)
	}
	c.assignment, c.assigned = a, true
	return a, nil
}

// Initialize makes the library look at every place anew, which can take half an hour.
func (c *Changer) Initialize(ctx context.Context) error {
	cdb := scsi.InitializeElementStatus()
	_, err := c.repeat(ctx, "initialize element status", cdb[:], nil, nil)
	return err
}

// Element is one place of a library.
type Element struct {
	Kind         Kind
	Number       int    // drives from 0; slots and io slots from 1
	Address      uint16 // element address
	Full         bool
	Barcode      string
	Tag, AltTag  string // the volume tags as they were sent, with their padding; also of empty places
	Source       int    // element address the cartridge came from, -1 unknown
	SourceField  uint16 // what is told as the source though it is said not to count: mtx goes by it
	DriveVendor  string
	DriveProduct string
	DriveSerial  string
	Cleaning     bool     // a cleaning cartridge
	Exception    bool     // something is wrong here; ASC says what
	ASC          scsi.ASC // 0 unless Exception
	Accessible   bool     // the robot can reach it now
	Disabled     bool
}

// String is what a person calls the place: "slot 3", "drive 0".
func (e Element) String() string { return fmt.Sprintf("%s %d", e.Kind, e.Number) }

// Inventory is what is where in a library, by kind and number.
type Inventory struct {
	Elements   []Element
	assignment scsi.ElementAssignment
}

// Of lists the places of a kind.
func (v Inventory) Of(k Kind) []Element {
	var list []Element
	for _, e := range v.Elements {
		if e.Kind == k {
			list = append(list, e)
		}
	}
	return list
}

// Find gives the place of this kind and number; errcode.SlotNotFound or DriveNotFound without one.
func (v Inventory) Find(k Kind, number int) (Element, error) {
	for _, e := range v.Elements {
		if e.Kind == k && e.Number == number {
			return e, nil
		}
	}
	code := errcode.SlotNotFound
	if k == DriveBay {
		code = errcode.DriveNotFound
	}
	return Element{}, errcode.New(code, "", "the library has no %s %d%s", k, number, v.span(k))
}

// span tells which numbers there are.
func (v Inventory) span(k Kind) string {
	list := v.Of(k)
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf(": it has %d to %d", list[0].Number, list[len(list)-1].Number)
}

// ByBarcode gives the place of a cartridge; errcode.BarcodeNotFound without one, BarcodeAmbiguous when two have it.
func (v Inventory) ByBarcode(barcode string) (Element, error) {
	var found []Element
	for _, e := range v.Elements {
		if e.Full && barcode != "" && strings.EqualFold(e.Barcode, barcode) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Element{}, errcode.New(errcode.BarcodeNotFound, "", "no cartridge %q in the library", barcode)
	}
	return Element{}, errcode.New(errcode.BarcodeAmbiguous, "", "a cartridge %q is in %s and in %s", barcode, found[0], found[1])
}

// ByAddress gives the place at an element address.
func (v Inventory) ByAddress(address uint16) (Element, bool) {
	for _, e := range v.Elements {
		if e.Address == address {
			return e, true
		}
	}
	return Element{}, false
}

// ByDriveSerial gives the bay of a drive; errcode.DriveNotFound when no bay reports it, DeviceAmbiguous when
// two do: a library that says so is wrong about one of them, and about which nobody knows.
func (v Inventory) ByDriveSerial(serial string) (Element, error) {
	var found []Element
	for _, e := range v.Elements {
		if e.Kind == DriveBay && serial != "" && e.DriveSerial == serial {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Element{}, errcode.New(errcode.DriveNotFound, "", "no drive with serial number %q in the library", serial)
	}
	return Element{}, errcode.New(errcode.DeviceAmbiguous, "", "the library says of %s and of %s that it is the one with serial number %q", found[0], found[1], serial)
}

// Free is the first empty slot that the robot can use; errcode.NoFreeSlot without one.
func (v Inventory) Free() (Element, error) {
	for _, e := range v.Elements {
		if e.Kind == Slot && !e.Full && !e.Disabled && !e.Exception {
			return e, nil
		}
	}
	return Element{}, errcode.New(errcode.NoFreeSlot, "", "every slot is full")
}
