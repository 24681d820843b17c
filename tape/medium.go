package tape

import (
	"context"
	"errors"
	"strings"

	"calypso/sys/errcode"
	"calypso/tape/scsi"
)

// Medium is the loaded cartridge. Text that is not known is empty, a number -1.
type Medium struct {
	Generation      string // "LTO-8"; "" unknown
	DensityCode     byte   // of the mode header: a blank cartridge may show the drive's default
	MediumType      byte
	BlockLength     int // 0 variable
	WriteProtected  bool
	WORM            bool
	Barcode         string
	Manufacturer    string
	Serial          string
	ManufactureDate string // YYYYMMDD
	CapacityBytes   int64  // native, of the partition
	RemainingBytes  int64
	LoadCount       int64
	WrittenBytes    int64 // over the cartridge's life
	ReadBytes       int64
	Application     string // vendor and name of the software that last wrote its names to the memory
	UserText        string // the label that the software gave it
	Owner           string
	MediaPool       string
}

// Medium reads what is known of the loaded cartridge from the mode header and its memory. A
// cartridge memory that cannot be read leaves its fields unknown and is no error.
func (d *Drive) Medium(ctx context.Context) (Medium, error) {
	m := Medium{CapacityBytes: -1, RemainingBytes: -1, LoadCount: -1, WrittenBytes: -1, ReadBytes: -1}
	head, err := d.header(ctx)
	if err != nil {
		return m, err
	}
	m.DensityCode, m.MediumType = head.Density, head.MediumType
	m.WriteProtected, m.BlockLength = head.WriteProtected(), int(head.BlockLength)
	list, err := d.Attributes(ctx)
	if err != nil && !withoutMemory(err) {
		return m, err
	}
	m.setAttributes(list)
	m.Generation = generation(head.Density, mediumDensity(list))
	m.WORM = m.WORM || wormType(head.MediumType)
	return m, nil
}

// withoutMemory says that the cartridge's memory cannot be read, whatever the reason: host adapters
// refuse READ ATTRIBUTE, and the memory fails on its own (3/04/10). An empty drive is another matter.
func withoutMemory(err error) bool {
	var e *errcode.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case errcode.CommandRefused, errcode.TapeMediumError, errcode.DeviceError, errcode.PermissionDenied:
		return true
	}
	return false
}

func (m *Medium) setAttributes(list []Attribute) {
	for _, a := range list {
		switch a.ID {
		case scsi.AttrRemainingMiB:
			m.RemainingBytes = mebibytes(a)
		case scsi.AttrMaximumMiB:
			m.CapacityBytes = mebibytes(a)
		case scsi.AttrTotalWrittenMiB:
			m.WrittenBytes = mebibytes(a)
		case scsi.AttrTotalReadMiB:
			m.ReadBytes = mebibytes(a)
		case scsi.AttrLoadCount:
			m.LoadCount = number(a, 1)
		case scsi.AttrBarcode:
			m.Barcode = a.Text()
		case scsi.AttrManufacturer:
			m.Manufacturer = a.Text()
		case scsi.AttrMediumSerial:
			m.Serial = a.Text()
		case scsi.AttrManufactureDate:
			m.ManufactureDate = a.Text()
		case scsi.AttrAppVendor:
			m.Application = strings.TrimSpace(a.Text() + " " + m.Application)
		case scsi.AttrAppName:
			m.Application = strings.TrimSpace(m.Application + " " + a.Text())
		case scsi.AttrUserLabel:
			m.UserText = a.Text()
		case scsi.AttrOwningHost:
			m.Owner = a.Text()
		case scsi.AttrMediaPool:
			m.MediaPool = a.Text()
		case scsi.AttrMediumType:
			m.WORM = number(a, 1) == 0x80
		}
	}
}

// mebibytes gives a capacity attribute in bytes: MAM counts MiB, log pages count MB.
func mebibytes(a Attribute) int64 { return number(a, 1<<20) }

// number is the attribute's value times unit, -1 when it has none or it cannot be.
func number(a Attribute, unit int64) int64 {
	v, ok := a.Uint()
	if !ok || v > uint64(1<<63-1)/uint64(unit) {
		return -1
	}
	return int64(v) * unit
}

func mediumDensity(list []Attribute) byte {
	for _, a := range list {
		if a.ID == scsi.AttrMediumDensity && len(a.Value) == 1 {
			return a.Value[0]
		}
	}
	return 0
}

// wormType reads the medium type byte: 3Ch to ACh on LTO-3 and later, where n8h is a data cartridge.
func wormType(b byte) bool { return b&0x0F == 0x0C && b>>4 >= 3 }

// generations are the primary density codes of LTO. Type M is an LTO-7 cartridge that an LTO-8
// drive formatted.
var generations = map[byte]string{
	0x40: "LTO-1", 0x42: "LTO-2", 0x44: "LTO-3", 0x46: "LTO-4", 0x58: "LTO-5", 0x5A: "LTO-6",
	0x5C: "LTO-7", 0x5D: "LTO-7-M8", 0x5E: "LTO-8", 0x60: "LTO-9", 0x62: "LTO-10", 0x63: "LTO-10-P",
}

// generation names the cartridge by the density of the mode header and that of its memory. Capacity
// says nothing: partitions, type M and SET CAPACITY change it. When the two differ the memory is
// right, since a blank cartridge shows the drive's default density, but for type M, which only the
// format makes.
func generation(mode, memory byte) string {
	if name, ok := generations[memory]; ok && mode != 0x5D {
		return name
	}
	if name, ok := generations[mode]; ok {
		return name
	}
	return generations[memory]
}
