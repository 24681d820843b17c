// Package discover finds the tape drives and changers of a host and joins the bays of libraries to the
// drives in them, and remembers libraries that were found (Store).
//
// The join is by serial number alone: what a library says of the drive in a bay (READ ELEMENT STATUS with
// DVCID, SMC-3 6.10) is compared with what the drive says of itself (VPD pages 80h, 83h and B1h). Numbers
// that the kernel gives change with every boot and are never compared. What cannot be proved stays
// unresolved, with the reason: a bay that was guessed is a tape in the wrong drive.
//
// Limits: drives that this host reaches over two paths count as two with one serial number.
package discover

import (
	"context"
	"fmt"
	"io"
	"strings"

	"calypso/tape"
	"calypso/tape/scsi"
	"calypso/tape/scsi/sg"
)

// Device is an open device.
type Device interface {
	scsi.Transport
	io.Closer
}

// Opener opens the device of a node to look at it.
type Opener func(sg.Node) (Device, error)

// Drive is a tape drive of the host.
type Drive struct {
	Node     sg.Node
	Identity tape.Identity
	Serial   string // what it is called by: VPD page 80h, else B1h; "" when it tells none
	Err      error  // why it could not be asked; nil: it was
}

// Changer is a changer of the host, with its places.
type Changer struct {
	Node      sg.Node
	Identity  tape.Identity
	Serial    string
	Inventory tape.Inventory
	Bays      []Bay
	Err       error // why it could not be asked
}

// Bay is a place for a drive in a library.
type Bay struct {
	tape.Element
	Drive  *Drive // nil: not known, for the Reason
	Reason string
}

// Host is what was found.
type Host struct {
	Drives   []Drive
	Changers []Changer
}

// Scan asks every device of nodes who it is, and every changer what is where. It moves and changes
// nothing. A device that does not answer is in the result with its error.
func Scan(ctx context.Context, nodes []sg.Node, open Opener) Host {
	var h Host
	for _, n := range nodes {
		switch n.Kind {
		case sg.Tape:
			h.Drives = append(h.Drives, scanDrive(ctx, n, open))
		case sg.Changer:
			h.Changers = append(h.Changers, scanChanger(ctx, n, open))
		}
	}
	for i := range h.Changers {
		h.join(&h.Changers[i])
	}
	return h
}

func scanDrive(ctx context.Context, n sg.Node, open Opener) Drive {
	d := Drive{Node: n, Serial: n.Serial}
	d.Err = with(n, open, func(t scsi.Transport) (err error) {
		drive := tape.NewDrive(t)
		drive.Name = n.Generic
		d.Identity, err = drive.Identify(ctx)
		return err
	})
	if d.Err == nil {
		d.Serial = serialOf(d.Identity)
	}
	return d
}

func scanChanger(ctx context.Context, n sg.Node, open Opener) Changer {
	c := Changer{Node: n, Serial: n.Serial}
	c.Err = with(n, open, func(t scsi.Transport) (err error) {
		changer := tape.NewChanger(t)
		changer.Name = n.Generic
		if c.Identity, err = changer.Identify(ctx); err != nil {
			return err
		}
		c.Serial = serialOf(c.Identity)
		c.Inventory, err = changer.InventoryWithDrives(ctx)
		return err
	})
	for _, e := range c.Inventory.Of(tape.DriveBay) {
		c.Bays = append(c.Bays, Bay{Element: e})
	}
	return c
}

// with opens a node for as long as it takes to ask it.
func with(n sg.Node, open Opener, ask func(scsi.Transport) error) error {
	d, err := open(n)
	if err != nil {
		return err
	}
	err = ask(d)
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

// serialOf is the serial number that a device is called by.
func serialOf(id tape.Identity) string {
	if id.Serial != "" {
		return id.Serial
	}
	return id.ManufacturerSerial
}

// join finds the drive of each bay, or says why there is none.
func (h *Host) join(c *Changer) {
	for i := range c.Bays {
		b := &c.Bays[i]
		b.Drive, b.Reason = h.driveOf(b.Element)
	}
	for i := range c.Bays { // one drive is in one place
		for j := range c.Bays {
			if i != j && c.Bays[i].Drive != nil && c.Bays[i].Drive == c.Bays[j].Drive {
				c.Bays[i].Reason = fmt.Sprintf("%s reports the same drive", c.Bays[j].Element)
			}
		}
	}
	for i := range c.Bays {
		if c.Bays[i].Reason != "" {
			c.Bays[i].Drive = nil
		}
	}
}

// driveOf finds the one drive that says of itself what the bay says of it.
func (h *Host) driveOf(e tape.Element) (*Drive, string) {
	if e.DriveSerial == "" {
		return nil, "the library does not tell which drive is here"
	}
	var found []*Drive
	for i := range h.Drives {
		if h.Drives[i].Is(e.DriveSerial) {
			found = append(found, &h.Drives[i])
		}
	}
	switch {
	case len(found) == 0:
		return nil, "this host has no drive with serial number " + e.DriveSerial
	case len(found) > 1:
		return nil, fmt.Sprintf("%s and %s have one serial number, %s", found[0].Node.Generic, found[1].Node.Generic, e.DriveSerial)
	}
	d := found[0]
	if d.Serial == "" {
		return nil, fmt.Sprintf("the drive at %s tells no serial number", d.Node.Generic)
	}
	if twin := h.twin(d); twin != nil {
		return nil, fmt.Sprintf("%s and %s have one serial number, %s", d.Node.Generic, twin.Node.Generic, d.Serial)
	}
	return d, ""
}

// twin is another drive that is called by the same serial number.
func (h *Host) twin(d *Drive) *Drive {
	for i := range h.Drives {
		if o := &h.Drives[i]; o != d && o.Serial == d.Serial {
			return o
		}
	}
	return nil
}

// Is says whether a library's name for a drive is this one's. Libraries tell the serial number that they
// assigned (page 80h), the drive's own (B1h), or the T10 vendor identification of page 83h, whole or its
// serial number (vendor 8, product 16, then the number).
func (d *Drive) Is(name string) bool {
	if name == "" {
		return false
	}
	id := d.Identity
	for _, own := range []string{d.Serial, id.Serial, id.ManufacturerSerial, id.T10ID, t10Serial(id.T10ID)} {
		if own == name {
			return true
		}
	}
	return false
}

// t10Serial is the serial number in a T10 vendor identification as LTO drives make it; "" in others.
func t10Serial(id string) string {
	const vendorProduct = 24
	if len(id) <= vendorProduct {
		return ""
	}
	return strings.TrimSpace(id[vendorProduct:])
}

// Serial asks an open device for the serial number that it is called by, "" when it tells none.
func Serial(ctx context.Context, t scsi.Transport, n sg.Node) (string, error) {
	var id tape.Identity
	var err error
	if n.Kind == sg.Changer {
		c := tape.NewChanger(t)
		c.Name = n.Generic
		id, err = c.Identify(ctx)
	} else {
		d := tape.NewDrive(t)
		d.Name = n.Generic
		id, err = d.Identify(ctx)
	}
	return serialOf(id), err
}
