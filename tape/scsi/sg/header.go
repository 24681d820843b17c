package sg

import "unsafe"

// header is struct sg_io_hdr of <scsi/sg.h>. Its pointers are kept as numbers: what they point to is
// pinned for as long as the driver may use it.
type header struct {
	interfaceID  int32
	direction    int32
	cdbLength    uint8
	senseRoom    uint8
	iovecCount   uint16
	dataLength   uint32
	data         uintptr
	cdb          uintptr
	sense        uintptr
	timeout      uint32 // milliseconds
	flags        uint32
	packID       int32
	_            [unsafe.Sizeof(uintptr(0)) - 4]byte
	user         uintptr
	status       uint8
	maskedStatus uint8
	message      uint8
	senseLength  uint8
	hostStatus   uint16
	driverStatus uint16
	residual     int32
	duration     uint32 // milliseconds
	info         uint32
}

// Values of the header's fields.
const (
	interfaceSCSI = 'S'

	noData     = -1
	toDevice   = -2
	fromDevice = -3

	senseBytes = 252 // the most that SPC-5 lets sense data have

	driverSense = 0x08 // there is sense data: no fault of the driver
)

const headerSize = int(unsafe.Sizeof(header{}))

// bytes is the header as read(2) and write(2) want it.
func (h *header) bytes() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(h)), headerSize) }
