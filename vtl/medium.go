package vtl

import (
	"errors"
	"fmt"

	"calypso/vtl/image"
	"calypso/vtl/ssc"
)

// medium is an image as the drive's device server wants it.
type medium struct{ *image.Tape }

var _ ssc.Medium = medium{}

func (m medium) At(lba int64) (ssc.Object, error) {
	o, err := m.Tape.At(lba)
	return ssc.Object(o), err
}

func (m medium) WriteBlock(lba int64, p []byte) error {
	return full(m.Tape.WriteBlock(lba, p))
}

func (m medium) WriteFilemarks(lba, n int64) error {
	return full(m.Tape.WriteFilemarks(lba, n))
}

// full lets the server recognise the end of the medium.
func full(err error) error {
	if errors.Is(err, image.ErrFull) {
		return fmt.Errorf("%w: %w", ssc.ErrFull, err)
	}
	return err
}

func (m medium) Meta() ssc.Meta {
	meta := m.Tape.Meta()
	return toServer(&meta)
}

func (m medium) SetMeta(change func(*ssc.Meta)) error {
	return m.Tape.SetMeta(func(meta *image.Meta) {
		v := toServer(meta)
		change(&v)
		fromServer(meta, v)
	})
}

func toServer(m *image.Meta) ssc.Meta {
	v := ssc.Meta{
		Barcode: m.Barcode, Generation: m.Generation,
		MediumSerial: m.MediumSerial, Manufacturer: m.Manufacturer, ManufactureDate: m.ManufactureDate,
		WriteProtect: m.WriteProtect, WORM: m.WORM, LoadCount: m.LoadCount,
		LifetimeWrittenBytes: m.LifetimeWrittenBytes, LifetimeReadBytes: m.LifetimeReadBytes,
	}
	for _, a := range m.Attributes {
		v.Attributes = append(v.Attributes, ssc.Attribute(a))
	}
	return v
}

// fromServer takes over what a drive may change: a cartridge's making is not up to it.
func fromServer(m *image.Meta, v ssc.Meta) {
	m.LoadCount = v.LoadCount
	m.Attributes = nil
	for _, a := range v.Attributes {
		m.Attributes = append(m.Attributes, image.Attribute(a))
	}
}
