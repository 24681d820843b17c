package tape

import (
	"bytes"
	"context"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Attribute is a value of the cartridge's memory (MAM).
type Attribute = scsi.Attribute

// Room for the attributes of one answer. An LTO cartridge memory holds 16 KiB in all.
const attributeRoom = 64 << 10

// Attributes reads all attributes of the loaded cartridge, by ascending id.
func (d *Drive) Attributes(ctx context.Context) ([]Attribute, error) {
	return d.attributesFrom(ctx, 0)
}

// Attribute reads one attribute; nil when the cartridge does not have it.
func (d *Drive) Attribute(ctx context.Context, id uint16) (*Attribute, error) {
	// To ask from an id that does not exist is an error on some drives, so all are read.
	list, err := d.Attributes(ctx)
	for i := range list {
		if list[i].ID == id {
			return &list[i], err
		}
	}
	return nil, err
}

func (d *Drive) attributesFrom(ctx context.Context, first uint16) ([]Attribute, error) {
	var all []Attribute
	for {
		list, complete, err := d.readAttributes(ctx, first)
		if refused(err) && first == 0 {
			if id, listErr := d.firstAttribute(ctx); listErr == nil && id != 0 {
				first = id
				continue
			}
		}
		if err != nil {
			return all, err
		}
		all = append(all, list...)
		if complete || len(list) == 0 || list[len(list)-1].ID == 0xFFFF {
			return all, nil
		}
		first = list[len(list)-1].ID + 1
	}
}

func (d *Drive) readAttributes(ctx context.Context, first uint16) ([]Attribute, bool, error) {
	const op = "read attributes"
	data := make([]byte, attributeRoom)
	cdb := scsi.ReadAttribute(scsi.AttributeValues, first, uint32(len(data)))
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return nil, false, err
	}
	list, complete, err := scsi.ParseAttributes(data[:n])
	if err != nil {
		return nil, false, d.garbled(op, err)
	}
	return list, complete || n < len(data), nil // what is claimed beyond a short answer does not exist
}

// firstAttribute is for drives that refuse to begin at an id that the cartridge does not have.
func (d *Drive) firstAttribute(ctx context.Context) (uint16, error) {
	const op = "list attributes"
	data := make([]byte, 4096)
	cdb := scsi.ReadAttribute(scsi.AttributeList, 0, uint32(len(data)))
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return 0, err
	}
	ids, err := scsi.ParseAttributeList(data[:n])
	if err != nil || len(ids) == 0 {
		return 0, d.garbled(op, errEmptyList(err))
	}
	return ids[0], nil
}

func errEmptyList(err error) error {
	if err == nil {
		return scsi.ErrShort
	}
	return err
}

// SetAttribute writes one attribute and reads it back. An empty value deletes it. Ids outside the
// host's range are errcode.CommandRefused. scsi.NewAttribute makes text attributes.
func (d *Drive) SetAttribute(ctx context.Context, a Attribute) error {
	const op = "write attribute"
	list := scsi.AttributeParameters(a)
	cdb := scsi.WriteAttribute(true, uint32(len(list)))
	_, err := d.repeat(ctx, op, cdb[:], list, nil)
	if s, ok := scsi.SenseOf(err); ok && s.Key == scsi.IllegalRequest && s.ASC == scsi.ASCInvalidField {
		cdb = scsi.WriteAttribute(false, uint32(len(list))) // drives before WTC was defined
		_, err = d.repeat(ctx, op, cdb[:], list, nil)
	}
	if err != nil {
		return err
	}
	return d.verifyAttribute(ctx, op, a)
}

// verifyAttribute guards against host adapters and bridges that drop the command. Padding may come
// back otherwise than it was sent.
func (d *Drive) verifyAttribute(ctx context.Context, op string, want Attribute) error {
	got, err := d.Attribute(ctx, want.ID)
	if err != nil {
		return err
	}
	var value []byte
	if got != nil {
		value = got.Value
	}
	if !bytes.Equal(unpadded(value), unpadded(want.Value)) {
		return errcode.New(errcode.DeviceError, d.Name, "the cartridge did not keep attribute %04Xh", want.ID).WithOp(op)
	}
	return nil
}

func unpadded(b []byte) []byte { return bytes.TrimRight(b, " \x00") }
