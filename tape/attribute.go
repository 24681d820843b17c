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
	return d.AttributesOf(ctx, 0)
}

// AttributesOf reads all attributes of one partition: those of the medium are the same for each, those
// of the partition (capacity, coherency) are not.
func (d *Drive) AttributesOf(ctx context.Context, partition uint8) ([]Attribute, error) {
	return d.attributesFrom(ctx, partition, 0)
}

// Attribute reads one attribute; nil when the cartridge does not have it.
func (d *Drive) Attribute(ctx context.Context, id uint16) (*Attribute, error) {
	return d.AttributeOf(ctx, 0, id)
}

// AttributeOf reads one attribute of a partition; nil when the cartridge does not have it.
func (d *Drive) AttributeOf(ctx context.Context, partition uint8, id uint16) (*Attribute, error) {
	// To ask from an id that does not exist is an error on some drives, so all are read.
	list, err := d.AttributesOf(ctx, partition)
	for i := range list {
		if list[i].ID == id {
			return &list[i], err
		}
	}
	return nil, err
}

func (d *Drive) attributesFrom(ctx context.Context, partition uint8, first uint16) ([]Attribute, error) {
	var all []Attribute
	for {
		list, complete, err := d.readAttributes(ctx, partition, first)
		if refused(err) && first == 0 {
			if id, listErr := d.firstAttribute(ctx, partition); listErr == nil && id != 0 {
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

func (d *Drive) readAttributes(ctx context.Context, partition uint8, first uint16) ([]Attribute, bool, error) {
	const op = "read attributes"
	data := make([]byte, attributeRoom)
	cdb := scsi.ReadAttribute(scsi.AttributeValues, first, uint32(len(data)))
	cdb[7] = partition
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
func (d *Drive) firstAttribute(ctx context.Context, partition uint8) (uint16, error) {
	ids, err := d.attributeIDs(ctx, scsi.AttributeList, partition)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 0:
		return 0, d.garbled("list attributes", scsi.ErrShort)
	}
	return ids[0], nil
}

// SupportedAttributes lists the ids that the drive knows, of attributes that the cartridge has or could
// have. Many drives do not tell: errcode.CommandRefused.
func (d *Drive) SupportedAttributes(ctx context.Context) ([]uint16, error) {
	return d.attributeIDs(ctx, scsi.SupportedAttributes, 0)
}

func (d *Drive) attributeIDs(ctx context.Context, action scsi.AttributeAction, partition uint8) ([]uint16, error) {
	const op = "list attributes"
	data := make([]byte, 4096)
	cdb := scsi.ReadAttribute(action, 0, uint32(len(data)))
	cdb[7] = partition
	n, err := d.repeat(ctx, op, cdb[:], nil, data)
	if err != nil {
		return nil, err
	}
	ids, err := scsi.ParseAttributeList(data[:n])
	if err != nil {
		return nil, d.garbled(op, err)
	}
	return ids, nil
}

// SetAttribute writes one attribute and reads it back. An empty value deletes it. What the drive does
// not let hosts write is errcode.CommandRefused, a cartridge memory that then holds something else
// errcode.AttributeMismatch.
func (d *Drive) SetAttribute(ctx context.Context, a Attribute) error {
	return d.SetAttributeOf(ctx, 0, a)
}

// SetAttributeOf is SetAttribute for one partition.
func (d *Drive) SetAttributeOf(ctx context.Context, partition uint8, a Attribute) error {
	const op = "write attribute"
	list := scsi.AttributeParameters(a)
	cdb := scsi.WriteAttribute(true, uint32(len(list)))
	cdb[7] = partition
	_, err := d.repeat(ctx, op, cdb[:], list, nil)
	if s, ok := scsi.SenseOf(err); ok && s.Key == scsi.IllegalRequest && s.ASC == scsi.ASCInvalidField {
		cdb[1] = 0 // drives before WTC was defined
		_, err = d.repeat(ctx, op, cdb[:], list, nil)
	}
	if err != nil {
		return err
	}
	return d.verifyAttribute(ctx, op, partition, a)
}

// verifyAttribute guards against host adapters and bridges that drop the command. Padding may come
// back otherwise than it was sent.
func (d *Drive) verifyAttribute(ctx context.Context, op string, partition uint8, want Attribute) error {
	got, err := d.AttributeOf(ctx, partition, want.ID)
	if err != nil {
		return err
	}
	var value []byte
	if got != nil {
		value = got.Value
	}
	if !sameValue(want, value) {
		return errcode.New(errcode.AttributeMismatch, d.Name, "the cartridge did not keep attribute %04Xh: it is % X", want.ID, value).WithOp(op)
	}
	return nil
}

// sameValue compares text without its padding; a binary value has none.
func sameValue(want Attribute, got []byte) bool {
	if want.Format == scsi.BinaryFormat && len(want.Value) > 0 {
		return bytes.Equal(want.Value, got)
	}
	return bytes.Equal(unpadded(want.Value), unpadded(got))
}

func unpadded(b []byte) []byte { return bytes.TrimRight(b, " \x00") }
