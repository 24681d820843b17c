package tape

import (
	"context"
	"slices"

	"calypso/tape/scsi"
)

// Bounds of one READ ELEMENT STATUS: some libraries return nothing for more elements, or cut their
// answer at 64 KiB whatever room there is.
const (
	elementChunk = 1000
	elementRoom  = 0xFFFF
)

// Inventory asks the library what is where. The library answers from its memory; Initialize makes
// it look.
func (c *Changer) Inventory(ctx context.Context) (Inventory, error) {
	a, err := c.Assignment(ctx)
	if err != nil {
		return Inventory{}, err
	}
	v := Inventory{assignment: a}
	for _, k := range []Kind{DriveBay, Slot, IO, Transport} {
		list, err := c.elements(ctx, k, elementRange(a, k))
		if err != nil {
			return Inventory{}, err
		}
		v.Elements = append(v.Elements, list...)
	}
	return v, nil
}

// element asks for one place.
func (c *Changer) element(ctx context.Context, k Kind, address uint16) (Element, bool, error) {
	list, err := c.elements(ctx, k, scsi.ElementRange{First: address, Count: 1})
	if err != nil || len(list) == 0 || list[0].Address != address {
		return Element{}, false, err
	}
	return list[0], true, nil
}

func elementRange(a scsi.ElementAssignment, k Kind) scsi.ElementRange {
	return [...]scsi.ElementRange{a.Slots, a.ImportExport, a.Drives, a.Transports}[k]
}

func elementType(k Kind) scsi.ElementType {
	return [...]scsi.ElementType{scsi.StorageElement, scsi.ImportElement, scsi.DriveElement, scsi.TransportElement}[k]
}

// elements asks for a range chunk by chunk. The kinds are asked for one by one, since only drives
// have device ids and since a robot's hand at address 0 upsets queries for all of them.
func (c *Changer) elements(ctx context.Context, k Kind, r scsi.ElementRange) ([]Element, error) {
	var list []Element
	for next, end := int(r.First), int(r.First)+int(r.Count); next < end; {
		q := scsi.ElementQuery{Type: elementType(k), Start: uint16(next), Count: uint16(min(end-next, elementChunk)),
			VolumeTags: true, DeviceIDs: k == DriveBay, Alloc: elementRoom}
		chunk, err := c.chunk(ctx, q)
		if err != nil {
			return nil, err
		}
		last := next - 1
		for _, s := range chunk {
			if int(s.Address) > last && int(s.Address) < end && s.Type == q.Type {
				list = append(list, c.place(k, s))
				last = int(s.Address)
			}
		}
		if last < next { // nothing new: the library has no more
			break
		}
		next = last + 1
	}
	return list, nil
}

// place makes an Element of a status.
func (c *Changer) place(k Kind, s scsi.ElementStatus) Element {
	e := Element{Kind: k, Address: s.Address, Full: s.Full, Source: -1, SourceField: s.SourceField, Barcode: s.Barcode, Tag: s.Tag, AltTag: s.AltTag,
		DriveVendor: s.DeviceVendor, DriveProduct: s.DeviceModel, DriveSerial: s.DeviceSerial,
		Cleaning: s.Full && s.MediumType == 2, Exception: s.Except, Accessible: s.Accessible, Disabled: s.Disabled}
	if !e.Full {
		e.Barcode = "" // some libraries keep the tag of what was there
	}
	if s.Except {
		e.ASC = s.ASC
	}
	if s.SourceValid && s.Full {
		e.Source = int(s.Source)
	}
	e.Number = int(s.Address) - int(elementRange(c.assignment, k).First)
	if k == Slot || k == IO {
		e.Number++
	}
	return e
}

// chunk asks with everything at once, then, when the library refuses, without CURDATA, then with
// two questions.
func (c *Changer) chunk(ctx context.Context, q scsi.ElementQuery) ([]scsi.ElementStatus, error) {
	q.CurrentData = !c.mayMove
	if q.DeviceIDs && c.askTwice {
		return c.chunkTwice(ctx, q)
	}
	list, err := c.readElements(ctx, q)
	if refused(err) && q.CurrentData {
		q.CurrentData = false
		if list, err = c.readElements(ctx, q); err == nil {
			c.mayMove = true
		}
	}
	if refused(err) && q.DeviceIDs {
		q.CurrentData = !c.mayMove
		if list, err = c.chunkTwice(ctx, q); err == nil {
			c.askTwice = true
		}
	}
	return list, err
}

// chunkTwice asks for the barcodes and for the drives' ids separately. A library that tells no
// drive ids still has an inventory.
func (c *Changer) chunkTwice(ctx context.Context, q scsi.ElementQuery) ([]scsi.ElementStatus, error) {
	tags := q
	tags.DeviceIDs = false
	list, err := c.chunk(ctx, tags)
	if err != nil {
		return nil, err
	}
	q.VolumeTags, q.CurrentData = false, !c.mayMove
	ids, err := c.readElements(ctx, q)
	if err != nil {
		return list, ignoreRefused(err)
	}
	for i := range list {
		mergeDevice(&list[i], ids)
	}
	return list, nil
}

func mergeDevice(e *scsi.ElementStatus, ids []scsi.ElementStatus) {
	i := slices.IndexFunc(ids, func(id scsi.ElementStatus) bool { return id.Address == e.Address })
	if i >= 0 {
		e.DeviceVendor, e.DeviceModel, e.DeviceSerial = ids[i].DeviceVendor, ids[i].DeviceModel, ids[i].DeviceSerial
	}
}

func (c *Changer) readElements(ctx context.Context, q scsi.ElementQuery) ([]scsi.ElementStatus, error) {
	const op = "read element status"
	cdb := scsi.ReadElementStatus(q)
	data := make([]byte, q.Alloc)
	n, err := c.repeat(ctx, op, cdb[:], nil, data)
	if s, ok := scsi.SenseOf(err); ok && s.Key == scsi.NotReady && notReadyState(s.ASC) == BecomingReady {
		if err := c.WaitReady(ctx); err != nil { // the library is still looking at its places
			return nil, err
		}
		n, err = c.repeat(ctx, op, cdb[:], nil, data)
	}
	if err != nil {
		return nil, err
	}
	r, err := scsi.ParseElementStatus(data[:n])
	if err != nil {
		return nil, c.garbled(op, err)
	}
	if len(r.Elements) == 0 && r.Cut != nil { // asked for again, it is no more whole
		return []scsi.ElementStatus{*r.Cut}, nil
	}
	return r.Elements, nil
}
